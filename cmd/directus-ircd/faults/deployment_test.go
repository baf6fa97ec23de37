package faults

import (
	"context"

	"directus-ircd/directus/directustest"
)

// deploymentFaults are those of what Directus stands on, where the database that was chosen has it.
func (w *world) deploymentFaults() (list []fault) {
	if w.dx.Database() != directustest.SQLite {
		list = append(list,
			fault{name: "database restarted", commit: func(_ context.Context, w *world) { w.dx.StopDatabase(); w.dx.StartDatabase() }},
			fault{name: "database away", commit: func(ctx context.Context, w *world) {
				w.dx.StopDatabase()
				pause(ctx, brief)
				w.dx.StartDatabase()
			}})
	}
	if w.dx.Database() == directustest.Cluster {
		list = append(list,
			fault{name: "one Directus killed", cuts: true, commit: killOne(0)},
			fault{name: "the other Directus killed", cuts: true, commit: killOne(1)},
			fault{name: "Redis restarted", commit: func(_ context.Context, w *world) { w.dx.StopRedis(); w.dx.StartRedis() }},
			fault{name: "Redis away", commit: func(ctx context.Context, w *world) {
				w.dx.StopRedis()
				pause(ctx, lasting)
				w.dx.StartRedis()
				w.dx.StartNodes() // Directus has ended by itself
			}},
			fault{name: "proxy reloaded", brief: true, cuts: true, commit: func(ctx context.Context, w *world) {
				w.dx.ReloadProxy()
				pause(ctx, brief) // until the old worker has cut what is left
			}})
	}
	return list
}

// killOne kills one process of Directus, and starts it again when the other one has borne the load for a while.
func killOne(i int) func(context.Context, *world) {
	return func(ctx context.Context, w *world) {
		w.dx.KillNode(i)
		pause(ctx, brief)
		w.dx.StartNodes()
	}
}
