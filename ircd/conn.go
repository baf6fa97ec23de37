package ircd

import (
	"cmp"
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
	"directus-ircd/ircd/transport"
	"directus-ircd/ircd/wire"

	"github.com/rs/zerolog"
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
// into lines (run), the other owns all state (loop), but while it waits: see bring. Both write
// what the client takes at once; while there is more, a third one writes. run joins them.
type conn struct {
	// Static after newConn.
	srv    *Server
	nc     net.Conn
	listen ListenOptions
	remote string // for rate limits only; never shown or logged
	log    zerolog.Logger
	label  connLabel // of log
	lines  readAhead // from read to loop
	done   chan struct{}
	out    *sendQueue
	writer *writer
	inbox  *presence.Inbox
	pacing *pacing
	late   latecomers
	pings  pings
	// bell wakes loop. Who has rung it, and what they leave for loop, is told by the pulls.
	bell   bell.Bell
	input  bell.Pull // there are lines, or they end
	timer  bell.Pull // watch is due
	news   bell.Pull // the session may have some
	server bell.Pull // logins have become available or unavailable, or the settings are new
	ending bell.Pull // the context has ended, or the writer has failed

	start time.Time
	// heard is when the last line was read, in nanoseconds since start, which no change of the
	// clock concerns. Written by read, read by loop.
	heard atomic.Int64
	// sharedCaps is a copy of caps for other goroutines.
	sharedCaps atomic.Uint64
	inputErr   error // why the input ended. read writes it before it ends lines, and loop reads it then

	bringing func() error // bringNews; static
	turns    sync.Mutex   // held by loop, but while it waits for its bell alone, and by bring
	// Whoever holds turns owns everything below.
	set         *settings
	caps        capSet
	logins      bool                      // whether the client knows that it can log in
	begun       bool                      // the first line has been handled
	cap302      bool                      // CAP LS named version 302
	negotiating bool                      // between CAP LS or REQ, and CAP END
	registered  bool                      // 001 has been sent
	reg         *registration             // nil once registered
	session     Session                   // nil before the login
	has         abilities                 // of session
	user        User                      // the session's, once there is one
	nick        string                    // as the client is addressed: "*", the asked one, then user.Nick
	asked       string                    // the nick asked for: an alias for the client's early commands
	member      *presence.Member          // nil before 001
	channels    map[string]*joinedChannel // by folded name
	keyed       map[string]*joinedChannel // those that have another key, by that
	bot         bool                      // mode B
	monitor     monitor
	typed       map[string]time.Time // when typing may be passed on again, by folded target; at most maxTyping
	batches     uint64               // how many batches were opened
	pinged      bool                 // a PING is unanswered
	receipts    receipts
	multi       multilines // what the client is sending
	toldUTF8    bool       // the client was told that it sends invalid UTF-8
	toldLost    bool       // the client was told that a NOTICE is lost; see loseNotice

	lineAt  time.Time        // inbound.at of the line that is handled
	leaving <-chan time.Time // readable when the client has to leave; nil before Drain

	response *response // to the current labelled request; nil if there is none
	asides   int       // while not 0, what is sent is not part of the response
	out1     []byte    // the output of the current turn
	lent     bool      // out1 begins as the text of a rendering, which others share
	polling  *patience // of the last poll
	later    []Event   // news to show at the end of the turn, see pollBefore
	broken   error     // why bring has ended the connection; nil: it has not
	left     bool      // bring has left something to loop
}

// joinedChannel is a channel that the client is in.
type joinedChannel struct {
	name    string // canonical
	key     string // see Channel.Key; without one, the folded name
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
		srv:      s,
		set:      set,
		nc:       nc,
		listen:   opts,
		label:    connLabel{id: s.nextID.Add(1)},
		done:     make(chan struct{}),
		bell:     bell.New(),
		pacing:   &pacing{limiter: rate.NewLimiter(set.Limits.pace()), delayed: &s.count.delayed},
		nick:     "*",
		channels: make(map[string]*joinedChannel),
		start:    time.Now(),
		reg:      &registration{},
	}
	if addr.IsValid() {
		c.remote = addr.String()
	}
	c.log = s.log.Hook(&c.label)
	c.writer = &writer{out: transport.NewPrompt(nc, stallTimeout), pause: promptPause, failed: make(chan error, 1), ended: make(chan struct{})}
	c.out = newSendQueue(set.Limits.SendQueue, &s.spare, func() { c.writer.runs.Go(func() { c.writer.run(c.recover) }) })
	c.writer.q = c.out
	c.inbox = presence.NewInbox(c.bell)
	c.out.drained = &c.inbox.Pull
	for _, p := range []*bell.Pull{&c.input, &c.timer, &c.news, &c.server, &c.ending} {
		p.Bell = c.bell
	}
	c.writer.hurt = c.ending.Ring
	if c.bringing = c.bringNews; !c.writer.out.MayWait() { // else it would make others wait
		c.news.Helper = &bell.Helper{Crew: s.crew, Answer: c.bring}
	}
	return c
}

