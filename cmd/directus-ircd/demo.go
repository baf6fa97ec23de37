package main

import (
	"context"
	"net"
	"os"
	"sync"

	"golang.org/x/term"

	"directus-ircd/bridge/collection"
	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/cmd/directus-ircd/demo"
)

// demoCmd runs Directus, a chat page and the daemon on one machine. Everybody knows the
// passwords, so all of them listen on the loopback interface only.
type demoCmd struct {
	Listen       string `placeholder:"ADDRESS" default:"127.0.0.1:6667" help:"Where IRC clients connect, on this machine only (${default})."`
	Web          string `placeholder:"ADDRESS" default:"127.0.0.1:8080" help:"Where the chat page is served, on this machine only (${default})."`
	DirectusPort int    `placeholder:"PORT" default:"8055" help:"Port of Directus on 127.0.0.1 (${default})."`
	Data         string `placeholder:"DIR" type:"path" help:"Folder of the demo's database; default: directus-ircd/demo in the user's cache folder."`
	Reset        bool   `help:"Delete the demo's messages and accounts and start again."`
	Yes          bool   `help:"Install what is missing for Directus without asking."`
	Verbose      bool   `short:"v" help:"Log everything, not only warnings and errors."`
}

// Run serves the demo until a signal or until a part of it ends.
func (c *demoCmd) Run(ctx context.Context, env *environment) error {
	cfg := config.Default().Log
	cfg.Level = "warn" // so that the instructions on how to connect stay in sight
	if c.Verbose {
		cfg.Level = "debug"
	}
	log, _ := newLogger(env.Stderr, cfg)
	opts := &demo.Options{
		Listen: c.Listen, Web: c.Web, DirectusPort: c.DirectusPort, Data: c.Data, Reset: c.Reset, Yes: c.Yes, Out: env.Stdout, Log: log,
		Serve: func(ctx context.Context, cfg *config.Config, ready func([]net.Addr, func(string) []string)) error {
			return serve(ctx, cfg, serveOptions{Log: log, Ready: func(addrs []net.Addr, members func(channel string) []string) {
				ready(addrs, func(room string) []string { return members(collection.RoomKey(room)) })
			}})
		},
	}
	if stdin, ok := env.Stdin.(*os.File); ok && term.IsTerminal(int(stdin.Fd())) {
		opts.In = stdin
	}
	if err := opts.Validate(); err != nil {
		return usageError{err}
	}
	ctx, done := untilHangup(ctx, env.Reload)
	defer done()
	return demo.Run(ctx, opts)
}

// untilHangup ends ctx on SIGHUP as well: after the terminal is closed, nobody would notice
// that the demo still runs. The demo has no configuration to reload.
func untilHangup(ctx context.Context, hangup <-chan os.Signal) (context.Context, func()) {
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
