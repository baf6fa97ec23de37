package ircd

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"directus-ircd/ircd/bell"
	"directus-ircd/ircd/presence"
	"directus-ircd/ircd/transport"
	"directus-ircd/ircd/wire"

	"github.com/rs/zerolog"
)

// Stats are figures for metrics: gauges first, then counters.
type Stats struct {
	Connections int   // open now, logged in or not
	Registered  int   // of those, past 001
	Users       int   // different users among them
	Accepted    int64 // connections
	Refused     int64 // connections closed for a limit
	Logins      int64 // that succeeded
	LinesIn     int64
	LinesOut    int64
	Waiting     int   // what others did and has not been shown yet, on the connection where that is most
	Messages    int64 // confirmed as stored by the backend
	SendErrors  int64 // refused or failed
	Delayed     int64 // lines held back by flood control
	SlowClients int64 // connections closed because the client did not read
	Unread      int64 // a gauge: bytes of output that wait for clients to read
	// LoginErrors are logins that did not succeed, by Refusal. At OTPRequired it counts the
	// one-time codes that were not accepted: to ask for one is no error.
	LoginErrors [Limited + 1]int64
}

// counters are the counters behind Stats.
type counters struct {
	registered, strangers                   atomic.Int64 // open now: past 001, and not yet
	accepted, refused, logins               atomic.Int64
	linesIn, linesOut, messages, sendErrors atomic.Int64
	delayed, slow                           atomic.Int64
	loginErrors                             [Limited + 1]atomic.Int64
}

// Server serves IRC. It is made by NewServer and used by any number of Serve
// calls at once.
type Server struct {
	backend  Backend
	settings atomic.Pointer[settings] // replaced by Configure
	log      zerolog.Logger
	source   string // the name
	service  string // the mask that ServiceNotices come from

	roster *presence.Roster
	spare  buffers
	// Renderings of recent events; they last until all clients are shown an event.
	composed   compositions
	memo       renderMemo
	messages   *renderCache[messageValue]
	redactions *renderCache[Redaction]
	reactions  *renderCache[Reaction]
	presence   *renderCache[*presence.Event]
	logins     *availability
	count      counters
	delivered  Observer // see Options
	stored     Observer // see Options
	nextID     atomic.Uint64
	slots      *slots
	reconnects *reconnects
	sessions   sessions
	crew       *bell.Crew               // brings news to those who wait for nothing else
	farewell   atomic.Pointer[farewell] // nil before Drain
	refusal    chan struct{}            // semaphore: refusals that are being told
}

// maxRefusals is how many refused connections are told why at the same time. Others are
// closed without a word.
const maxRefusals = 64

// NewServer makes a Server on a backend.
func NewServer(be Backend, opts Options) *Server {
	opts.Version, opts.Location = cmp.Or(opts.Version, "directus-ircd"), cmp.Or(opts.Location, time.Local)
	if opts.Started.IsZero() {
		opts.Started = time.Now()
	}
	s := &Server{
		backend:    be,
		delivered:  orNobody(opts.Delivered),
		stored:     orNobody(opts.Stored),
		log:        opts.Logger,
		source:     opts.Name,
		service:    prefixOf(serviceUser(opts.Name)),
		logins:     &availability{bells: make(map[*bell.Pull]struct{})},
		composed:   compositions{seed: maphash.MakeSeed(), known: make(map[uint64]composition)},
		memo:       renderMemo{seed: maphash.MakeSeed()},
		messages:   newRenderCache(func(m messageValue) int { return len(m.Text) + len(m.quote.Text) }),
		redactions: newRenderCache(func(r Redaction) int { return len(r.Text) }),
		presence:   newRenderCache(func(*presence.Event) int { return 0 }),
		reactions:  newRenderCache(func(r Reaction) int { return len(r.Text) }),
		roster:     presence.NewRoster(),
		slots:      newSlots(opts.Limits.Connections, opts.Limits.ConnectionsPerAddress),
		reconnects: newReconnects(opts.Limits.ReconnectsPerMinute),
		refusal:    make(chan struct{}, maxRefusals),
		crew:       bell.NewCrew(),
	}
	s.settings.Store(newSettings(opts, be.Features()))
	return s
}

// now is the current time as clients are told it.
func (s *Server) now() time.Time { return s.backend.Now() }

// dateOf is a past moment of the machine's clock as clients are told it.
func (s *Server) dateOf(moment time.Time) time.Time { return s.now().Add(-time.Since(moment)) }

// Serve accepts connections until ctx ends or the listener fails. It returns once all of
// them are closed and their goroutines have ended, and closes the listener.
//
// When ctx ends, clients are told the text of its cause, closing takes at most about 4 s,
// and the error is nil. If the listener is closed first, connections stay until they end
// by themselves or ctx ends, and the error is the listener's.
func (s *Server) Serve(ctx context.Context, ln net.Listener, opts ListenOptions) error {
	conns := &connections{open: make(map[*conn]struct{})}
	stop := context.AfterFunc(ctx, func() { ln.Close(); conns.interrupt() })
	defer stop()

	err := s.accept(ctx, ln, opts, conns)
	ln.Close()
	conns.running.Wait()
	s.crew.Wait()
	return err
}

