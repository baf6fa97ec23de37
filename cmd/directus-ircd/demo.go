package main

import (
	"context"
	"net"
	"sync"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/cmd/directus-ircd/demo"
)

// demoCmd runs all there is to see on one machine. Its passwords are known to
// everybody, so everything listens on the loopback interface only.
type demoCmd struct {
	Listen       string `placeholder:"ADDRESS" default:"127.0.0.1:6667" help:"Where IRC clients connect, on this machine only (${default})."`
	Web          string `placeholder:"ADDRESS" default:"127.0.0.1:8080" help:"Where the chat page is served, on this machine only (${default})."`
	DirectusPort int    `placeholder:"PORT" default:"8055" help:"Port of Directus on 127.0.0.1 (${default})."`
	Data         string `placeholder:"DIR" type:"path" help:"Folder of the demo's database; default: directus-ircd/demo in the user's cache folder."`
	Reset        bool   `help:"Throw the demo's messages and accounts away and start afresh."`
	Verbose      bool   `short:"v" help:"Log what happens, not only what goes wrong."`
}

// Run serves the demo until a signal or until a part of it ends.
func (c *demoCmd) Run(ctx context.Context, env *environment) error {
	cfg := config.Default().Log
	cfg.Level = "warn" // what is printed about how to connect shall stay in sight
	if c.Verbose {
		cfg.Level = "debug"
	}
	log, _ := newLogger(env.Stderr, cfg)
	opts := &demo.Options{
		Listen: c.Listen, Web: c.Web, DirectusPort: c.DirectusPort, Data: c.Data, Reset: c.Reset, Out: env.Stdout, Log: log,
		Serve: func(ctx context.Context, cfg *config.Config, ready func([]net.Addr)) error {
			return serve(ctx, cfg, serveOptions{Log: log, Ready: ready})
		},
	}
	if err := opts.Validate(); err != nil {
		return usageError{err}
	}
	ctx, done := untilHangup(ctx, env.Reload)
	defer done()
	return demo.Run(ctx, opts)
}

// untilHangup ends ctx on a SIGHUP as well: the terminal has been closed, and
// nobody would find what goes on running. There is no configuration to reload.
func untilHangup(ctx context.Context, hangup <-chan struct{}) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-hangup:
			cancel(errShuttingDown)
		case <-ctx.Done():
		}
	})
	return ctx, func() {
		cancel(nil)
		watching.Wait()
	}
}
