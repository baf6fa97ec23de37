// Package demo runs everything on one machine: a Directus of its own with two accounts, two
// rooms and a few messages, a chat page in front of it, and the daemon, which the demo command passes
// in as a function. Everybody knows the passwords, so all of them listen on the loopback
// interface only. folder.go keeps the data over restarts, web.go serves the page, and
// seed.go makes the content.
//
// It imports packages config, listen (to try ports) and directus, not the daemon.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/cmd/directus-ircd/listen"
	"directus-ircd/directus/localserver"
	"directus-ircd/directus/localserver/needs"
)

// errInterrupted is the result when a signal comes before the demo serves.
var errInterrupted = errors.New("interrupted before the demo was ready: start it again whenever you like")

// errDirectusEnded is shown to IRC clients when Directus ends. The user of the demo gets the
// error of Directus itself.
var errDirectusEnded = errors.New("the Directus of this demo has ended")

// Options of the demo. All addresses are of this machine.
type Options struct {
	Listen       string // where IRC clients connect
	Web          string // where the chat page is served
	DirectusPort int    // port of Directus on 127.0.0.1
	Data         string // folder of the database; empty: a folder in the user's cache folder
	Reset        bool   // delete the data of earlier starts
	Yes          bool   // install programs that are missing without asking
	// In is where somebody sits who can be asked; nil if there is nobody.
	In io.Reader
	// Out receives the progress, and how to use the demo.
	Out io.Writer
	Log zerolog.Logger
	// Serve runs the daemon until ctx ends, and shows clients the cause of ctx. It calls
	// ready once with the addresses of the listeners and with a function that tells, on any
	// goroutine, the nicks of those in a room, by its name in Directus.
	Serve func(ctx context.Context, cfg *config.Config, ready func([]net.Addr, func(room string) []string)) error
}

// Run serves the demo until ctx ends or a part of the demo does. The options must be valid.
func Run(ctx context.Context, c *Options) error {
	dir, err := c.dataDir()
	if err != nil {
		return err
	}
	folder, err := openFolder(dir, c.Reset)
	if err != nil {
		return err
	}
	defer folder.close()
	server, err := c.start(ctx, folder)
	if err != nil && ctx.Err() != nil {
		return errInterrupted
	}
	if err != nil {
		return err
	}
	defer server.Stop()
	return c.serve(ctx, server, folder)
}

// start runs Directus and fills it. If it fails, it leaves nothing running.
func (c *Options) start(ctx context.Context, folder *dataFolder) (*localserver.Server, error) {
	if err := c.checkPorts(ctx); err != nil {
		return nil, err
	}
	server, err := c.startDirectus(ctx, folder)
	if err != nil || folder.Seeded && folder.Rooms {
		return server, err
	}
	task := "making the collections, two accounts, two rooms and a few messages"
	if folder.Seeded {
		task = "making two rooms; the messages of before are in #messages now"
	}
	progress(c.Out)(task)
	if err = seed(ctx, server.URL(), folder.AdminPassword); err == nil {
		err = folder.keepSeeded()
	}
	if err != nil {
		server.Stop()
	}
	return server, err
}

func (c *Options) startDirectus(ctx context.Context, folder *dataFolder) (*localserver.Server, error) {
	install, err := localserver.Install(ctx, localserver.Options{Progress: progress(c.Out), Missing: c.missing})
	if err != nil {
		return nil, err
	}
	server, err := localserver.Start(ctx, localserver.Config{
		Install:       install,
		DataDir:       folder.directus(),
		Port:          c.DirectusPort,
		AdminEmail:    adminEmail,
		AdminPassword: folder.AdminPassword,
		Log:           folder.log,
		Progress:      progress(c.Out),
	})
	if errors.Is(err, localserver.ErrPortInUse) {
		return nil, fmt.Errorf("%w with --directus-port", err)
	}
	return server, err
}

