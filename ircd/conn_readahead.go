package ircd

import (
	"context"
	"strings"
	"sync"
	"time"

	"directus-ircd/ircd/wire"
)

const (
	// maxAhead is how much is read ahead of the command at hand, to see a PING that
	// waits: bytes, and lines.
	maxAhead      = 32 << 10
	maxAheadLines = 64
	// aheadCost is what a line counts for beside its text.
	aheadCost = 64
)

// handOn gives a line to loop, in its turn, when flood control lets it. It reports
// false if loop has ended.
func (c *conn) handOn(ctx context.Context, in *inbound) bool {
	select {
	case <-c.done:
		return false
	default:
	}
	var err error
	// Both fail when ctx ends, and then loop has ended as well.
	if in.part, err = c.pacing.wait(ctx, in.text); err != nil {
		return false
	}
	c.expectTurn(in)
	if c.ahead.Acquire(ctx, in.weight()) != nil {
		return false
	}
	select {
	case c.lines <- in:
		c.heard.Store(int64(time.Since(c.start)))
		c.srv.count.linesIn.Add(1)
		return true
	case <-c.done:
		return false
	}
}

// took notes that the turn of a line has come. It reports false for a PING that was
// answered before.
func (c *conn) took(in *inbound) bool {
	c.ahead.Release(in.weight())
	return in.ping == nil || c.pings.took(in.ping)
}

func (in *inbound) weight() int64 { return int64(min(len(in.text)+aheadCost, maxAhead)) }

// latecomers are lines that were read and not handed on before loop ended.
type latecomers struct {
	// busy is held by read but while it waits for the network: who has it knows that
	// nothing is in read's hands.
	busy  sync.Mutex
	lines []*inbound // guarded by busy
	held  int64      // guarded by busy: what all of them weigh, taken or not; at most maxAhead
}

// add keeps a line, if there is room, and reports whether there was. The caller holds
// busy.
func (l *latecomers) add(in *inbound) bool {
	if l.held += in.weight(); l.held > maxAhead {
		return false
	}
	l.lines = append(l.lines, in)
	return true
}

// take returns what has come since the last time.
func (l *latecomers) take() []*inbound {
	l.busy.Lock()
	defer l.busy.Unlock()
	lines := l.lines
	l.lines = nil
	return lines
}

// pingPatience is how long a PING waits for its turn. Clients take the PONG for the end
// of what they were to be told, so it comes behind the answers to the commands before it;
// but they also measure by it whether the server is alive, and behind a command that
// waits for the backend they would give the connection up.
const pingPatience = time.Second

// pings are those of the client that wait for their turn.
type pings struct {
	mu      sync.Mutex     // a leaf lock
	waiting []*waitingPing // guarded by mu: oldest first; as many as are read ahead at most
	watched bool           // guarded by mu: answerEarly will run, or runs
}

// waitingPing is a PING that was read. It is never changed.
type waitingPing struct {
	text, token string
	since       time.Time
}

// expectTurn has a PING answered that waits for longer than pingPatience. One that is an
// error, or said to be part of a batch, waits for its turn in any case.
func (c *conn) expectTurn(in *inbound) {
	if !strings.EqualFold(wire.CommandOf(in.text), "PING") {
		return
	}
	text, _ := wire.ToUTF8(in.text)
	m, err := wire.Parse(text)
	if err != nil || m.Param(0) == "" {
		return
	}
	if _, ok := m.Tags[tagBatch]; ok {
		return
	}
	in.ping = &waitingPing{text: text, token: m.Param(0), since: time.Now()}
	if c.pings.add(in.ping) {
		time.AfterFunc(pingPatience, c.answerEarly)
	}
}

// answerEarly answers the PINGs whose time is over, and comes back for the others. It
// runs once at a time, on a goroutine of its own, and waits for nothing: what it says
// once the connection has ended goes nowhere.
func (c *conn) answerEarly() {
	_ = c.recover(func() error {
		due, next := c.pings.due()
		if next > 0 {
			time.AfterFunc(next, c.answerEarly)
		}
		for _, p := range due {
			c.out.force(wire.Append(nil, c.earlyPong(p)))
			c.srv.count.linesOut.Add(1)
		}
		return nil
	})
}

// earlyPong is what cmdPing would have sent.
func (c *conn) earlyPong(p *waitingPing) *wire.Line {
	caps := capSet(c.sharedCaps.Load())
	l := c.pong(p.token)
	if label := labelOf(caps, p.text); label != "" {
		l.Tags = append(l.Tags, wire.Tag{Key: "label", Value: label})
	}
	if caps.has(capServerTime) {
		l.Tags = append(l.Tags, wire.Tag{Key: "time", Value: c.srv.now().UTC().Format(wire.TimeFormat)})
	}
	return l
}

// add reports whether nobody watches the time.
func (p *pings) add(w *waitingPing) (unwatched bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	unwatched, p.watched = !p.watched, true
	p.waiting = append(p.waiting, w)
	return unwatched
}

// took takes a PING whose turn has come, and reports false if due has taken it.
func (p *pings) took(w *waitingPing) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) == 0 || p.waiting[0] != w {
		return false
	}
	p.drop(1)
	return true
}

// due takes the PINGs whose time is over, and returns how long it is until the next;
// 0 if there is none.
func (p *pings) due() (due []*waitingPing, next time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for n < len(p.waiting) && time.Since(p.waiting[n].since) >= pingPatience {
		n++
	}
	due = p.waiting[:n]
	if p.drop(n); len(p.waiting) > 0 {
		next = max(time.Until(p.waiting[0].since.Add(pingPatience)), time.Nanosecond)
	}
	p.watched = next > 0
	return due, next
}

// drop forgets the first n. The caller holds mu.
func (p *pings) drop(n int) {
	if p.waiting = p.waiting[n:]; len(p.waiting) == 0 {
		p.waiting = nil
	}
}
