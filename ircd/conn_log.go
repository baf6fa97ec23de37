package ircd

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"

	"directus-ircd/ircd/wire"

	"github.com/rs/zerolog"
	irc "gopkg.in/irc.v4"
)

// connLabel adds the connection's number and nick to each log entry. It takes less memory
// than a logger with those in its context.
type connLabel struct {
	id   uint64
	nick atomic.Pointer[string] // nil before 001
}

// Run implements zerolog.Hook.
func (l *connLabel) Run(e *zerolog.Event, _ zerolog.Level, _ string) {
	e.Uint64("conn", l.id)
	if nick := l.nick.Load(); nick != nil {
		e.Str("nick", *nick)
	}
}

// The log names commands and the client's own channels, and nothing else of a line. Any
// other word may be a password, even one that begins with "#", an e-mail address, which
// HexChat sends as the user name, or what people say.

// traceIn logs a command received, which must be one of the table's.
func (c *conn) traceIn(m *irc.Message) {
	e := c.log.Debug()
	if !e.Enabled() {
		return
	}
	e = e.Str("cmd", m.Command).Int("params", len(m.Params))
	if ch := c.channels[wire.Fold(m.Param(0))]; ch != nil {
		e = e.Str("channel", ch.name)
	}
	e.Msg("line in")
}

// traceLine logs a line sent. params are those that may name a channel.
func (c *conn) traceLine(command string, params ...string) {
	e := c.log.Trace()
	if !e.Enabled() {
		return
	}
	e = e.Str("cmd", command)
	for _, p := range params {
		if _, ok := c.channels[wire.Fold(p)]; ok {
			e = e.Str("channel", p)
			break
		}
	}
	e.Msg("line out")
}

// ErrPanic is what Recover makes of a panic.
var ErrPanic = errors.New("internal error")

// Recover runs f and turns a panic into ErrPanic. It logs the stack, but no value that a
// client may have sent. log is a pointer because a copy would stay on the stack for as
// long as f runs.
func Recover(log *zerolog.Logger, f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			log.Error().Str("panic", panicText(v)).Bytes("stack", debug.Stack()).Msg("internal error")
			err = ErrPanic
		}
	}()
	return f()
}

// panicText describes a panic without values that a client may have sent.
func panicText(v any) string {
	if err, ok := v.(interface{ RuntimeError() }); ok {
		return fmt.Sprint(err)
	}
	return fmt.Sprintf("%T", v)
}
