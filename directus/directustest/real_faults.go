package directustest

import (
	"context"
	"maps"
	"time"

	"directus-ircd/directus/localserver"
)

// restartTimeout bounds the start of what was ended before.
const restartTimeout = 2 * time.Minute

// Kill ends Directus as a crash would: all of its processes, in a cluster. URL refuses connections until Restart; in a
// cluster nginx answers 502.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.deployed.nodes {
		n.kill()
	}
}

// Restart kills Directus if it runs, starts it again on the same port with the same data, and returns when it answers.
func (s *Server) Restart() {
	s.t.Helper()
	s.RestartWith(nil)
}

// RestartWith is Restart with some variables of the environment changed from now on.
func (s *Server) RestartWith(env map[string]string) {
	s.t.Helper()
	s.Kill()
	s.change("start Directus again", func(ctx context.Context, d *deployment) error {
		for _, n := range d.nodes {
			n.config.Env = maps.Clone(n.config.Env)
			maps.Copy(n.config.Env, env)
		}
		return d.startNodes(ctx)
	})
}

// change changes the deployment, and ends the test if that fails.
func (s *Server) change(what string, how func(context.Context, *deployment) error) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), restartTimeout)
	defer cancel()
	if err := how(ctx, s.deployed); err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
}

// Pause freezes Directus: its connections stay open and it answers nothing.
func (s *Server) Pause() { s.t.Helper(); s.signal((*localserver.Server).Pause) }

// Resume ends a Pause.
func (s *Server) Resume() { s.t.Helper(); s.signal((*localserver.Server).Resume) }

func (s *Server) signal(send func(*localserver.Server) error) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.deployed.nodes {
		if n.running == nil {
			s.t.Fatal("Directus does not run")
		}
		if err := send(n.running); err != nil {
			s.t.Fatal(err)
		}
	}
}

// Database is what EnvDatabase has chosen: SQLite, Postgres, MariaDB or Cluster.
func (s *Server) Database() string { return s.database }

// OnPostgres reports whether the data are in PostgreSQL, which refuses some of what the others take.
func (s *Server) OnPostgres() bool { return s.database == Postgres || s.database == Cluster }

// KillNode ends one of the two processes of a cluster, 0 or 1, as a crash would. The other one goes on.
func (s *Server) KillNode(i int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deployed.nodes[i].kill()
}

// StartNodes starts the processes that do not run: those that were killed, and those that have ended by themselves, as
// Directus does when its Redis is away for some seconds. Elsewhere what runs Directus as a service does that.
func (s *Server) StartNodes() {
	s.t.Helper()
	s.change("start Directus again", func(ctx context.Context, d *deployment) error { return d.startNodes(ctx) })
}

// StopDatabase ends the database server in good order, and cuts the connections of Directus.
func (s *Server) StopDatabase() {
	s.t.Helper()
	s.change("stop the database", func(_ context.Context, d *deployment) error { return d.database.Stop() })
}

// StartDatabase starts the database server after StopDatabase.
func (s *Server) StartDatabase() {
	s.t.Helper()
	s.change("start the database", func(ctx context.Context, d *deployment) error { return d.database.Start(ctx) })
}

// StopRedis ends the Redis of a cluster, which forgets everything.
func (s *Server) StopRedis() {
	s.t.Helper()
	s.change("stop Redis", func(_ context.Context, d *deployment) error { return d.redis.Stop() })
}

// StartRedis starts the Redis of a cluster after StopRedis.
func (s *Server) StartRedis() {
	s.t.Helper()
	s.change("start Redis", func(ctx context.Context, d *deployment) error { return d.redis.Start(ctx) })
}

// ReloadProxy has the nginx of a cluster read its configuration again: connections stay with the old worker, which cuts
// them 2 s later.
func (s *Server) ReloadProxy() {
	s.t.Helper()
	s.change("reload nginx", func(ctx context.Context, d *deployment) error { return d.proxy.Reload(ctx) })
}
