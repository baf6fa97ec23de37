package ircd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

const (
	// stallTimeout is how long a client may go without reading before it is
	// closed: the time for one write, and for the loop to wait for room.
	stallTimeout = 10 * time.Second
	// writeChunk bounds one write, so that a stall is seen soon and one TLS
	// record stays small: catgirl shows what is behind 8.7 kB of a record only
	// when the next one comes.
	writeChunk = 8 << 10
	// keepBuffer is how large a buffer an idle connection keeps.
	keepBuffer = 4 << 10
)

var errStalled = errors.New("your client does not read what it is sent")

// sendQueue holds the bytes that wait for one client. The loop of the
// connection puts lines in, its writer takes them out.
type sendQueue struct {
	bell chan struct{} // rung by put and close; cap 1
	room chan struct{} // rung by the writer when it has taken; cap 1

	mu       sync.Mutex // a leaf lock
	max      int64      // guarded by mu: bytes; 0: no limit
	buf      []byte     // guarded by mu
	spare    []byte     // guarded by mu: the buffer that is not in use
	closed   bool       // guarded by mu: no more comes; write what is there
	broken   bool       // guarded by mu: nobody reads; drop everything
	deadline time.Time  // guarded by mu: the end of all writing, once closed
}

func newSendQueue(max int64) *sendQueue {
	return &sendQueue{max: max, bell: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// limit takes over another limit.
func (q *sendQueue) limit(max int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.max = max
}

// put appends whole lines. When the queue is full it waits until the writer has
// taken what is there, for stallTimeout at most, and then returns errStalled.
// An error of the connection itself is not reported here, but on writer.failed.
func (q *sendQueue) put(ctx context.Context, lines []byte) error {
	var timeout <-chan time.Time
	for {
		if q.tryPut(lines) {
			ring(q.bell)
			return nil
		}
		if timeout == nil {
			t := time.NewTimer(stallTimeout)
			defer t.Stop()
			timeout = t.C
		}
		select {
		case <-q.room:
		case <-timeout:
			return errStalled
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (q *sendQueue) tryPut(lines []byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.broken || q.closed {
		return true
	}
	if q.max > 0 && len(q.buf) > 0 && int64(len(q.buf)+len(lines)) > q.max {
		return false
	}
	q.buf = append(q.buf, lines...)
	return true
}

// close ends the queue behind lines, for which the limit is no obstacle. What
// is in it is written until deadline.
func (q *sendQueue) close(lines []byte, deadline time.Time) {
	q.mu.Lock()
	if !q.closed && !q.broken {
		q.buf = append(q.buf, lines...)
	}
	q.closed = true
	q.deadline = deadline
	q.mu.Unlock()
	ring(q.bell)
}

// take returns everything that waits, giving back the buffer of the last time,
// and whether more may come.
func (q *sendQueue) take(used []byte) (lines []byte, more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if cap(used) <= keepBuffer {
		q.spare = used[:0]
	}
	lines, q.buf, q.spare = q.buf, q.spare, nil
	ring(q.room)
	return lines, !q.closed
}

// drop makes the queue swallow everything from now on.
func (q *sendQueue) drop() {
	q.mu.Lock()
	q.broken, q.buf, q.spare = true, nil, nil
	q.mu.Unlock()
	ring(q.room)
}

// writeBy is the deadline of a write that begins now.
func (q *sendQueue) writeBy() time.Time {
	t := time.Now().Add(stallTimeout)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed && q.deadline.Before(t) {
		return q.deadline
	}
	return t
}

// writer is the only goroutine that writes to a connection.
type writer struct {
	nc net.Conn
	q  *sendQueue
	// failed gets the error that ended the writing; cap 1.
	failed chan error
}

// run writes until the queue is closed and empty, or nobody reads any more. What
// panics there goes through guard, and is such an end too.
func (w *writer) run(guard func(func() error) error) {
	if err := guard(w.writeAll); err != nil {
		w.q.drop()
		w.failed <- err
	}
}

func (w *writer) writeAll() error {
	var lines []byte
	for more := true; more; {
		if lines, more = w.q.take(lines); len(lines) == 0 && more {
			<-w.q.bell
			continue
		}
		if err := w.write(lines); err != nil {
			return err
		}
	}
	return nil
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
		// The deadline is set before every write: a stale one would cut a
		// client off that did nothing wrong.
		if err := w.nc.SetWriteDeadline(w.q.writeBy()); err != nil {
			return fmt.Errorf("set write deadline: %w", err)
		}
		if _, err := w.nc.Write(chunk); err != nil {
			return fmt.Errorf("write: %w", plainNetError(err))
		}
		lines = lines[len(chunk):]
	}
	return nil
}

// ring rings a doorbell: a channel that holds one token.
func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}
