package ircd

import (
	"context"
	"errors"
	"sync"
	"time"

	irc "gopkg.in/irc.v4"
)

// This file bounds how long the backend may keep a client waiting. Commands are answered
// in order, so a slow one delays all that follow, except PING: see answerEarly.

const (
	// commandTime is how long the backend has for one command. To find out what became
	// of a message it may take up to 3 s more.
	commandTime = 11 * time.Second
	// sendTime is how much of commandTime must be left to send the next of several
	// messages. Otherwise it is refused, which beats not knowing what became of it.
	sendTime = 4 * time.Second
)

// tooLate is the error text for a command that ran out of time.
const tooLate = "This takes too long at the moment, try again later"

// lastingKey is the key under which a command's context holds that of the connection.
type lastingKey struct{}

// withPatience returns the context of a command, which ends after commandTime.
func withPatience(ctx context.Context) (context.Context, context.CancelFunc) {
	p := (*patience)(nil).renew(ctx)
	return p, p.end
}

// patience is a context.WithDeadline that starts its timer only when somebody waits for
// it: most commands, and nearly all polls, wait for nothing.
type patience struct {
	outer    context.Context
	deadline time.Time

	mu    sync.Mutex
	over  bool               // guarded by mu
	timed context.Context    // guarded by mu: the real one; nil until somebody waits
	stop  context.CancelFunc // guarded by mu: of timed
}

func (p *patience) Deadline() (time.Time, bool) { return p.deadline, true }

func (p *patience) Done() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timed == nil {
		p.timed, p.stop = context.WithDeadline(p.outer, p.deadline)
		if p.over {
			p.stop()
		}
	}
	return p.timed.Done()
}

func (p *patience) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.timed != nil:
		return p.timed.Err()
	case p.outer.Err() != nil:
		return p.outer.Err()
	case p.over:
		return context.Canceled
	case !time.Now().Before(p.deadline):
		return context.DeadlineExceeded
	}
	return nil
}

// Value forwards to the context that is in use, so that derived contexts find it. For
// lastingKey it skips any patience that this one is nested in, such as a command's around
// a poll's.
func (p *patience) Value(key any) any {
	if key == (lastingKey{}) {
		return Lasting(p.outer)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timed != nil {
		return p.timed.Value(key)
	}
	return p.outer.Value(key)
}

func (p *patience) isAwaited() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.timed != nil
}

// renew begins p anew for another command, or returns a new one if p is nil or somebody has
// waited for p to end. The caller owns p, whose command is over.
func (p *patience) renew(ctx context.Context) *patience {
	if p == nil || p.isAwaited() {
		p = &patience{}
	}
	p.outer, p.over, p.deadline = ctx, false, time.Now().Add(commandTime)
	if d, ok := ctx.Deadline(); ok && d.Before(p.deadline) {
		p.deadline = d
	}
	return p
}

func (p *patience) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	if p.stop != nil {
		p.stop()
	}
}

// Lasting returns the connection's context, given that of a command, which ends earlier. A
// Session uses it for work that outlasts the command.
func Lasting(ctx context.Context) context.Context {
	if parent, ok := ctx.Value(lastingKey{}).(context.Context); ok {
		return parent
	}
	return ctx
}

// ended returns why the connection ends, or nil if only a command has run out of time.
func ended(ctx context.Context) error { return context.Cause(Lasting(ctx)) }

// hasTime reports whether a command has at least need left.
func hasTime(ctx context.Context, need time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return !ok || time.Until(deadline) >= need
}

// sendInTime is Session.Send, unless too little time is left.
func (c *conn) sendInTime(ctx context.Context, out Outgoing) (*Message, error) {
	if !hasTime(ctx, sendTime) {
		e := errorReply(irc.ERR_CANNOTSENDTOCHAN, "Not sent: earlier messages took too long. Send it again", out.Target)
		e.Lost = true
		return nil, e
	}
	stored, err := c.session.Send(ctx, out)
	var e *Error
	if errors.Is(err, context.DeadlineExceeded) && !errors.As(err, &e) {
		e = errorReply(irc.ERR_CANNOTSENDTOCHAN, "No answer came in time: perhaps sent. Check before you send it again", out.Target)
		e.Lost, e.Err = true, err
		return nil, e
	}
	return stored, err
}

// lookupInTime is Session.Lookup, unless no time is left.
func (c *conn) lookupInTime(ctx context.Context, nick string) (*User, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return c.session.Lookup(ctx, nick)
}

// joinInTime is Session.Join, unless no time is left.
func (c *conn) joinInTime(ctx context.Context, name string, next []string) (*Channel, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	opts := c.joinOptions()
	opts.Next = next
	return c.session.Join(ctx, name, opts)
}

// silence is how long a client may be silent before it is sent a PING, and before the
// connection is closed; 0 means never.
func (l *Limits) silence() (ask, end time.Duration) {
	if l.PingTimeout <= 0 {
		return pingAfter, 0
	}
	return min(pingAfter, l.PingTimeout/2), l.PingTimeout
}
