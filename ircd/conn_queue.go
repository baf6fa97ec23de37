package ircd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"directus-ircd/ircd/transport"
)

const (
	// stallTimeout is how long a client may go without reading before it is
	// closed: the time for one write, and for the loop to wait for room.
	stallTimeout = 10 * time.Second
	// writeChunk bounds one write, so that a stall is seen soon and one TLS
	// record stays small: catgirl shows what is behind 8.7 kB of a record only
	// when the next one comes.
	writeChunk = 8 << 10
	// keepBuffer is how large a buffer is kept for others to use.
	keepBuffer = 16 << 10
	// crowd is how many bytes may wait for all clients together before what is long is
	// sent to each of them no faster than it reads.
	crowd = 2 << 20
)

var errStalled = errors.New("your client does not read what it is sent")

// buffers are those that no connection uses at the moment: one that is idle has
// none. All methods may be called from any goroutine.
type buffers struct {
	pool    sync.Pool
	waiting atomic.Int64 // bytes in all queues, and on their way from there to clients
}

// crowded reports that so much waits that no more is to come together.
func (b *buffers) crowded() bool { return b.waiting.Load() > crowd }

func (b *buffers) get() []byte {
	if buf, ok := b.pool.Get().(*[]byte); ok {
		return (*buf)[:0]
	}
	return make([]byte, 0, 1<<10)
}

// put takes a buffer that nobody uses any more; nil is none.
func (b *buffers) put(buf []byte) {
	if buf != nil && cap(buf) <= keepBuffer {
		b.pool.Put(&buf)
	}
}

// sendQueue holds the bytes that wait for one client. The loop of the
// connection puts lines in, its writer takes them out. There is a writer only
// while there is something to write.
type sendQueue struct {
	spare *buffers
	start func()        // starts a writer
	room  chan struct{} // rung by the writer when it has taken; cap 1
	// drained is rung by the writer when it has taken, after awaitDrained said
	// that something waits; cap 1. Static once the connection runs.
	drained chan struct{}

	mu       sync.Mutex // a leaf lock
	max      int64      // guarded by mu: bytes; 0: no limit
	ahead    []segment  // guarded by mu: what goes out before buf
	buf      []byte     // guarded by mu
	size     int64      // guarded by mu: bytes in both
	taken    segment    // guarded by mu: what the writer is writing
	awaited  bool       // guarded by mu: drained is to be rung
	writing  bool       // guarded by mu: a writer is at work
	closed   bool       // guarded by mu: no more comes; write what is there
	broken   bool       // guarded by mu: nobody reads; drop everything
	deadline time.Time  // guarded by mu: the end of all writing, once closed
}

// segment is a part of what waits for a client.
type segment struct {
	lines []byte
	of    *rendering // that others are sent as well, and that is there once; nil: of none
}

// own is how many bytes are there for this client alone.
func (s segment) own() int64 {
	if s.of != nil {
		return 0
	}
	return int64(len(s.lines))
}

// release is called when a segment is not in the queue any more.
func (s segment) release() {
	if s.of != nil {
		s.of.queued.Add(-1)
	}
}

func newSendQueue(max int64, spare *buffers, start func()) *sendQueue {
	return &sendQueue{max: max, spare: spare, start: start, room: make(chan struct{}, 1)}
}

// limit takes over another limit.
func (q *sendQueue) limit(max int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.max = max
}

