package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"directus-ircd/bridge"
	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/cmd/directus-ircd/listen"
	"directus-ircd/cmd/directus-ircd/metrics"
	"directus-ircd/cmd/directus-ircd/systemd"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

// logoutTimeout bounds the logout of the last Directus sessions. To close the IRC
// connections before it takes up to 4 s, and the whole stop must take no more than 5.
const logoutTimeout = time.Second

// crashPause is the time until a part of the daemon that panicked starts again.
const crashPause = 5 * time.Second

// configFlag is shared by the commands that read the configuration.
type configFlag struct {
	Config string `short:"c" placeholder:"FILE" default:"${config_file}" help:"Configuration file (${default})."`
}

type serveCmd struct {
	configFlag
}

// Run serves until a signal.
func (c *serveCmd) Run(ctx context.Context, env *environment) error {
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	log, change := newLogger(env.Stderr, cfg.Log)
	return serve(ctx, cfg, serveOptions{Log: log, Switch: change, Reload: env.Reload})
}

// serveOptions are what serve needs beside the configuration. Only Log has to
// be set.
type serveOptions struct {
	Log zerolog.Logger
	// Switch changes the level and the form of Log on a reload.
	Switch *logSwitch
	// Ready is called once, from serve's goroutine, when all listeners are
	// open, with the addresses of the IRC listeners in the configured order, and
	// with Server.Members.
	Ready func(addrs []net.Addr, members func(key string) []string)
	// Reload asks for the configuration file to be read again.
	Reload <-chan os.Signal
	// NetDial opens connections to Directus; nil: by the network.
	NetDial func(ctx context.Context, network, address string) (net.Conn, error)
}

// serve is the daemon. It returns nil when ctx ends, or the operator has drained it, after every client was
// told the text of ctx's cause and every Directus session is logged out, which
// takes up to 5 s. An error is that of a listener.
func serve(ctx context.Context, cfg *config.Config, opts serveOptions) error {
	d, err := newDaemon(cfg, opts)
	if err != nil {
		return err
	}
	ctx, d.stop = context.WithCancelCause(ctx)
	defer d.stop(nil)
	d.group, d.ctx = errgroup.WithContext(ctx)
	if err := d.sockets.Open(d.ctx, cfg); err != nil {
		return errors.Join(err, d.backend.Close(ctx))
	}
	for _, f := range []func(context.Context){d.monitor.run, d.pulse.run, d.watchdog, d.announceStop, returnMemory} {
		d.run(func() error { f(d.ctx); return nil })
	}
	limitMemory(cfg.Limits.MemoryLimit())
	d.announceStart()
	// From here on it alone owns the sockets.
	d.run(func() error { d.reloads(d.ctx); return nil })

	return d.end(ctx)
}

