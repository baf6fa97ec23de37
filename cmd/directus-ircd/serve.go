package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"directus-ircd/bridge"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

// logoutTimeout is what the last Directus sessions get for their logout after
// every IRC connection is closed; that takes up to 4 s itself, and the whole
// stop promises 5.
const logoutTimeout = time.Second

// configFlag is shared by the commands that read the configuration.
type configFlag struct {
	Config string `short:"c" placeholder:"FILE" default:"${config_file}" help:"Configuration file (${default})."`
}

type serveCmd struct {
	configFlag
}

// Run serves until a signal.
func (c *serveCmd) Run(ctx context.Context, env *environment) error {
	cfg, err := loadConfig(c.Config)
	if err != nil {
		return err
	}
	log, level := newLogger(env.Stderr, cfg.Log)
	return serve(ctx, cfg, serveOptions{Log: log, Level: level, Reload: env.Reload})
}

// serveOptions are what serve needs beside the configuration. Only Log has to
// be set.
type serveOptions struct {
	Log zerolog.Logger
	// Level changes the level of Log on a reload.
	Level *levelSwitch
	// Ready is called once, from serve's goroutine, when all listeners are
	// open, with the addresses of the IRC listeners in the configured order.
	Ready func(addrs []net.Addr)
	// Reload asks for the configuration file to be read again.
	Reload <-chan struct{}
}

// serve is the daemon. It returns nil when ctx ends, after every client was
// told the text of ctx's cause and every Directus session is logged out, which
// takes up to 5 s. An error is that of a listener.
func serve(ctx context.Context, cfg *config, opts serveOptions) error {
	d, err := newDaemon(cfg, opts)
	if err != nil {
		return err
	}
	if err := d.listen(ctx); err != nil {
		return errors.Join(err, d.backend.Close(ctx))
	}
	group, gctx := errgroup.WithContext(ctx)
	for _, l := range d.listeners {
		group.Go(func() error { return d.server.Serve(gctx, l.Listener, l.options()) })
	}
	if d.metrics != nil {
		group.Go(func() error { return d.serveMetrics(gctx, d.metrics) })
	}
	if d.challenges != nil {
		group.Go(func() error { return d.acme.serveChallenges(gctx, d.challenges) })
	}
	if d.acme != nil {
		group.Go(func() error { d.acme.keep(gctx); return nil })
	}
	group.Go(func() error { d.monitor.run(gctx); return nil })
	group.Go(func() error { d.reloads(gctx); return nil })
	group.Go(func() error { d.announceStop(gctx); return nil })
	d.announceStart()

	err = group.Wait()
	logout, cancel := context.WithTimeout(context.WithoutCancel(ctx), logoutTimeout)
	defer cancel()
	defer d.client.Close()
	if cerr := d.backend.Close(logout); cerr != nil {
		d.log.Warn().Err(cerr).Msg("sessions were left open at directus; they expire there by themselves")
	}
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("serve: %w", err)
	}
	d.log.Info().Msg("stopped")
	return nil
}

// daemon is one run of serve. Its fields are set before anything starts; only
// the goroutine of reloads changes cfg, and nobody else reads it from then on.
type daemon struct {
	cfg        *config
	opts       serveOptions
	log        zerolog.Logger
	client     *directus.Client
	backend    *bridge.Backend
	server     *ircd.Server
	monitor    *monitor
	listeners  []*listener
	acme       *acmeCertificates // nil if no listener uses it
	metrics    net.Listener      // nil if not configured, like challenges
	challenges net.Listener
}

func newDaemon(cfg *config, opts serveOptions) (*daemon, error) {
	base, err := url.Parse(cfg.Directus.URL)
	if err != nil {
		return nil, usageError{errors.New("directus.url is no address")}
	}
	d := &daemon{cfg: cfg, opts: opts, log: opts.Log.With().Str("component", "main").Logger()}
	d.client = directus.New(base, directus.Options{Logger: opts.Log.With().Str("component", "directus").Logger()})
	blog := opts.Log.With().Str("component", "bridge").Logger()
	bopts := bridgeOptions(cfg, d.client, blog)
	if bopts.Resume, err = cfg.Resume.open(blog); err != nil {
		return nil, err
	}
	if d.backend, err = bridge.New(bopts); err != nil {
		if bopts.Resume != nil {
			bopts.Resume.Trails.Close()
		}
		return nil, usageError{fmt.Errorf("%s: %w", cfg.File, err)}
	}
	d.server = ircd.NewServer(d.backend, ircdOptions(cfg, opts.Log.With().Str("component", "ircd").Logger()))
	d.monitor = newMonitor(d.client.Ping, d.server.SetLogins, d.log)
	return d, nil
}

// announceStart says that the daemon is ready, to whoever waits for it.
func (d *daemon) announceStart() {
	addrs := make([]net.Addr, len(d.listeners))
	for i, l := range d.listeners {
		addrs[i] = l.Addr()
		d.log.Info().Stringer("address", l.Addr()).Bool("tls", l.certificates != nil).Str("websocket", l.webSocket.String()).Msg("listening")
	}
	for _, l := range d.listeners {
		if l.exposed() {
			d.log.Warn().Str("address", l.configured).Msg("passwords cross the network in clear text here: add tls to this listener, or bind it to 127.0.0.1")
		}
	}
	d.notify(sdReady(len(addrs)))
	if d.opts.Ready != nil {
		d.opts.Ready(addrs)
	}
}

func (d *daemon) announceStop(ctx context.Context) {
	<-ctx.Done()
	d.notify(sdStopping)
	d.log.Info().Str("cause", context.Cause(ctx).Error()).Msg("stopping")
}
