package faults

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"directus-ircd/directus/directustest"
)

// fault is something that goes wrong and is mended.
type fault struct {
	name  string
	brief bool // shorter than the time limit of sending: no sender may be refused
	cuts  bool // what is on its way is lost: a message that nothing marks may be in doubt
	told  bool // longer: every sender over IRC is told, and has to be connected
	whole bool // everybody has to be connected
	// commit returns when the fault is mended.
	commit func(ctx context.Context, w *world)
}

// faults are what a run commits, each at least once.
var faults = []fault{
	{name: "Directus killed, restarted with refresh tokens that expire", whole: true, commit: expireSessions},
	{name: "Directus frozen", told: true, commit: freeze(lasting)},
	{name: "path refused briefly", brief: true, cuts: true, commit: func(ctx context.Context, w *world) {
		w.proxy.Refuse()
		pause(ctx, brief/2)
		w.whisper(ctx)
		w.mendAfter(ctx, brief/2)
	}},
	{name: "path cut up", brief: true, cuts: true, commit: cut(directustest.Up)},
	{name: "path cut down", brief: true, cuts: true, commit: cut(directustest.Down)},
	{name: "path cut", brief: true, cuts: true, commit: cut(directustest.Up, directustest.Down)},
	{name: "answers lost", brief: true, cuts: true, commit: loseAnswers},
	{name: "path severed", brief: true, cuts: true, commit: sever},
	{name: "path stalled up", brief: true, commit: stall(brief, directustest.Up)},
	{name: "path stalled down", brief: true, commit: stall(brief, directustest.Down)},
	{name: "path delayed up", brief: true, commit: delay(directustest.Up)},
	{name: "path delayed down", brief: true, commit: delay(directustest.Down)},
	{name: "events swapped", brief: true, commit: func(ctx context.Context, w *world) { w.proxy.Rotate(); w.mendAfter(ctx, brief) }},
	{name: "read permission revoked", commit: revoke("read")},
	{name: "read permission of guests revoked", commit: revokeGuests},
	{name: "create permission revoked", commit: revoke("create")},
	{name: "user suspended", whole: true, commit: suspend},
	{name: "tokens given to others", whole: true, commit: moveTokens},
	{name: "messages changed and deleted by others", whole: true, commit: change},
	{name: "clients left behind", whole: true, commit: lagAll},
	{name: "daemons restarted", commit: restart},
	{name: "daemons killed", commit: func(ctx context.Context, w *world) {
		for _, d := range w.daemons {
			w.anew(ctx, d, d.kill)
		}
	}},
}

// longFaults take longer than a short run has.
var longFaults = []fault{
	{name: "Directus frozen briefly", brief: true, commit: freeze(brief)},
	{name: "path stalled up for long", told: true, commit: stall(lasting, directustest.Up)},
	{name: "path stalled down for long", told: true, commit: stall(lasting, directustest.Down)},
	{name: "path refused for long", told: true, commit: func(ctx context.Context, w *world) { w.proxy.Refuse(); w.mendAfter(ctx, lasting) }},
	{name: "Directus killed and restarted", commit: func(_ context.Context, w *world) { w.dx.Restart() }},
}

func (w *world) mendAfter(ctx context.Context, d time.Duration) {
	pause(ctx, d)
	w.proxy.Mend()
}

func freeze(d time.Duration) func(context.Context, *world) {
	return func(ctx context.Context, w *world) {
		w.dx.Pause()
		pause(ctx, d)
		w.dx.Resume()
	}
}

func cut(dirs ...directustest.Direction) func(context.Context, *world) {
	return func(ctx context.Context, w *world) {
		w.proxy.Cut(dirs...)
		w.whisper(ctx)
	}
}

// loseAnswers loses the answer of Directus to a message of each busy channel, twice: it is stored, and its sender not told.
func loseAnswers(ctx context.Context, w *world) {
	for i := range 2 * len(busy) {
		w.proxy.CutDown(healthy, func(frame []byte) bool {
			k, ok := parseKey(string(frame))
			return ok && bytes.Contains(frame, []byte(`"type":"items"`)) && channelOf(k) == busy[i%len(busy)]
		})
		pause(ctx, reconnection)
	}
}

// sever breaks the path for the daemon while a message of each busy channel is on its way, which Directus stores a moment
// later.
func sever(ctx context.Context, w *world) {
	for _, channel := range busy {
		w.proxy.Delay(lateness, directustest.Up)
		begin := time.Now()
		w.book.await(ctx, healthy, func() bool {
			for _, x := range w.writers {
				if l := w.book.letters[x.last]; l != nil && l.outcome == pending && l.channel == channel && l.asked.After(begin) {
					return true
				}
			}
			return false
		})
		pause(ctx, lateness/5) // until it is on the path
		w.proxy.Sever()
		pause(ctx, reconnection)
	}
}

