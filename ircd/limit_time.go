package ircd

import (
	"context"
	"errors"
	"sync"
	"time"

	irc "gopkg.in/irc.v4"
)

// How long the backend may keep a client waiting. Commands are answered in the order
// they came, so a slow one holds up all behind it but a PING, see answerEarly.

const (
	// commandTime is how long the backend has for one command. Finding out what
	// became of a message may take it some 3 s beyond that.
	commandTime = 11 * time.Second
	// sendTime is how much of that must be left to begin with the next of several
	// messages. Otherwise it is refused, which is better than not to know what became
	// of it.
	sendTime = 4 * time.Second
)

// tooLate is what a client is told of what did not end in time.
const tooLate = "This takes too long at the moment, try again later"

// lastingKey is the key of the connection's context in that of a command.
type lastingKey struct{}

// withPatience returns the context of a command, which ends after commandTime.
func withPatience(ctx context.Context) (context.Context, context.CancelFunc) {
	p := &patience{outer: ctx, deadline: time.Now().Add(commandTime)}
	if d, ok := ctx.Deadline(); ok && d.Before(p.deadline) {
		p.deadline = d
	}
	return p, p.end
}

// patience is a context.WithDeadline whose timer is not started before somebody waits
// for it: most commands, and nearly every look for news, wait for nothing.
type patience struct {
	outer    context.Context
	deadline time.Time

	mu    sync.Mutex
	over  bool               // guarded by mu
	timed context.Context    // nil until somebody waits; guarded by mu
	stop  context.CancelFunc // of timed; guarded by mu
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

// Value leads those who make a context of this one to what ends it. A look for news within a
// command ends before that, and the connection after both.
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

func (p *patience) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	if p.stop != nil {
		p.stop()
	}
}

// Lasting returns the context of the connection for that of a command, which ends earlier: a
// Session that goes on behind the end of a command ends with that.
func Lasting(ctx context.Context) context.Context {
	if parent, ok := ctx.Value(lastingKey{}).(context.Context); ok {
		return parent
	}
	return ctx
}

// ended returns why the connection ends, and nil if it is no more than the time
// of a command that is over.
func ended(ctx context.Context) error { return context.Cause(Lasting(ctx)) }

// hasTime reports whether a command has some time left.
func hasTime(ctx context.Context, need time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return !ok || time.Until(deadline) >= need
}

// sendInTime is Session.Send, unless there is no time left for it.
func (c *conn) sendInTime(ctx context.Context, out Outgoing) (*Message, error) {
	if !hasTime(ctx, sendTime) {
		return nil, errorReply(irc.ERR_CANNOTSENDTOCHAN, "Not sent: what came before it took all the time there is. Send it again", out.Target)
	}
	stored, err := c.session.Send(ctx, out)
	var e *Error
	if errors.Is(err, context.DeadlineExceeded) && !errors.As(err, &e) {
		e = errorReply(irc.ERR_CANNOTSENDTOCHAN, "No answer came in time: perhaps sent. Look before you send it again", out.Target)
		e.Err = err
		return nil, e
	}
	return stored, err
}

// lookupInTime is Session.Lookup, unless there is no time left for it.
func (c *conn) lookupInTime(ctx context.Context, nick string) (*User, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return c.session.Lookup(ctx, nick)
}

// joinInTime is Session.Join, unless there is no time left for it.
func (c *conn) joinInTime(ctx context.Context, name string) (*Channel, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return c.session.Join(ctx, name, c.joinOptions())
}
