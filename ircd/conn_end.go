package ircd

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"time"

	"directus-ircd/ircd/transport"
	"directus-ircd/ircd/wire"

	"github.com/rs/zerolog"
)

const (
	// flushTimeout bounds the end of a connection: the last bytes and the end
	// of its session.
	flushTimeout = 2 * time.Second
	// lingerTimeout is how long a connection is read after the last byte, so
	// that unread input does not make the system throw that byte away.
	lingerTimeout = time.Second
	// drainTimeout is how long each line is awaited, beyond what flood control
	// holds it back, from a client that is gone.
	drainTimeout = time.Second
	// drainLimit bounds all of that for a client that is there and goes on
	// sending, but does not read.
	drainLimit = 10 * time.Second
	// latePause is how long the reader is given to get what has come, lateRounds how
	// often.
	latePause  = 5 * time.Millisecond
	lateRounds = 10
)

// closing ends a connection in an orderly way: the text is told in ERROR.
type closing struct {
	text  string // for the client alone
	quit  string // the user's own words for the others; empty: quitText
	cause string // for the log
	// answer is told in place of ERROR to what speaks no IRC.
	answer string
}

func (e *closing) Error() string { return e.cause }

// notHTTP answers a request, so that whoever sent it sees what is here.
const notHTTP = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n" +
	"This is an IRC server: connect with an IRC client.\r\n"

// notIRC ends a connection whose first line no IRC client sends: nothing behind it
// is handled, for a web page may have made it. A line that is too long may be an
// HTTP request as well.
func notIRC(in *inbound) *closing {
	if in.tooLong {
		return &closing{text: "the first line is too long for a client", cause: "first line too long"}
	}
	return &closing{text: "this is an IRC server", cause: "HTTP request", answer: notHTTP}
}

// quitText is all that others are told of an end that the user has given no reason
// for: that a password was changed, an account suspended or a client is slow is
// nobody's business.
const quitText = "Connection closed"

// stalled is the end of a client that does not read.
func stalled() *closing {
	return &closing{text: errStalled.Error(), cause: "client does not read"}
}

// endOf says in what words a connection ends.
func (c *conn) endOf(ctx context.Context, err error) *closing {
	var end *closing
	switch {
	case errors.As(err, &end):
	case ctx.Err() != nil:
		text := "the server is shutting down"
		if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
			text = cause.Error()
		}
		end = &closing{text: text, cause: "server stopped"}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrClosedPipe):
		end = &closing{text: "connection closed", cause: "client closed the connection"}
	default:
		err = transport.PlainError(err)
		end = &closing{text: err.Error(), cause: err.Error()}
	}
	if end.quit == "" {
		end.quit = quitText
	}
	return end
}

// close ends all there is of the connection, on loop's goroutine, once err has ended
// loop: stop ends what waits for the contexts of the connection, and reading is closed
// when nothing is read any more.
func (c *conn) close(ctx context.Context, err error, stop func(), reading <-chan struct{}) {
	_ = c.recover(func() error { c.closeAll(ctx, c.endOf(ctx, err), stop, reading); return nil })
	c.nc.Close()
}

func (c *conn) closeAll(ctx context.Context, end *closing, stop func(), reading <-chan struct{}) {
	if ctx.Err() != nil {
		_ = c.recover(func() error { c.lastReceipt(end.text); return nil })
	}
	close(c.done)
	stop()
	deadline := time.Now().Add(flushTimeout)
	if c.recover(func() error { c.finish(ctx, end, deadline, reading); return nil }) != nil {
		c.out.close(nil, deadline)
	}
	// A write that began before has a later deadline of its own.
	if await(c.writer.ended, time.Until(deadline)) {
		c.linger(reading)
	}
	c.nc.Close()
	<-c.writer.ended
	c.writer.runs.Wait()
	<-reading

	level := zerolog.InfoLevel
	if !c.registered {
		level = zerolog.DebugLevel // anybody can make any number of these
	}
	c.log.WithLevel(level).Str("cause", end.cause).Stringer("duration", time.Since(c.start).Round(time.Second)).Msg("connection closed")
}

