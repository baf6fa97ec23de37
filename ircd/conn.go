package ircd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"directus-ircd/ircd/bell"
	"directus-ircd/ircd/presence"
	"directus-ircd/ircd/wire"

	"github.com/rs/zerolog"
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"
)

const (
	// pingAfter is how long a client may be silent before it is sent a PING:
	// sic and ii give up after 300 s without a line from the server.
	pingAfter = 100 * time.Second
	// pingCheck is how often we check for a PONG.
	pingCheck = 20 * time.Second
)

// conn is one client's connection. Two goroutines serve it: one reads and cuts the input
// into lines (run), the other owns all state (loop). While there is output, a third one
// writes it (writer). run joins them.
type conn struct {
	// Static after newConn.
	srv    *Server
	nc     net.Conn
	listen ListenOptions
	remote string // for rate limits only; never shown or logged
	log    zerolog.Logger
	label  connLabel     // of log
	lines  chan *inbound // from read to loop; closed when the input ends
	done   chan struct{}
	out    *sendQueue
	writer *writer
	inbox  *presence.Inbox
	pacing *pacing
	ahead  *semaphore.Weighted // bytes read ahead
	late   latecomers
	pings  pings
	// serverBell is rung when logins become available or unavailable, and when the
	// server has new settings; cap 1.
	serverBell bell.Bell

	start time.Time

	// heard is when the last line was read, in nanoseconds since start, so that clock
	// changes do not matter. Written by read, read by loop.
	heard atomic.Int64
	// sharedCaps is a copy of caps for other goroutines.
	sharedCaps atomic.Uint64
	// inputErr is why the input ended. read writes it before it closes lines, and loop
	// reads it after that.
	inputErr error

	// loop owns everything below.
	set        *settings
	caps       capSet
	logins     bool // whether the client knows that it can log in
	reg        registration
	registered bool             // 001 has been sent
	session    Session          // nil before the login
	has        abilities        // of session
	user       User             // the session's, once there is one
	nick       string           // as the client is addressed: "*", the asked one, then user.Nick
	asked      string           // the nick asked for: an alias for the client's early commands
	member     *presence.Member // nil before 001
	channels   map[string]*joinedChannel
	bot        bool // mode B
	monitor    monitor
	typed      map[string]time.Time // when typing may be passed on again, by folded target; at most maxTyping
	batches    uint64               // how many batches were opened
	pinged     bool                 // a PING is unanswered
	receipts   receipts
	multi      multilines // what the client is sending
	toldUTF8   bool       // the client was told that it sends invalid UTF-8
	toldLost   bool       // the client was told that a NOTICE is lost; see loseNotice

	lineAt time.Time // inbound.at of the line that is handled
	// leaving is readable when the client has to leave; nil before Drain.
	leaving <-chan time.Time

	response *response // to the current labelled request; nil if there is none
	asides   int       // while not 0, what is sent is not part of the response
	out1     []byte    // the output of the current turn
	later    []Event   // news to show at the end of the turn, see pollBefore
}

// joinedChannel is a channel that the client is in.
type joinedChannel struct {
	name    string // canonical
	was     string // the folded name that it had before; empty: none
	since   time.Time
	topic   string
	topicBy User      // who set it; zero: not known
	topicAt time.Time // when; zero: not known
}

// inbound is one line of input, or the tags and the command of one that was too long.
type inbound struct {
	text    string
	tooLong bool
	ping    *waitingPing // nil unless the line is a PING
	part    bool         // paced as part of a multi-line message
	at      time.Time    // when flood control let it pass
}