// run serves the connection and returns once all its goroutines have ended. When ctx
// ends, the client is told the text of its cause. run itself does the reading, which needs
// little stack; loop, which may need a deep one, has a goroutine whose stack can shrink.
func (c *conn) run(ctx context.Context) {
	cctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	c.srv.count.strangers.Add(1)
	defer c.srv.logins.watch(&c.server)()
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

// await reports whether ended was closed within limit.
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
	defer c.input.Ring()
	defer c.lines.end()
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

// loop handles lines, news and timers until the connection ends, and returns why, holding turns.
func (c *conn) loop(ctx context.Context) error {
	c.turns.Lock()
	c.logins = c.srv.logins.available()
	c.takeSettings() // they may have changed before the bell was registered
	c.prepareToLeave()
	if t := c.set.Limits.RegistrationTimeout; t > 0 {
		c.reg.deadline = time.Now().Add(t)
	}
	timer := time.AfterFunc(0, c.timer.Ring)
	defer timer.Stop()
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := c.wait(ctx); err != nil {
			return err
		}
		if err := c.turn(ctx, timer); err != nil {
			return err
		}
	}
}

// wait returns when the bell was rung, or after what comes of what is seldom awaited.
func (c *conn) wait(ctx context.Context) error {
	expiry := c.multilineExpiry()
	if expiry == nil && c.leaving == nil && c.monitor.again == nil && c.receipts.pause == nil {
		c.turns.Unlock()
		<-c.bell
		c.turns.Lock()
		return nil
	}
	select {
	case <-c.bell:
		return nil
	case <-expiry:
		if err := c.expireMultiline(ctx); err != nil {
			return err
		}
	case <-c.leaving:
		return c.parting()
	case <-c.monitor.again:
		c.monitor.again = nil
	case <-c.receipts.pause:
		c.receipts.pause = nil
	}
	return c.settle(ctx)
}

// turn handles what the bell was rung for, and one line of what there may be many: whoever
// sends many is shown news in between, and who has many news can send.
func (c *conn) turn(ctx context.Context, timer *time.Timer) error {
	if c.ending.Rung() {
		select {
		case err := <-c.writer.failed:
			return c.drain(ctx, err)
		default:
			if end := cmp.Or(context.Cause(ctx), c.broken); end != nil {
				return end
			}
		}
	}
	if c.timer.Rung() {
		next, err := c.watch()
		if err != nil {
			return err
		}
		timer.Reset(next)
		if err := c.settle(ctx); err != nil {
			return err
		}
	}
	if c.server.Rung() {
		c.takeSettings()
		c.loginsChanged()
		c.prepareToLeave()
		if err := c.settle(ctx); err != nil {
			return err
		}
	}
	if c.registered && c.news.Rung() { // before the line, which may have come later
		if err := c.poll(ctx); err != nil {
			return err
		}
		if err := c.settle(ctx); err != nil {
			return err
		}
	}
	if c.input.Rung() {
		if err := c.takeLine(ctx); err != nil {
			return err
		}
	}
	if c.inbox.Rung() {
		c.showSomePresence()
		return c.settle(ctx)
	}
	return nil
}

// takeLine handles the next line, if there is one. When it returns, the bell is rung if there
// may be more.
func (c *conn) takeLine(ctx context.Context) error {
	in, open := c.lines.take()
	switch {
	case !open:
		return c.inputErr
	case in == nil:
		return nil
	}
	c.input.Ring()
	if c.took(in) {
		if err := c.handleLine(ctx, in); err != nil {
			return err
		}
	}
	return c.settle(ctx)
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