// finish says good-bye to everybody: the client, the others, the backend. All of
// it is to be over at the deadline.
func (c *conn) finish(ctx context.Context, end *closing, deadline time.Time, reading <-chan struct{}) {
	// What is told may panic; that others are told may not depend on it.
	defer c.leave(ctx, end, deadline)
	if r := c.response; r != nil && !r.silent() {
		c.endResponse()
	}
	c.abandonMultiline()
	c.refuseWaiting(end.text, reading)
	if end.answer != "" {
		c.out1 = append(c.out1, end.answer...)
	} else {
		c.send(errorLine("Closing link: " + end.text))
	}
	c.endResponse()
	c.out.close(c.out1, deadline)
	c.out1 = nil
}

// refuseWaiting tells the client which of its messages have come, and will not be
// handled any more. What is still in the network is not known.
func (c *conn) refuseWaiting(reason string, reading <-chan struct{}) {
	if !c.registered {
		return // no message was taken either
	}
	late := c.late.take() // nothing goes into lines any more
	for waiting := true; waiting; {
		select {
		case in, ok := <-c.lines:
			if waiting = ok; ok {
				c.took(in)
				c.refuse(in, reason)
			}
		default:
			waiting = false
		}
	}
	// Behind a line that flood control held back there may be more, which read is
	// getting just now.
	for range lateRounds {
		for _, in := range late {
			c.refuse(in, reason)
		}
		if len(late) == 0 {
			return
		}
		await(reading, latePause)
		late = c.late.take()
	}
}

// refuse says of a line that it will not be handled, if it is a message.
func (c *conn) refuse(in *inbound, reason string) {
	text, _ := wire.ToUTF8(in.text)
	m, err := wire.Parse(text)
	if err != nil || m.Command != "PRIVMSG" && m.Command != "NOTICE" {
		return
	}
	c.beginResponse(labelOf(c.caps, text))
	defer c.endResponse()
	targets := wire.Targets(m.Param(0))
	c.refuseTargets(m.Command, targets[:min(len(targets), maxTargets)], reason)
}

// leave is the end of what the connection has beside itself.
func (c *conn) leave(ctx context.Context, end *closing, deadline time.Time) {
	if c.member != nil {
		c.srv.roster.Detach(c.member, end.quit, ctx.Err() != nil)
		c.srv.count.registered.Add(-1)
	}
	if c.session == nil {
		return
	}
	// The connection's own context may have ended; the session still gets its
	// time.
	cctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), deadline)
	defer cancel()
	if err := c.recover(func() error { return c.session.Close(cctx) }); err != nil {
		level := zerolog.WarnLevel
		if unreachable(err) {
			level = zerolog.DebugLevel // not to be said once more for each connection
		}
		c.log.WithLevel(level).Err(err).Msg("close session")
	}
}

// unreachable reports whether a backend could not be talked to at all, which it
// says in a log of its own.
func unreachable(err error) bool {
	var ne net.Error // deadlines included
	return errors.As(err, &ne) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// linger reads on for a moment after the last byte was written. Closing a
// socket with unread input makes the system discard what the other side has not
// fetched yet, the reason of the close for one.
func (c *conn) linger(reading <-chan struct{}) {
	if transport.CloseWrite(c.nc) != nil {
		return
	}
	await(reading, lingerTimeout)
}

// drain handles the lines that a client sent before it went: a message followed
// by an immediate close is stored. It returns why the connection ends, which is
// cause: the error of a write.
func (c *conn) drain(ctx context.Context, cause error) error {
	var over <-chan time.Time
	if errors.Is(cause, os.ErrDeadlineExceeded) {
		cause = stalled()
		limit := time.NewTimer(drainLimit)
		defer limit.Stop()
		over = limit.C
	}
	quiet := drainTimeout + c.pace()
	for {
		t := time.NewTimer(quiet)
		select {
		case in, ok := <-c.lines:
			t.Stop()
			if !ok {
				return cause
			}
			if !c.took(in) {
				continue
			}
			if err := c.handleLine(ctx, in); err != nil {
				return err
			}
			c.out1 = c.out1[:0]
		case <-t.C:
			return cause
		case <-over:
			t.Stop()
			return cause
		case <-ctx.Done():
			t.Stop()
			return context.Cause(ctx)
		}
	}
}

// errorLine is the last line of a connection (RFC 2812, 3.7.4).
func errorLine(text string) *wire.Line {
	return &wire.Line{Command: "ERROR", Params: []string{text}, Trailing: true}
}