func newConn(s *Server, nc net.Conn, addr netip.Addr, opts ListenOptions) *conn {
	set := s.settings.Load()
	c := &conn{
		srv:        s,
		set:        set,
		nc:         nc,
		listen:     opts,
		label:      connLabel{id: s.nextID.Add(1)},
		lines:      make(chan *inbound, maxAheadLines),
		done:       make(chan struct{}),
		serverBell: bell.New(),
		pacing:     &pacing{limiter: rate.NewLimiter(set.Limits.pace()), delayed: &s.count.delayed},
		ahead:      semaphore.NewWeighted(maxAhead),
		nick:       "*",
		channels:   make(map[string]*joinedChannel),
		start:      time.Now(),
		monitor:    monitor{list: make(map[string]*monitored), doubtful: make(map[string]struct{})},
	}
	if addr.IsValid() {
		c.remote = addr.String()
	}
	c.log = s.log.Hook(&c.label)
	c.writer = &writer{nc: nc, failed: make(chan error, 1), ended: make(chan struct{})}
	c.out = newSendQueue(set.Limits.SendQueue, &s.spare, func() { c.writer.runs.Go(func() { c.writer.run(c.recover) }) })
	c.writer.q = c.out
	c.inbox = presence.NewInbox()
	c.out.drained = c.inbox.Bell
	return c
}

// run serves the connection and returns once all its goroutines have ended. When ctx
// ends, the client is told the text of its cause. run itself does the reading, which
// needs little stack; loop, which sometimes needs a deep one, runs on a goroutine of its
// own whose stack can shrink again.
func (c *conn) run(ctx context.Context) {
	cctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	c.srv.count.strangers.Add(1)
	defer c.srv.logins.watch(c.serverBell)()
	// Reading goes on until the last receipt has been awaited.
	rctx, stopReading := context.WithCancel(context.WithoutCancel(cctx))
	defer stopReading()
	reading := make(chan struct{})
	stop := func() { stopReading(); cancel(nil) }
	var looping sync.WaitGroup
	looping.Go(func() { c.close(ctx, c.recover(func() error { return c.loop(cctx) }), stop, reading) })
	c.read(rctx)
	close(reading)
	looping.Wait()
}

// await waits until ended is closed, for at most limit, and reports whether it was.
func await(ended <-chan struct{}, limit time.Duration) bool {
	select {
	case <-ended:
		return true
	case <-time.After(limit):
		return false
	}
}

// recover runs f and makes a panic in it the end of the connection.
func (c *conn) recover(f func() error) error {
	err := Recover(&c.log, f)
	if errors.Is(err, ErrPanic) {
		err = &closing{text: ErrPanic.Error(), cause: "panic"}
	}
	return err
}

// read cuts the input into lines until it ends. It delays a client that sends too fast,
// and reads only a little ahead of loop, so that further lines wait in the network.
func (c *conn) read(ctx context.Context) {
	c.late.busy.Lock()
	defer c.late.busy.Unlock()
	defer close(c.lines)
	c.inputErr = c.recover(func() error {
		input := &pacedReader{r: c.nc, wait: func() { c.pacing.waste(ctx, 1) }, busy: &c.late.busy}
		if m, ok := c.nc.(interface{ Meter(wait func(n int)) }); ok {
			m.Meter(func(n int) { c.pacing.waste(ctx, n) })
		}
		lr := wire.NewReader(input, wire.MaxInputBody, wire.MaxInputTags)
		for {
			text, err := lr.ReadLine()
			input.unspent = 0
			tooLong := errors.Is(err, wire.ErrTooLong)
			if err != nil && !tooLong {
				return err
			}
			if in := (&inbound{text: text, tooLong: tooLong}); !c.handOn(ctx, in) && !c.late.add(in) {
				input.pause()
			}
		}
	})
}