// end waits for all that runs, which ends with ctx, and then ends the Directus sessions.
func (d *daemon) end(ctx context.Context) error {
	err := d.group.Wait()
	d.sockets.StopOutlets()
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

// run starts a part of the daemon, which ends with d.ctx. What panics there starts
// again after a while, with its stack in the log; an error ends the daemon.
func (d *daemon) run(part func() error) {
	d.group.Go(func() error {
		for {
			err := ircd.Recover(&d.log, part)
			if !errors.Is(err, ircd.ErrPanic) {
				return err
			}
			select {
			case <-time.After(crashPause):
			case <-d.ctx.Done():
				return nil
			}
		}
	})
}

// daemon is one run of serve. Its fields are set before anything starts, but for cfg:
// the goroutine of reloads, which also owns the sockets then, changes it, and nobody
// else reads it from then on.
type daemon struct {
	opts    serveOptions
	log     zerolog.Logger
	client  *directus.Client
	backend *bridge.Backend
	server  *ircd.Server
	monitor *monitor
	metrics *metrics.Metrics
	pulse   *pulse
	group   *errgroup.Group         // all that runs
	ctx     context.Context         // ends it
	stop    context.CancelCauseFunc // ends ctx; set by serve
	sockets *listen.Sockets

	cfg *config.Config

	draining atomic.Bool        // somebody has asked for it
	drains   chan time.Duration // asks the owner of the sockets for it; cap 1

	// What the operator is told.
	file      string // of the configuration
	started   time.Time
	listening atomic.Pointer[[]string] // the addresses; nil before they are open
	attempts  atomic.Int64             // limits.login_attempts_per_minute
}

func newDaemon(cfg *config.Config, opts serveOptions) (*daemon, error) {
	base, err := url.Parse(cfg.Directus.URL)
	if err != nil {
		return nil, config.Error{Err: errors.New("directus.url is not an address")}
	}
	build := thisBuild()
	m := metrics.New(metrics.Build{Version: build.Version, Commit: build.Commit, Go: build.Go})
	opts.Log = opts.Log.Hook(m)
	d := &daemon{ctx: context.Background(), cfg: cfg, file: cfg.File, started: time.Now(), drains: make(chan time.Duration, 1), opts: opts, metrics: m, log: opts.Log.With().Str("component", "main").Logger()}
	d.client = directus.New(base, directus.Options{
		NetDial: opts.NetDial, TLS: cfg.Directus.TLS, Answered: m.Answered,
		Logger: opts.Log.With().Str("component", "directus").Logger(),
	})
	blog := opts.Log.With().Str("component", "bridge").Logger()
	bopts := bridgeOptions(cfg, d.client, blog)
	if bopts.State, err = openState(cfg.Resume, blog); err != nil {
		return nil, err
	}
	if d.backend, err = bridge.New(bopts); err != nil {
		bopts.State.Close()
		return nil, config.Error{Err: fmt.Errorf("%s: %w", cfg.File, err)}
	}
	iopts := ircdOptions(cfg, opts.Log.With().Str("component", "ircd").Logger())
	iopts.Delivered, iopts.Stored = m.Delivered, m.Stored
	d.server = ircd.NewServer(d.backend, iopts)
	d.sockets = listen.New(listen.Options{
		Log:          d.log,
		Agent:        "directus-ircd/" + version(),
		Run:          d.run,
		ServeIRC:     d.server.Serve,
		ServeMetrics: d.serveMetrics,
		ServeAdmin:   d.serveAdmin,
	})
	d.monitor = newMonitor(d.client.Ping, d.server.SetLogins, d.log)
	m.Watch(metrics.Sources{
		IRC: d.server.Stats, Bridge: d.backend.Stats, Gaps: d.client.Gaps, Expiries: d.sockets.Expiries, ACMEErrors: d.sockets.ACMEErrors,
		Up: func() bool { return d.monitor.check(context.Background()) == nil },
	})
	d.pulse = newPulse(
		func() bool { d.server.Stats(); return true },
		func() bool { d.backend.Stats(); return true },
		d.monitor.turns,
	)
	return d, nil
}

// announceStart says that the daemon is ready, to whoever waits for it.
func (d *daemon) announceStart() {
	addrs := d.announceListeners()
	if d.opts.Ready != nil {
		d.opts.Ready(addrs, d.server.Members)
	}
}

// announceListeners says that the daemon serves, and where. It is called by who owns the sockets.
func (d *daemon) announceListeners() []net.Addr {
	addrs := d.sockets.Addrs()
	d.notify(systemd.Ready(len(addrs)))
	words := make([]string, len(addrs))
	for i, addr := range addrs {
		words[i] = addr.String()
	}
	d.listening.Store(&words)
	d.attempts.Store(int64(d.cfg.Limits.LoginAttempts))
	return addrs
}

func (d *daemon) announceStop(ctx context.Context) {
	<-ctx.Done()
	d.backend.Drain()
	d.notify(systemd.Stopping)
	d.log.Info().Str("cause", context.Cause(ctx).Error()).Msg("stopping")
}

func (d *daemon) notify(state string) {
	if err := systemd.Notify(state); err != nil {
		d.log.Warn().Err(err).Msg("notify systemd")
	}
}

// watchdog tells systemd that the daemon lives, as long as it does, until ctx ends.
func (d *daemon) watchdog(ctx context.Context) { systemd.Watchdog(ctx, d.log, d.pulse.check) }
