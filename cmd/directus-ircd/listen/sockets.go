// Package listen opens what the configuration names to listen on, and keeps it open:
// TCP, Unix sockets and those that systemd passes, with TLS from files or by ACME, the
// PROXY protocol and WebSockets on top. Sockets are changed as a whole: Prepare does
// all of a new configuration that can fail, Apply the rest, and no connection ends by
// it. The daemon owns them and says what serves each; the demo borrows OpenTCP, and
// "check" the reading of kept certificates.
//
// It imports packages config, systemd and ircd, and knows nothing of Directus.
package listen

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"

	"github.com/rs/zerolog"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/ircd"
)

// Sockets are all sockets that are open to others. One goroutine owns them.
type Sockets struct {
	opts    Options
	now     *Change
	outlets sync.WaitGroup // see serveOutlet
	// expiring is what the listeners present, see WatchExpiry; nil before that.
	expiring   atomic.Pointer[[]expiring]
	acmeErrors atomic.Int64
}

// Options are what the sockets need of the daemon.
type Options struct {
	Log zerolog.Logger
	// Agent is the User-Agent of requests to ACME servers.
	Agent string
	// Run starts a part of the daemon, whose error ends the daemon.
	Run func(part func() error)
	// ServeIRC, ServeMetrics and ServeAdmin serve what comes through a listener, until
	// ctx ends or the listener is closed.
	ServeIRC     func(ctx context.Context, ln net.Listener, opts ircd.ListenOptions) error
	ServeMetrics func(ctx context.Context, ln net.Listener) error
	ServeAdmin   func(ctx context.Context, ln net.Listener) error
}

// New returns sockets of which none is open yet.
func New(opts Options) *Sockets { return &Sockets{opts: opts, now: &Change{}} }

// Open opens all that is configured, or nothing. What it serves ends with ctx.
func (s *Sockets) Open(ctx context.Context, cfg *config.Config) error {
	passed, err := takePassed(cfg.Listen)
	if err != nil {
		return err
	}
	defer passed.close()
	s.forgetStale(passed)
	c, err := s.prepareWith(ctx, cfg, passed)
	if err != nil {
		return err
	}
	passed.warn(s.opts.Log)
	s.Apply(ctx, c)
	return nil
}

// StopListening closes the listeners for IRC, also those that systemd would keep: whoever connects then is refused. What
// a socket unit has opened stays with that, and who connects there waits for the next daemon. Connections stay.
func (s *Sockets) StopListening(ctx context.Context) {
	s.Apply(ctx, &Change{closed: s.now.listeners, metrics: s.now.metrics, admin: s.now.admin, adminMode: s.now.adminMode})
}

// Addrs are the addresses of the IRC listeners, in the configured order.
func (s *Sockets) Addrs() []net.Addr {
	addrs := make([]net.Addr, len(s.now.listeners))
	for i, l := range s.now.listeners {
		addrs[i] = l.Addr()
	}
	return addrs
}

// serveIRC runs until the listener is closed and the last connection that came
// through it has ended.
func (s *Sockets) serveIRC(ctx context.Context, l *listener) {
	s.store(l)
	s.opts.Log.Info().Stringer("address", l.Addr()).Bool("tls", l.certificates != nil).Str("websocket", l.configured.WebSocket.String()).Msg("listening")
	if l.exposed() {
		s.opts.Log.Warn().Str("address", l.configured.Address).Msg("passwords cross the network in clear text here: add tls to this listener, or bind it to 127.0.0.1")
	}
	s.opts.Run(func() error {
		err := s.opts.ServeIRC(ctx, l.Listener, l.options())
		if errors.Is(err, net.ErrClosed) { // by apply
			return nil
		}
		return err
	})
}
