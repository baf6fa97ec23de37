package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"sync"

	"golang.org/x/sync/errgroup"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/cmd/directus-ircd/listen"
	"directus-ircd/directus/localserver"
)

// errDemoInterrupted is told when a signal comes before the demo serves.
var errDemoInterrupted = errors.New("interrupted before the demo was ready: start it again whenever you like")

// errDemoDirectusEnded is what IRC clients are told; the user of the demo gets
// the error of Directus itself.
var errDemoDirectusEnded = errors.New("the Directus of this demo has ended")

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
	if err := c.validate(); err != nil {
		return usageError{err}
	}
	ctx, done := untilHangup(ctx, env.Reload)
	defer done()
	dir, err := c.dataDir()
	if err != nil {
		return err
	}
	folder, err := openDemoFolder(dir, c.Reset)
	if err != nil {
		return err
	}
	defer folder.close()
	parts, err := c.start(ctx, env.Stdout, folder)
	if err != nil && ctx.Err() != nil {
		return errDemoInterrupted
	}
	if err != nil {
		return err
	}
	defer parts.server.Stop()
	return c.serve(ctx, env, parts)
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

// demoParts are what runs, or is open, when the demo begins to serve.
type demoParts struct {
	server *localserver.Server
	base   *url.URL // of server
	folder *demoFolder
}

// start runs Directus and fills it. Nothing is left running when it fails.
func (c *demoCmd) start(ctx context.Context, out io.Writer, folder *demoFolder) (*demoParts, error) {
	if err := c.checkPorts(ctx); err != nil {
		return nil, err
	}
	server, err := c.startDirectus(ctx, out, folder)
	if err != nil {
		return nil, err
	}
	base, err := url.Parse(server.URL())
	if err == nil {
		err = fillDemo(ctx, out, base, folder)
	}
	if err != nil {
		server.Stop()
		return nil, err
	}
	return &demoParts{server: server, base: base, folder: folder}, nil
}

func fillDemo(ctx context.Context, out io.Writer, base *url.URL, folder *demoFolder) error {
	if folder.Seeded {
		return nil
	}
	demoProgress(out)("making the collection, two accounts and a few messages")
	if err := seedDemo(ctx, base, folder.AdminPassword); err != nil {
		return err
	}
	return folder.keepSeeded()
}

func (c *demoCmd) startDirectus(ctx context.Context, out io.Writer, folder *demoFolder) (*localserver.Server, error) {
	install, err := localserver.Install(ctx, localserver.Options{Progress: demoProgress(out)})
	if err != nil {
		return nil, err
	}
	server, err := localserver.Start(ctx, localserver.Config{
		Install:       install,
		DataDir:       folder.directus(),
		Port:          c.DirectusPort,
		AdminEmail:    demoAdmin,
		AdminPassword: folder.AdminPassword,
		Log:           folder.log,
		Progress:      demoProgress(out),
	})
	if errors.Is(err, localserver.ErrPortInUse) {
		return nil, fmt.Errorf("%w with --directus-port", err)
	}
	return server, err
}

// serve runs the daemon and the chat page until ctx ends or one of them, or
// Directus, does.
func (c *demoCmd) serve(ctx context.Context, env *environment, parts *demoParts) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	cfg := c.config(parts.base)
	cfg.Resume.Directory = parts.folder.state()
	log, change := newLogger(env.Stderr, cfg.Log)
	page, err := webHandler(parts.base, log.With().Str("component", "web").Logger())
	if err != nil {
		return err
	}
	ln, err := listen.OpenTCP(ctx, c.Web)
	if err != nil {
		return fmt.Errorf("--web: %w", err)
	}
	intro := func(addrs []net.Addr) {
		writeDemoIntro(env.Stdout, demoAddresses{
			IRC: addrs[0].String(), Web: "http://" + ln.Addr().String() + "/", Directus: parts.base.String(),
		}, parts.folder)
	}
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() error { return serveWeb(gctx, ln, page, log) })
	group.Go(func() error {
		return serve(gctx, cfg, serveOptions{Log: log, Switch: change, Ready: intro})
	})
	group.Go(func() error {
		select {
		case <-gctx.Done():
			return nil
		case <-parts.server.Done():
			cancel(errDemoDirectusEnded)
			return fmt.Errorf("%w\nIts whole log: %s", parts.server.Err(), parts.folder.logFile())
		}
	})
	return group.Wait()
}

// config is that of serve, for the Directus of the demo.
func (c *demoCmd) config(base *url.URL) *config.Config {
	cfg := config.Default()
	cfg.Log.Level = "warn" // what is printed about how to connect shall stay in sight
	if c.Verbose {
		cfg.Log.Level = "debug"
	}
	cfg.Directus.URL = base.String()
	cfg.Server.Network = "Demo"
	cfg.Server.MOTD = "This is the demo of directus-ircd. What is said in #messages is kept in Directus."
	cfg.Listen = []config.Listen{{Address: c.Listen}}
	cfg.Channels[0].Topic = "The demo's chat, kept in the Directus collection messages"
	cfg.Channels[0].Fields.Nonce = "nonce"
	return cfg
}

func (c *demoCmd) validate() error {
	for flag, address := range map[string]string{"--listen": c.Listen, "--web": c.Web} {
		if _, _, err := net.SplitHostPort(address); err != nil {
			return fmt.Errorf("%s %s: want an address and a port, such as 127.0.0.1:6667", flag, address)
		}
		if !config.IsLoopback(address) {
			return fmt.Errorf("%s %s: the demo's passwords are known to everybody, so it listens on this machine only: choose another port of 127.0.0.1", flag, address)
		}
	}
	if c.DirectusPort < 0 || c.DirectusPort > 65535 {
		return fmt.Errorf("--directus-port %d: want a port between 1 and 65535", c.DirectusPort)
	}
	return nil
}

func (c *demoCmd) dataDir() (string, error) {
	if c.Data != "" {
		return c.Data, nil
	}
	cache, err := localserver.CacheDir()
	if err != nil {
		return "", fmt.Errorf("%w, or name a folder with --data", err)
	}
	return filepath.Join(cache, "demo"), nil
}

// checkPorts finds a port in use before minutes are spent on an installation.
func (c *demoCmd) checkPorts(ctx context.Context) error {
	directus := net.JoinHostPort("127.0.0.1", strconv.Itoa(c.DirectusPort))
	for _, want := range []struct{ flag, address string }{
		{"--listen", c.Listen}, {"--web", c.Web}, {"--directus-port", directus},
	} {
		ln, err := listen.OpenTCP(ctx, want.address)
		if err != nil {
			return fmt.Errorf("%w (%s)", err, want.flag)
		}
		if err := ln.Close(); err != nil {
			return fmt.Errorf("%s: %w", want.flag, err)
		}
	}
	return nil
}

// demoProgress writes a line for each step.
func demoProgress(out io.Writer) func(string) {
	return func(line string) { fmt.Fprintln(out, "-", line) }
}
