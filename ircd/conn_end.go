package ircd

import (
	"cmp"
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"directus-ircd/ircd/transport"
	"directus-ircd/ircd/wire"

	"github.com/rs/zerolog"
)

const (
	// flushTimeout bounds the end of a connection: writing its last bytes and closing
	// its session.
	flushTimeout = 2 * time.Second
	// lingerTimeout is how long input is read after the last byte of output. A socket
	// closed with unread input may lose output that the client has not read yet.
	lingerTimeout = time.Second
	// drainTimeout is how long we wait for each further line of a client that is gone,
	// in addition to the delay of flood control.
	drainTimeout = time.Second
	// drainLimit bounds the draining of a client that keeps sending but does not read.
	drainLimit = 10 * time.Second
	// latePause is how long the reader gets to pick up input that has arrived, and
	// lateRounds how many times.
	latePause  = 5 * time.Millisecond
	lateRounds = 10
)

// connections are those that one call of Serve has accepted. All methods may be called from any
// goroutine.
type connections struct {
	running sync.WaitGroup
	mu      sync.Mutex
	open    map[*conn]struct{} // guarded by mu
}

// add has a connection interrupted until done is called. Where the context ended before, loop finds
// that by itself: it has not begun.
func (cs *connections) add(c *conn) (done func()) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.open[c] = struct{}{}
	return func() {
		cs.mu.Lock()
		defer cs.mu.Unlock()
		delete(cs.open, c)
	}
}

// interrupt makes all loops end soon. It is called once the context of Serve has ended. One function for
// all costs less memory than what each would have called when its own context ends.
func (cs *connections) interrupt() {
	cs.mu.Lock()
	all := slices.Collect(maps.Keys(cs.open))
	cs.mu.Unlock()
	for _, c := range all {
		c.interrupt()
	}
}

// interrupt makes loop end the connection soon. loop may be in a write that was not expected to wait, see
// transport.Prompt.
func (c *conn) interrupt() {
	transport.Bound(c.nc, time.Now().Add(flushTimeout))
	c.ending.Ring()
}

// closing is the error that ends a connection in an orderly way, with an ERROR line.
type closing struct {
	text  string // for ERROR
	quit  string // the QUIT message that others see; quitText if empty
	cause string // for the log
	// answer replaces ERROR for a peer that does not speak IRC.
	answer string
	// receipt asks the client for a last receipt, as when the server stops.
	receipt bool
}

func (e *closing) Error() string { return e.cause }

// notHTTP answers an HTTP request, so that whoever sent it learns what this is.
const notHTTP = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n" +
	"This is an IRC server: connect with an IRC client.\r\n"

// notIRC ends a connection whose first line no IRC client sends. The rest is not handled,
// because a web page may have composed it. A first line that is too long may be an HTTP
// request too.
func notIRC(in *inbound) *closing {
	if in.tooLong {
		return &closing{text: "the first line is too long for a client", cause: "first line too long"}
	}
	return &closing{text: "this is an IRC server", cause: "HTTP request", answer: notHTTP}
}

// quitText is the QUIT message of a user who gave no reason. Others are not told that a
// password was changed, an account suspended or a client too slow.
const quitText = "Connection closed"

// stalled ends the connection of a client that does not read.
func (c *conn) stalled() *closing {
	c.srv.count.slow.Add(1)
	return &closing{text: errStalled.Error(), cause: "client does not read"}
}

// endOf turns the error that ended loop into the words that end the connection.
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
	end.quit = cmp.Or(end.quit, quitText)
	return end
}

// close ends the connection after err has ended loop, on the same goroutine. stop cancels
// the connection's contexts; reading is closed when read has returned.
func (c *conn) close(ctx context.Context, err error, stop func(), reading <-chan struct{}) {
	_ = c.recover(func() error { c.closeAll(ctx, c.endOf(ctx, err), stop, reading); return nil })
	c.nc.Close()
}