// loop handles lines, news and timers until the connection ends, and returns why.
func (c *conn) loop(ctx context.Context) error {
	c.logins = c.srv.logins.available()
	c.takeSettings() // they may have changed before the bell was registered
	c.prepareToLeave()
	if t := c.set.Limits.RegistrationTimeout; t > 0 {
		c.reg.deadline = time.Now().Add(t)
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if ctx.Err() != nil { // select picks any ready case
			return context.Cause(ctx)
		}
		var wake <-chan struct{}
		if c.registered {
			wake = c.session.Wake()
		}
		var err error
		select {
		case in, ok := <-c.lines:
			if !ok {
				return c.inputErr
			}
			if c.took(in) {
				err = c.handleLine(ctx, in)
			}
		case <-c.inbox.Bell:
			c.showSomePresence()
		case <-c.serverBell:
			c.takeSettings()
			c.loginsChanged()
			c.prepareToLeave()
		case <-wake:
			err = c.poll(ctx)
		case <-timer.C:
			var next time.Duration
			if next, err = c.watch(); err == nil {
				timer.Reset(next)
			}
		case <-c.multilineExpiry():
			err = c.expireMultiline(ctx)
		case <-c.leaving:
			return c.parting()
		case <-c.monitor.again:
			c.monitor.again = nil
		case <-c.receipts.pause:
			c.receipts.pause = nil
		case err := <-c.writer.failed:
			return c.drain(ctx, err)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err == nil {
			err = c.settle(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// settle ends each turn of loop: it sends the output, and then does what may take a
// while.
func (c *conn) settle(ctx context.Context) error {
	if c.later != nil {
		if err := c.poll(ctx); err != nil {
			return err
		}
	}
	if err := c.flush(ctx); err != nil {
		return err
	}
	c.settleMonitor(ctx)
	c.askReceipt()
	return c.flush(ctx)
}

// flush hands the output so far to the writer. It is called at least after each line
// handled.
func (c *conn) flush(ctx context.Context) error {
	if len(c.out1) == 0 {
		return nil
	}
	// How long a slow client may block does not depend on the command's deadline.
	err := c.out.put(Lasting(ctx), c.out1)
	c.out1 = nil // the queue has it
	if errors.Is(err, errStalled) {
		return c.stalled()
	}
	return err
}

// flushLong is flush for the middle of a long answer: it does nothing until writeChunk
// bytes have accumulated. When much output is waiting on the whole server, it blocks until
// this client has read its own, so that a client that does not read holds one piece only.
func (c *conn) flushLong(ctx context.Context) error {
	if len(c.out1) <= writeChunk {
		return nil
	}
	if err := c.flush(ctx); err != nil || c.srv.spare.waiting.Load() <= crowd {
		return err
	}
	_, err := c.out.awaitIdle(Lasting(ctx))
	return err
}

// watch ends a connection that has been silent, or not logged in, for too long. It
// returns how long to wait before the next call.
func (c *conn) watch() (time.Duration, error) {
	now := time.Now()
	pingAfter, pingTimeout := c.set.Limits.silence()
	next := pingAfter
	if !c.registered && !c.reg.deadline.IsZero() {
		left := c.reg.deadline.Sub(now)
		if left <= 0 {
			return 0, &closing{text: "registration timed out: log in sooner", cause: "registration timeout"}
		}
		next = left
	}
	silent := now.Sub(c.start) - time.Duration(c.heard.Load())
	switch {
	case pingTimeout > 0 && silent >= pingTimeout:
		text := fmt.Sprintf("Ping timeout: %d seconds", int(pingTimeout.Seconds()))
		return 0, &closing{text: text, cause: "ping timeout"}
	case silent < pingAfter:
		c.pinged = false
		next = min(next, pingAfter-silent)
	default:
		if !c.pinged {
			c.pinged = true
			c.ping(ping{token: c.srv.source})
		}
		next = min(next, pingCheck)
		if pingTimeout > 0 {
			next = min(next, pingTimeout-silent)
		}
	}
	return next, nil
}

// silence is how long a client may be silent before it is sent a PING, and before the
// connection is closed; 0 means never.
func (l *Limits) silence() (ask, end time.Duration) {
	if l.PingTimeout <= 0 {
		return pingAfter, 0
	}
	return min(pingAfter, l.PingTimeout/2), l.PingTimeout
}
