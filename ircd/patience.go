package ircd

import (
	"context"
	"errors"
	"time"

	irc "gopkg.in/irc.v4"
)

// How long the backend may keep a client waiting. Commands are answered in the
// order they came, so a slow one holds up all behind it; but a client that gets
// no answer to its PING gives the connection up.

const (
	// commandTime is how long the backend has for one command, and for all that a
	// client has sent before a PING. Finding out what became of a message may take
	// it some 3 s beyond that, so a PONG comes within 15 s.
	commandTime = 11 * time.Second
	// sendTime is how much of that must be left to begin sending a message.
	// Otherwise it is refused, which is better than not to know what became of it.
	sendTime = 4 * time.Second
)

// tooLate is what a client is told of what did not end in time.
const tooLate = "This takes too long at the moment, try again later"

// lastingKey is the key of the connection's context in that of a command.
type lastingKey struct{}

// withPatience returns the context of a command. It ends after commandTime, or
// sooner if a PING is waiting.
func (c *conn) withPatience(ctx context.Context) (context.Context, context.CancelFunc) {
	since := time.Now()
	if at := c.pings.oldest(); !at.IsZero() {
		since = at
	}
	return context.WithDeadline(context.WithValue(ctx, lastingKey{}, ctx), since.Add(commandTime))
}

// lasting returns the context of the connection for that of a command.
func lasting(ctx context.Context) context.Context {
	if parent, ok := ctx.Value(lastingKey{}).(context.Context); ok {
		return parent
	}
	return ctx
}

// ended returns why the connection ends, and nil if it is no more than the time
// of a command that is over.
func ended(ctx context.Context) error { return context.Cause(lasting(ctx)) }

// hasTime reports whether a command has some time left.
func hasTime(ctx context.Context, need time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return !ok || time.Until(deadline) >= need
}

// sendInTime is Session.Send, unless there is no time left for it.
func (c *conn) sendInTime(ctx context.Context, out Outgoing) (*Message, error) {
	if !hasTime(ctx, sendTime) {
		return nil, errorReply(irc.ERR_CANNOTSENDTOCHAN, "Not sent: what you sent before took all the time there is. Send it again", out.Target)
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
