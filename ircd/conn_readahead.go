package ircd

import (
	"context"
	"strings"
	"sync"
	"time"

	"directus-ircd/ircd/wire"
)

const (
	// maxAhead and maxAheadLines bound what is read ahead of the current command, which
	// is done to notice a PING: in bytes and in lines.
	maxAhead      = 32 << 10
	maxAheadLines = 64
	// aheadCost is what a line counts for in addition to its text.
	aheadCost = 64
)

// handOn passes a line to loop once flood control lets it. It reports false if loop has
// ended.
func (c *conn) handOn(ctx context.Context, in *inbound) bool {
	select {
	case <-c.done:
		return false
	default:
	}
	var err error
	// Both waits fail only when ctx ends, and then loop has ended too.
	if in.part, err = c.pacing.wait(ctx, in.text); err != nil {
		return false
	}
	in.at = time.Now()
	c.expectTurn(in)
	for {
		full := c.lines.put(in)
		if full == nil {
			break
		}
		select {
		case <-full:
		case <-ctx.Done():
			return false
		case <-c.done:
			return false
		}
	}
	c.input.Ring()
	c.heard.Store(int64(time.Since(c.start)))
	c.srv.count.linesIn.Add(1)
	return true
}

// took is called when loop gets to a line. It reports false for a PING that was answered
// early.
func (c *conn) took(in *inbound) bool { return in.ping == nil || c.pings.took(in.ping) }

// readAhead holds the lines that read has passed to loop. It costs little while it is empty, as it is for
// nearly all clients at nearly all times. Only read puts lines in, and ends them; only loop takes them.
type readAhead struct {
	mu      sync.Mutex    // a leaf lock
	lines   []*inbound    // guarded by mu: oldest first; at most maxAheadLines, and maxAhead in weight
	weight  int64         // guarded by mu: of lines
	ended   bool          // guarded by mu: no more lines come
	changed chan struct{} // guarded by mu: closed by what comes next: a line, the end, or room; nil if nobody waits
}

// put adds a line. Where there is no room, it does not, and returns what is readable when that may have changed.
func (r *readAhead) put(in *inbound) (full <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.lines) >= maxAheadLines || r.weight+in.weight() > maxAhead {
		return r.change()
	}
	r.lines, r.weight = append(r.lines, in), r.weight+in.weight()
	r.tell()
	return nil
}

// end says that no more lines come.
func (r *readAhead) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	r.tell()
}

// take removes the oldest line. in is nil if there is none now; open reports whether there is or may be one.
func (r *readAhead) take() (in *inbound, open bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.lines) == 0 {
		return nil, !r.ended
	}
	in, r.lines[0] = r.lines[0], nil
	r.weight -= in.weight()
	if r.lines = r.lines[1:]; len(r.lines) == 0 {
		r.lines = nil
	}
	r.tell()
	return in, true
}

// more is readable when there is something to take, or nothing more will come.
func (r *readAhead) more() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	changed := r.change()
	if len(r.lines) > 0 || r.ended {
		r.tell()
	}
	return changed
}

// change returns what tell closes. The caller holds mu.
func (r *readAhead) change() <-chan struct{} {
	if r.changed == nil {
		r.changed = make(chan struct{})
	}
	return r.changed
}

// tell wakes whoever waits for a change. The caller holds mu.
func (r *readAhead) tell() {
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

func (in *inbound) weight() int64 { return int64(min(len(in.text)+aheadCost, maxAhead)) }

// latecomers are lines that were read but not passed to loop before it ended.
type latecomers struct {
	// busy is held by read except while it waits for input: whoever holds it knows that
	// read is not processing a line.
	busy  sync.Mutex
	lines []*inbound // guarded by busy
	held  int64      // guarded by busy: the weight of all lines so far, taken or not
}

// add keeps a line and reports true, unless more than maxAhead were held then. The caller
// holds busy.
func (l *latecomers) add(in *inbound) bool {
	if l.held += in.weight(); l.held > maxAhead {
		return false
	}
	l.lines = append(l.lines, in)
	return true
}

// take returns the lines added since the last call.
func (l *latecomers) take() []*inbound {
	l.busy.Lock()
	defer l.busy.Unlock()
	lines := l.lines
	l.lines = nil
	return lines
}

// pingPatience is how long a PING waits for its turn. Clients take the PONG for the end of
// the answers to earlier commands, so it normally comes after those. But they also use it
// to check that the server is alive, and would disconnect if a command before it waited
// long for the backend.
const pingPatience = time.Second

// pings holds the client's PINGs that wait for their turn.
type pings struct {
	mu      sync.Mutex     // a leaf lock
	waiting []*waitingPing // guarded by mu: oldest first; at most maxAheadLines
	watched bool           // guarded by mu: answerEarly is scheduled or running
}

// waitingPing is a PING that was read. It is immutable.
type waitingPing struct {
	text, token string
	since       time.Time
}

// expectTurn sees to it that a PING is answered within about pingPatience. A malformed one,
// or one tagged as part of a batch, always waits for its turn.
func (c *conn) expectTurn(in *inbound) {
	if _, command, _ := wire.Cut(in.text); !strings.EqualFold(command, "PING") {
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

// answerEarly answers the PINGs that have waited for pingPatience and reschedules itself
// for the others. It runs on a timer's goroutine, once at a time, and never blocks: what it
// sends after the end of the connection is discarded.
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

// earlyPong is the line that cmdPing would have sent.
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

// add queues a PING and reports whether answerEarly must be scheduled.
func (p *pings) add(w *waitingPing) (unwatched bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	unwatched, p.watched = !p.watched, true
	p.waiting = append(p.waiting, w)
	return unwatched
}

// took removes a PING whose turn has come. It reports false if due has removed it.
func (p *pings) took(w *waitingPing) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) == 0 || p.waiting[0] != w {
		return false
	}
	p.drop(1)
	return true
}

// due removes and returns the PINGs that have waited for pingPatience. next is the time
// until the next one is due; 0 if there is none.
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

// drop removes the first n PINGs. The caller holds mu.
func (p *pings) drop(n int) {
	if p.waiting = p.waiting[n:]; len(p.waiting) == 0 {
		p.waiting = nil
	}
}
