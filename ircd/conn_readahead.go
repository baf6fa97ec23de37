package ircd

import (
	"context"
	"sync"
	"time"
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