// put appends whole lines, in a buffer that is the queue's from then on. When the
// queue is full it waits until the writer has taken what is there, for stallTimeout
// at most, and then returns errStalled. An error of the connection itself is not
// reported here, but on writer.failed.
func (q *sendQueue) put(ctx context.Context, lines []byte) error {
	var timeout <-chan time.Time
	for {
		if q.tryPut(lines) {
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
	if !q.hasRoom(len(lines)) {
		return false
	}
	q.add(lines)
	return true
}

// share appends lines that others are sent as well, without a copy. When the queue is full
// it waits as long as the client takes anything.
func (q *sendQueue) share(ctx context.Context, r *rendering) error {
	for !q.tryShare(r) {
		if _, err := q.awaitIdle(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (q *sendQueue) tryShare(r *rendering) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.broken || q.closed {
		return true
	}
	if !q.hasRoom(len(r.text)) {
		return false
	}
	if len(q.buf) > 0 {
		q.ahead = append(q.ahead, segment{lines: q.buf})
		q.buf = nil
	}
	r.queued.Add(1)
	q.ahead = append(q.ahead, segment{lines: r.text, of: r})
	q.size += int64(len(r.text))
	q.write()
	return true
}

// hasRoom reports that so much more may wait. The caller holds mu.
func (q *sendQueue) hasRoom(n int) bool {
	return q.max <= 0 || q.size == 0 || q.size+int64(n) <= q.max
}

// force appends a short line, for which the limit is no obstacle.
func (q *sendQueue) force(line []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.broken && !q.closed {
		q.add(line)
	}
}

// add appends lines and sees to it that they are written. The caller holds mu.
func (q *sendQueue) add(lines []byte) {
	q.spare.waiting.Add(int64(len(lines)))
	q.size += int64(len(lines))
	if len(q.buf) == 0 {
		q.buf, lines = lines, q.buf
	} else {
		q.buf = append(q.buf, lines...)
	}
	q.spare.put(lines)
	q.write()
}

// write sees to it that somebody writes. The caller holds mu.
func (q *sendQueue) write() {
	if !q.writing {
		q.writing = true
		q.start()
	}
}

// behind reports whether something waits behind what is being written.
func (q *sendQueue) behind() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.size > 0
}

// awaitDrained is behind; if it is so, drained is rung when that is over.
func (q *sendQueue) awaitDrained() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.awaited = q.size > 0
	return q.awaited
}

// awaitIdle waits until all is written: to a client that reads nothing each write has a
// limit, and then it is false.
func (q *sendQueue) awaitIdle(ctx context.Context) (bool, error) {
	for {
		q.mu.Lock()
		idle, broken := !q.writing && q.size == 0, q.broken || q.closed
		q.mu.Unlock()
		if idle || broken {
			return !broken, nil
		}
		select {
		case <-q.room:
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}

// close ends the queue behind lines, for which the limit is no obstacle. What
// is in it is written until deadline.
func (q *sendQueue) close(lines []byte, deadline time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	q.closed = true
	q.deadline = deadline
	if !q.broken {
		q.add(lines)
	}
}

// take returns what waits first, and takes the buffer of the last time back. If that is
// nothing, the writer has to end; over says that no other one will start.
func (q *sendQueue) take(used []byte) (lines []byte, over bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.taken.of == nil {
		q.spare.put(used)
	}
	q.spare.waiting.Add(-q.taken.own())
	q.taken.release()
	var next segment
	if len(q.ahead) > 0 {
		next, q.ahead[0] = q.ahead[0], segment{}
		if q.ahead = q.ahead[1:]; len(q.ahead) == 0 {
			q.ahead = nil
		}
	} else {
		next.lines, q.buf = q.buf, nil
	}
	q.size -= int64(len(next.lines))
	q.taken = next
	ring(q.room)
	if q.awaited && q.size == 0 {
		q.awaited = false
		ring(q.drained)
	}
	if len(next.lines) == 0 {
		q.writing = q.closed
	}
	return next.lines, q.closed
}

// drop makes the queue swallow everything from now on.
func (q *sendQueue) drop() {
	q.mu.Lock()
	own := int64(len(q.buf))
	for _, s := range append(q.ahead, q.taken) {
		own += s.own()
		s.release()
	}
	q.spare.waiting.Add(-own)
	q.broken, q.ahead, q.buf, q.size, q.taken = true, nil, nil, 0, segment{}
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

// writer writes to a connection what is in its queue.
type writer struct {
	nc net.Conn
	q  *sendQueue
	// failed gets the error that ended the writing; cap 1.
	failed chan error
	// ended is closed when all is written, or nothing will be.
	ended chan struct{}
	// runs is what start has started and, but for the end of it, nobody waits for.
	runs sync.WaitGroup
}

// start starts the only goroutine that writes. The queue calls it when there is
// something to write and no such goroutine.
func (w *writer) start(protect func(func() error) error) {
	w.runs.Go(func() { w.run(protect) })
}

// run writes until the queue is empty, or nobody reads any more. What panics there
// goes through protect, and is such an end too.
func (w *writer) run(protect func(func() error) error) {
	over := false
	err := protect(func() (err error) {
		over, err = w.writeAll()
		return err
	})
	if err != nil {
		w.q.drop()
		w.failed <- err
	}
	if over || err != nil {
		close(w.ended)
	}
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
		// The deadline is set before every write: a stale one would cut a
		// client off that did nothing wrong.
		if err := w.nc.SetWriteDeadline(w.q.writeBy()); err != nil {
			return fmt.Errorf("set write deadline: %w", err)
		}
		if _, err := w.nc.Write(chunk); err != nil {
			return fmt.Errorf("write: %w", transport.PlainError(err))
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