// missing installs the programs that are missing, after a yes.
func (c *Options) missing(ctx context.Context, missing *needs.Error) error {
	switch {
	case c.Yes:
		return missing.Install(ctx, c.In, c.Out)
	case c.In != nil:
		return missing.Ask(ctx, c.In, c.Out)
	}
	return missing
}

// serve runs the daemon and the chat page until ctx ends or one of them, or
// Directus, does.
func (c *Options) serve(ctx context.Context, server *localserver.Server, folder *dataFolder) error {
	base, err := url.Parse(server.URL())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	cfg := c.config(base)
	cfg.Resume.Directory = folder.state()
	var members atomic.Pointer[func(room string) []string] // set when the daemon is ready
	page, err := webHandler(base, chatPage{Login: ada, Others: []user{kevin}, Members: func(room string) []string {
		if m := members.Load(); m != nil {
			return (*m)(room)
		}
		return nil
	}}, c.Log.With().Str("component", "web").Logger())
	if err != nil {
		return err
	}
	ln, err := listen.OpenTCP(ctx, c.Web)
	if err != nil {
		return fmt.Errorf("--web: %w", err)
	}
	intro := func(addrs []net.Addr, in func(room string) []string) {
		members.Store(&in)
		writeIntro(c.Out, addresses{
			IRC: addrs[0].String(), Web: "http://" + ln.Addr().String() + "/", Directus: base.String(),
		}, folder)
	}
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() error { return serveWeb(gctx, ln, page, c.Log) })
	group.Go(func() error { return c.Serve(gctx, cfg, intro) })
	group.Go(func() error {
		select {
		case <-gctx.Done():
			return nil
		case <-server.Done():
			cancel(errDirectusEnded)
			return fmt.Errorf("%w\nIts whole log: %s", server.Err(), folder.logFile())
		}
	})
	return group.Wait()
}

// config is the configuration of the daemon for the Directus of the demo.
func (c *Options) config(base *url.URL) *config.Config {
	cfg := config.Default()
	cfg.Directus.URL = base.String()
	cfg.Server.Network = "Demo"
	cfg.Server.MOTD = "This is the demo of directus-ircd. What is said here is kept in Directus."
	cfg.Listen = []config.Listener{{Address: c.Listen}}
	cfg.Channels = nil
	cfg.Rooms.Collection, cfg.Rooms.Join, cfg.Rooms.Create = "rooms", "all", true
	cfg.Rooms.Fields = config.RoomFields{Name: "name", Topic: "topic", Archived: "archived"}
	cfg.Rooms.Messages.Fields.Nonce, cfg.Rooms.Messages.Fields.Kind = "nonce", "irc_kind"
	return cfg
}

// Validate reports a mistake in the options, in terms of the flags of the demo command.
func (c *Options) Validate() error {
	for flag, address := range map[string]string{"--listen": c.Listen, "--web": c.Web} {
		if _, _, err := net.SplitHostPort(address); err != nil {
			return fmt.Errorf("%s %s: want an address and a port, such as 127.0.0.1:6667", flag, address)
		}
		if !config.IsLoopback(address) {
			return fmt.Errorf("%s %s: everybody knows the demo's passwords, so it listens on this machine only: use an address of 127.0.0.1", flag, address)
		}
	}
	if c.DirectusPort < 0 || c.DirectusPort > 65535 {
		return fmt.Errorf("--directus-port %d: want a port between 1 and 65535", c.DirectusPort)
	}
	return nil
}

func (c *Options) dataDir() (string, error) {
	if c.Data != "" {
		return c.Data, nil
	}
	cache, err := localserver.CacheDir()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", fmt.Errorf("make the cache folder: %w: set XDG_CACHE_HOME to a folder that you can write to", err)
	}
	return filepath.Join(cache, "demo"), nil
}

// checkPorts fails if a port is in use, before minutes are spent on an installation.
func (c *Options) checkPorts(ctx context.Context) error {
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

func progress(out io.Writer) func(string) {
	return func(line string) { fmt.Fprintln(out, "-", line) }
}