func (c *conn) closeAll(ctx context.Context, end *closing, stop func(), reading <-chan struct{}) {
	if ctx.Err() != nil || end.receipt {
		_ = c.recover(func() error { c.lastReceipt(end.text); return nil })
	}
	close(c.done)
	stop()
	deadline := time.Now().Add(flushTimeout)
	if c.recover(func() error { c.finish(ctx, end, deadline, reading); return nil }) != nil {
		c.out.close(nil, deadline)
	}
	// A write that is under way may have a later deadline.
	if await(c.writer.ended, time.Until(deadline)) {
		c.linger(reading)
	}
	c.nc.Close()
	<-c.writer.ended
	c.writer.runs.Wait()
	<-reading

	level := zerolog.InfoLevel
	if !c.registered {
		level = zerolog.DebugLevel // strangers could fill the log
	}
	c.log.WithLevel(level).Str("cause", end.cause).Stringer("duration", time.Since(c.start).Round(time.Second)).Msg("connection closed")
}

// finish ends the connection for the client, for other users and for the backend, all
// before the deadline.
func (c *conn) finish(ctx context.Context, end *closing, deadline time.Time, reading <-chan struct{}) {
	// Deferred, because writing to the client may panic and the session has to end anyway.
	defer c.closeSession(ctx, deadline)
	// A client that reads ERROR is no longer counted or seen.
	c.leave(end.quit, ctx.Err() != nil)
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
	c.out.close(c.takeOutput(), deadline)
}

// refuseWaiting tells the client which of its messages have arrived but will not be
// handled. Those still in the network are unknown.
func (c *conn) refuseWaiting(reason string, reading <-chan struct{}) {
	if !c.registered {
		return // it could not send messages
	}
	late := c.late.take() // from here on read adds nothing to lines
	for in, _ := c.lines.take(); in != nil; in, _ = c.lines.take() {
		c.took(in)
		c.refuse(in, reason)
	}
	// Flood control may have held a line back, and read now picks up those after it.
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

// refuse tells the client that a message will not be handled; other lines are ignored.
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

// leave removes the connection from the counts and the roster, for a reason that others
// are told unless quiet.
func (c *conn) leave(reason string, quiet bool) {
	if c.member == nil {
		c.srv.count.strangers.Add(-1)
		return
	}
	c.srv.sessions.leave(c)
	c.srv.roster.Detach(c.member, reason, quiet)
	c.srv.count.registered.Add(-1)
}

// closeSession ends the session, if there is one.
func (c *conn) closeSession(ctx context.Context, deadline time.Time) {
	if c.session == nil {
		return
	}
	// The session gets its time even if the connection's context has ended.
	cctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), deadline)
	defer cancel()
	if err := c.recover(func() error { return c.session.Close(cctx) }); err != nil {
		level := zerolog.WarnLevel
		if unreachable(err) {
			level = zerolog.DebugLevel // the backend logs an outage once, itself
		}
		c.log.WithLevel(level).Err(err).Msg("close session")
	}
}

// unreachable reports whether an error means that the backend could not be reached, which
// the backend itself logs.
func unreachable(err error) bool {
	var ne net.Error // deadlines included
	return errors.As(err, &ne) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// linger lets read go on for a moment after the last byte was written: closing a socket
// with unread input discards output that the client has not read yet, such as the ERROR.
func (c *conn) linger(reading <-chan struct{}) {
	if transport.CloseWrite(c.nc) != nil {
		return
	}
	await(reading, lingerTimeout)
}

// drain handles the lines that a client sent before it went away, so that a message
// followed by an immediate close is stored. cause is the error of the failed write; drain
// returns it, or a later reason, as why the connection ends.
func (c *conn) drain(ctx context.Context, cause error) error {
	var over <-chan time.Time
	if errors.Is(cause, os.ErrDeadlineExceeded) {
		cause = c.stalled()
		over = time.After(drainLimit)
	}
	quiet := drainTimeout + c.pace()
	for {
		select {
		case <-c.lines.more():
			in, open := c.lines.take()
			if !open {
				return cause
			}
			if !c.took(in) {
				continue
			}
			if err := c.handleLine(ctx, in); err != nil {
				return err
			}
			c.dropOutput()
		case <-time.After(quiet):
			return cause
		case <-over:
			return cause
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// errorLine is the last line of a connection (RFC 2812, 3.7.4).
func errorLine(text string) *wire.Line {
	return &wire.Line{Command: "ERROR", Params: []string{text}, Trailing: true}
}
