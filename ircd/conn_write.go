package ircd

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"directus-ircd/ircd/transport"
)

// flush sends the output so far, or hands it to the writer. It is called at least after each
// line handled.
func (c *conn) flush(ctx context.Context) error {
	if len(c.out1) == 0 {
		return nil
	}
	if c.writer.prompt(c.out1) {
		c.dropOutput()
		return nil
	}
	// How long a slow client may block does not depend on the command's deadline.
	err := c.out.put(Lasting(ctx), c.takeOutput())
	if errors.Is(err, errStalled) {
		return c.stalled()
	}
	return err
}

// ownOutput makes out1 a buffer of the connection's own, to append to.
func (c *conn) ownOutput() {
	if c.lent || c.out1 == nil {
		c.out1, c.lent = append(c.srv.spare.get(), c.out1...), false
	}
}

// takeOutput returns the output so far, for others to keep and change.
func (c *conn) takeOutput() []byte {
	c.ownOutput()
	out := c.out1
	c.out1 = nil
	return out
}

// dropOutput forgets the output so far.
func (c *conn) dropOutput() {
	if !c.lent {
		c.srv.spare.put(c.out1)
	}
	c.out1, c.lent = nil, false
}

// flushLong is flush for the middle of a long answer: it does nothing until writeChunk
// bytes have accumulated. When much output is waiting on the whole server, it blocks until
// this client has read its own, so that a client that does not read holds one piece only.
func (c *conn) flushLong(ctx context.Context) error {
	if len(c.out1) <= writeChunk {
		return nil
	}
	if err := c.flush(ctx); err != nil || c.srv.spare.waiting.Load() <= crowd {
		return err
	}
	_, err := c.out.awaitIdle(Lasting(ctx))
	return err
}

// writer writes a connection's queue to the network.
type writer struct {
	out *transport.Prompt // owned by whoever has set q.writing
	q   *sendQueue
	// failed gets the error that ended the writing, after which hurt is called; cap 1.
	failed chan error
	hurt   func()
	// ended is closed when everything is written, or nothing more will be.
	ended chan struct{}
	// last is when prompt was called last, and pause how long ago that has to be; loop owns
	// both.
	last  time.Time
	pause time.Duration
	// runs counts the goroutines of run; closeAll waits for them.
	runs sync.WaitGroup
}

// run writes until the queue is empty or a write fails. The queue starts its goroutine when
// there is output and no such goroutine. protect turns a panic into a failure.
func (w *writer) run(protect func(func() error) error) {
	over := false
	err := protect(func() (err error) {
		over, err = w.writeAll()
		return err
	})
	if err != nil {
		w.q.drop()
		w.failed <- err
		w.hurt()
	}
	if over || err != nil {
		close(w.ended)
	}
}

// prompt writes lines on the caller's goroutine, which is loop's, if nothing waits before
// them; what the client does not take at once is queued. It reports false if it has done
// nothing: lines that come one upon another are left to the writer, which writes several at
// once. It does not wait, and does not keep lines.
func (w *writer) prompt(lines []byte) bool {
	now := time.Now()
	rush := now.Sub(w.last) < w.pause
	if w.last = now; rush {
		return false
	}
	if len(lines) > writeChunk || !w.out.CanTry() || !w.q.claim() {
		return false
	}
	written := 0
	defer func() { w.q.release(lines[written:]) }()
	written, _ = w.out.TryWrite(lines) // the writer of the rest meets the error again
	return true
}

func (w *writer) writeAll() (over bool, err error) {
	var lines []byte
	for {
		if lines, over = w.q.take(lines); len(lines) == 0 {
			return over, nil
		}
		if err := w.write(lines); err != nil {
			return false, err
		}
	}
}

// write writes lines in chunks that end where a line ends.
func (w *writer) write(lines []byte) error {
	for len(lines) > 0 {
		chunk := lines
		if len(chunk) > writeChunk {
			chunk = chunk[:writeChunk]
			if i := bytes.LastIndexByte(chunk, '\n'); i >= 0 {
				chunk = chunk[:i+1]
			}
		}
		if err := w.out.WriteBy(chunk, w.q.writeBy()); err != nil {
			return err
		}
		lines = lines[len(chunk):]
	}
	return nil
}
