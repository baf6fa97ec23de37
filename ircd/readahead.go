package ircd

import (
	"context"
	"strings"
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

// pingTimes are the times at which the PINGs were read that wait for their turn.
type pingTimes struct {
	mu sync.Mutex  // a leaf lock
	at []time.Time // guarded by mu: oldest first; read appends, loop removes
}

func (p *pingTimes) add() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = append(p.at, time.Now())
}

func (p *pingTimes) remove() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = p.at[1:]
}

// oldest is zero if none is waiting.
func (p *pingTimes) oldest() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.at) == 0 {
		return time.Time{}
	}
	return p.at[0]
}

// offer hands a line to loop, in its turn. It waits while too much was read ahead.
func (c *conn) offer(ctx context.Context, in *inbound) {
	// Acquire fails when ctx ends, and then loop ends as well.
	if c.ahead.Acquire(ctx, in.weight()) != nil {
		return
	}
	if in.ping = strings.EqualFold(commandOf(in.text), "PING"); in.ping {
		c.pings.add()
	}
	select {
	case c.lines <- in:
		c.heard.Store(int64(time.Since(c.start)))
		c.srv.count.linesIn.Add(1)
	case <-c.done:
	}
}

// took notes that the turn of a line has come.
func (c *conn) took(in *inbound) {
	c.ahead.Release(in.weight())
	if in.ping {
		c.pings.remove()
	}
}

func (in *inbound) weight() int64 { return int64(min(len(in.text)+aheadCost, maxAhead)) }

// commandOf returns the command of a line as it was sent; empty if it has none.
func commandOf(text string) string {
	_, rest := splitTags(text)
	command, _, _ := strings.Cut(skipSource(rest), " ")
	return command
}