func stall(d time.Duration, dir directustest.Direction) func(context.Context, *world) {
	return func(ctx context.Context, w *world) {
		w.proxy.Stall(dir)
		w.mendAfter(ctx, d)
	}
}

func delay(dir directustest.Direction) func(context.Context, *world) {
	return func(ctx context.Context, w *world) {
		w.proxy.Delay(300*time.Millisecond, dir)
		w.mendAfter(ctx, brief/2)
	}
}

func restart(ctx context.Context, w *world) {
	for _, d := range w.daemons {
		w.anew(ctx, d, func() {
			if err := d.stop(); err != nil {
				w.fail("the end of the daemon %q: %v", d.name, err)
			}
		})
	}
}

// expireSessions restarts Directus with a short life for refresh tokens, until the session of everybody on IRC has
// expired, and again with the usual one.
func expireSessions(ctx context.Context, w *world) {
	for _, p := range w.people {
		p.keepOut()
	}
	w.dx.RestartWith(map[string]string{"REFRESH_TOKEN_TTL": shortRefreshTTL})
	limited, cancel := context.WithTimeout(ctx, recovery)
	defer cancel()
	for _, p := range w.people {
		if err := p.awaitEnd(limited, 1); err != nil {
			w.fail("refresh tokens expire: %v", err)
		}
	}
	w.book.fault("refresh token expired")
	w.dx.RestartWith(map[string]string{"REFRESH_TOKEN_TTL": longRefreshTTL})
	for _, p := range w.people {
		p.letIn()
	}
}

// revoke takes a permission on #messages from everybody, and has messages written that nobody may see until it is back.
func revoke(action string) func(context.Context, *world) {
	return func(ctx context.Context, w *world) {
		restore := w.dx.Revoke("messages", action)
		from := time.Now()
		pause(ctx, brief/2)
		if action == "read" {
			w.book.do(func() { w.book.windows = append(w.book.windows, window{"#messages", nil, from, time.Now()}) })
		}
		restore()
	}
}

// revokeGuests takes the permission to read #messages from the guests alone. That counts at once for those who have feeds
// of their own, and within recheck for those who share them with people who may read on.
func revokeGuests(ctx context.Context, w *world) {
	var rules []map[string]any
	w.dx.Do(http.MethodGet, "/permissions", url.Values{"filter[policy][_eq]": {guestPolicy}, "filter[collection][_eq]": {"messages"}}, nil, &rules)
	w.lagBehind(ctx, w.guests())
	for _, rule := range rules {
		w.dx.Do(http.MethodDelete, fmt.Sprintf("/permissions/%v", rule["id"]), nil, nil, nil)
		delete(rule, "id")
	}
	from := time.Now()
	pause(ctx, recheck+brief/2)
	w.book.do(func() {
		for _, p := range w.people {
			if p.staff {
				continue
			}
			lost := window{"#messages", p, from, time.Now()}
			if p.daemon.shares {
				lost.from = from.Add(recheck + time.Second/2)
			}
			w.book.windows = append(w.book.windows, lost)
		}
	})
	for _, rule := range rules {
		w.dx.Do(http.MethodPost, "/permissions", nil, rule, nil)
	}
}

// suspend suspends somebody until the session is over and a new login is refused.
func suspend(ctx context.Context, w *world) {
	p := w.people[w.random.IntN(len(w.people))]
	p.keepOut()
	w.dx.UpdateUser(p.user, map[string]any{"status": "suspended"})
	limited, cancel := context.WithTimeout(ctx, accessTTL+recovery)
	defer cancel()
	begin := time.Now()
	if err := p.awaitEnd(limited, 1); err != nil {
		w.fail("user suspended: %v", err)
	}
	from := time.Now()
	if took := from.Sub(begin); took > accessTTL+2*time.Second {
		w.fail("user suspended: the session went on for %v, access tokens last %v", took, accessTTL)
	}
	if c, err := connect(limited, p, "", nil); err == nil {
		c.close()
		w.fail("a suspended user got in")
	} else {
		w.note("suspended: %v", err)
	}
	w.book.do(func() { w.book.windows = append(w.book.windows, window{"", p, from, time.Now()}) })
	w.dx.UpdateUser(p.user, map[string]any{"status": "active"})
	p.letIn()
}