// accept runs until ctx ends (nil) or the listener is closed.
func (s *Server) accept(ctx context.Context, ln net.Listener, opts ListenOptions, conns *connections) error {
	const maxPause = time.Second
	pause := 5 * time.Millisecond
	for {
		nc, err := ln.Accept()
		switch {
		case err == nil:
			pause = 5 * time.Millisecond
			s.count.accepted.Add(1)
			conns.running.Go(func() {
				_ = Recover(&s.log, func() error { s.serve(ctx, nc, opts, conns); return nil })
			})
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accept: %w", err)
		default:
			// Out of file descriptors, or a connection that died in the queue: neither
			// lasts.
			s.log.Warn().Err(transport.PlainError(err)).Stringer("pause", pause).Msg("accept a connection")
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return nil
			}
			pause = min(2*pause, maxPause)
		}
	}
}

// serve runs on the connection's own goroutine from accept to close. A panic there ends
// that connection only.
func (s *Server) serve(ctx context.Context, nc net.Conn, opts ListenOptions, conns *connections) {
	defer nc.Close()
	addr := transport.RemoteIP(nc)
	release, err := s.slots.take(addr)
	if err != nil {
		s.count.refused.Add(1)
		s.refuse(ctx, nc, addressKey(addr), err)
		return
	}
	defer release()
	begin := time.Now()
	defer func() { s.reconnects.ended(addressKey(addr), time.Since(begin)) }()
	if pause := s.reconnects.pause(addressKey(addr)); pause > 0 {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		begin = time.Now()
	}
	if err := transport.Handshake(ctx, nc); err != nil {
		s.log.Debug().Err(transport.PlainError(err)).Msg("handshake")
		if record, ok := errors.AsType[tls.RecordHeaderError](err); ok && record.Conn != nil {
			dismiss(record.Conn, errNoTLS)
		}
		return
	}
	c := newConn(s, nc, addr, opts)
	defer conns.add(c)()
	c.run(ctx)
}

// refuse tells a connection that it exceeds a limit, unless its address reconnects in a
// loop: then the handshakes would cost more than serving it.
func (s *Server) refuse(ctx context.Context, nc net.Conn, key netip.Prefix, reason error) {
	s.reconnects.ended(key, 0)
	if s.reconnects.pause(key) > 0 {
		return
	}
	select {
	case s.refusal <- struct{}{}:
		defer func() { <-s.refusal }()
	default:
		return
	}
	if transport.Handshake(ctx, nc) != nil {
		return
	}
	dismiss(nc, reason)
}

// dismiss ends a connection that is not served, with a reason.
func dismiss(nc net.Conn, reason error) {
	b := wire.Append(nil, errorLine(reason.Error()))
	if nc.SetWriteDeadline(time.Now().Add(flushTimeout)) != nil {
		return
	}
	// The connection ends either way, so errors do not matter.
	if _, err := nc.Write(b); err != nil || transport.CloseWrite(nc) != nil || nc.SetReadDeadline(time.Now().Add(lingerTimeout)) != nil {
		return
	}
	// Unread input could keep the client from seeing the reason, see linger. A client
	// sends no more than this before it waits for an answer.
	_, _ = io.CopyN(io.Discard, nc, wire.MaxInputTags+wire.MaxInputBody)
}

// errNoTLS is sent in plain text to a peer that does not speak TLS on a TLS port.
var errNoTLS = errors.New("this port takes TLS only: switch TLS on in your client, or connect to the port without")

// Limits returns those that hold for new connections.
func (s *Server) Limits() Limits { return s.settings.Load().Limits }

// Members returns the nicks of those in the channel with a Key, sorted. It may be called from any
// goroutine.
func (s *Server) Members(key string) []string {
	return s.roster.Names(key, func(u User) string { return u.Nick })
}

// Stats returns the current figures.
func (s *Server) Stats() Stats {
	c, roster := &s.count, s.roster.Stats()
	stats := Stats{
		Connections: s.slots.len(),
		Registered:  int(c.registered.Load()),
		Users:       roster.Users,
		Waiting:     roster.Waiting,
		Accepted:    c.accepted.Load(),
		Refused:     c.refused.Load(),
		Logins:      c.logins.Load(),
		LinesIn:     c.linesIn.Load(),
		LinesOut:    c.linesOut.Load(),
		Messages:    c.messages.Load(),
		SendErrors:  c.sendErrors.Load(),
		Delayed:     c.delayed.Load(),
		SlowClients: c.slow.Load(),
		Unread:      s.spare.waiting.Load(),
	}
	for reason := range stats.LoginErrors {
		stats.LoginErrors[reason] = c.loginErrors[reason].Load()
	}
	return stats
}

// An Observer takes measurements, in seconds. It is called from many goroutines and never
// blocks. A histogram of Prometheus is one.
type Observer interface{ Observe(seconds float64) }

// nobody is an Observer that nobody asks.
type nobody struct{}

func (nobody) Observe(float64) {}

func orNobody(o Observer) Observer {
	if o == nil {
		return nobody{}
	}
	return o
}
