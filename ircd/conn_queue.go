package ircd

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"directus-ircd/ircd/bell"
)

const (
	// stallTimeout is how long a client may go without reading before its connection is
	// closed: the limit for one write, and for loop to wait for room.
	stallTimeout = 10 * time.Second
	// writeChunk bounds one write, so that a stall is noticed soon and TLS records stay
	// small: catgirl shows what comes after 8.7 kB of a record only with the next one.
	writeChunk = 8 << 10
	// promptPause is how long after a client's last lines new ones are written by whoever has
	// them, without the writer.
	promptPause = 2 * time.Millisecond
	// keepBuffer is the largest buffer that is kept for reuse.
	keepBuffer = 16 << 10
	// crowd is how many bytes may wait for all clients together. Beyond it, each client
	// is sent long answers only as fast as it reads.
	crowd = 2 << 20
)

var errStalled = errors.New("your client does not read what it is sent")

// buffers is a pool of output buffers: idle connections hold none. All methods may be
// called from any goroutine.
type buffers struct {
	pool    sync.Pool
	waiting atomic.Int64 // bytes in all queues, or being written from them
}

func (b *buffers) get() []byte {
	if buf, ok := b.pool.Get().(*[]byte); ok {
		return (*buf)[:0]
	}
	return make([]byte, 0, 1<<10)
}

// put returns a buffer to the pool; nil is ignored.
func (b *buffers) put(buf []byte) {
	if buf != nil && cap(buf) <= keepBuffer {
		b.pool.Put(&buf)
	}
}

// sendQueue holds the output that waits for one client. The connection's loop puts lines
// in, its writer takes them out. A writer runs only while there is output that the client
// does not take at once: see writer.prompt.
type sendQueue struct {
	spare *buffers
	start func()    // starts a writer
	room  bell.Bell // rung by the writer when it has taken something
	// drained is rung when the queue becomes empty after awaitDrained has returned
	// true. Static once the connection runs.
	drained *bell.Pull

	mu       sync.Mutex // a leaf lock
	max      int64      // guarded by mu: in bytes; 0 means no limit
	ahead    []segment  // guarded by mu: goes out before buf
	buf      []byte     // guarded by mu
	size     int64      // guarded by mu: bytes in ahead and buf
	taken    segment    // guarded by mu: what the writer is writing
	awaited  bool       // guarded by mu: drained is to be rung
	writing  bool       // guarded by mu: a writer is running, or loop is writing itself
	closed   bool       // guarded by mu: no more lines come
	broken   bool       // guarded by mu: a write has failed; everything is dropped
	deadline time.Time  // guarded by mu: for all writes, once closed
}

// segment is a piece of output.
type segment struct {
	lines []byte
	of    *rendering // set if lines belong to a rendering that other clients share
}

// own is how many bytes the segment holds for this client alone.
func (s segment) own() int64 {
	if s.of != nil {
		return 0
	}
	return int64(len(s.lines))
}

// release is called when a segment has left the queue.
func (s segment) release() {
	if s.of != nil {
		s.of.queued.Add(-1)
	}
}

func newSendQueue(max int64, spare *buffers, start func()) *sendQueue {
	return &sendQueue{max: max, spare: spare, start: start, room: bell.New()}
}

func (q *sendQueue) limit(max int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.max = max
}

// put appends whole lines and takes over their buffer. If the queue is full, it waits for
// the writer, for at most stallTimeout, and then returns errStalled. Write errors are not
// reported here but on writer.failed.
func (q *sendQueue) put(ctx context.Context, lines []byte) error {
	var timeout <-chan time.Time
	for {
		if q.tryPut(lines) {
			return nil
		}
		if timeout == nil {
			timeout = time.After(stallTimeout)
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

// share appends lines that other clients are sent too, without copying them. If the queue
// is full, it waits for as long as the client keeps reading.
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

// hasRoom reports whether n more bytes may wait. The caller holds mu.
func (q *sendQueue) hasRoom(n int) bool {
	return q.max <= 0 || q.size == 0 || q.size+int64(n) <= q.max
}

// force appends a short line regardless of the limit.
func (q *sendQueue) force(line []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.broken && !q.closed {
		q.add(line)
	}
}

// add appends lines and starts a writer if needed. The caller holds mu.
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

// write starts a writer if none is running. The caller holds mu.
func (q *sendQueue) write() {
	if !q.writing {
		q.writing = true
		q.start()
	}
}

// behind reports whether anything waits beyond what is being written.
func (q *sendQueue) behind() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.size > 0
}

// unread is how many bytes wait.
func (q *sendQueue) unread() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.size + int64(len(q.taken.lines))
}

// awaitDrained is behind; if it returns true, drained is rung once nothing waits.
func (q *sendQueue) awaitDrained() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.awaited = q.size > 0
	return q.awaited
}

// awaitIdle waits until everything is written. It returns false if that failed: each
// write to a client that does not read times out.
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

// close appends the last lines, regardless of the limit. What the queue holds is written
// until deadline.
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

// take returns the next lines to write and takes back the buffer of the previous call.
// Without any, the writer must end; over reports that no other one will start.
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
	q.room.Ring()
	if q.awaited && q.size == 0 {
		q.awaited = false
		q.drained.Ring()
	}
	if len(next.lines) == 0 {
		q.writing = q.closed
	}
	return next.lines, q.closed
}

// drop empties the queue and makes it discard everything from now on.
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
	q.room.Ring()
}

// claim lets the caller write to the network in the place of a writer until it calls
// release. It reports false if output is waiting, or no more is to come.
func (q *sendQueue) claim() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.writing || q.size > 0 || q.closed || q.broken {
		return false
	}
	q.writing = true
	return true
}

// release ends what claim has begun. The rest of the lines, which is copied, goes before what
// was queued meanwhile.
func (q *sendQueue) release(rest []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.writing = false
	if len(rest) > 0 {
		q.spare.waiting.Add(int64(len(rest)))
		q.size += int64(len(rest))
		q.ahead = append(q.ahead, segment{lines: append(q.spare.get(), rest...)})
	}
	if q.size > 0 {
		q.write()
	}
}

// writeBy is the deadline of a write that starts now.
func (q *sendQueue) writeBy() time.Time {
	t := time.Now().Add(stallTimeout)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed && q.deadline.Before(t) {
		return q.deadline
	}
	return t
}
