package simulation

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A socket is the daemon's end of a connection in memory. What the daemon writes waits in a buffer for the client to read it,
// as in a kernel, and the seed decides how much of a write that must not wait is taken: all, a part, or nothing.
type socket struct {
	net.Conn // carries what the client sends
	web      bool
	tried    *tries
	room     *sleeper // wakes a write that waits

	mu      sync.Mutex
	chance  *rand.Rand // guarded by mu
	size    int        // of the buffer, in bytes
	buffer  []byte     // guarded by mu
	over    bool       // nothing more is written; guarded by mu
	unread  bool       // nobody reads any more; guarded by mu
	arrived *sleeper   // wakes the client's end
}

// tries counts writes that must not wait.
type tries struct {
	whole atomic.Int64
	part  atomic.Int64 // of which a part was taken, or nothing
}

func (t *tries) count(whole bool) {
	if whole {
		t.whole.Add(1)
	} else {
		t.part.Add(1)
	}
}

// farEnd is the client's end of a socket.
type farEnd struct {
	net.Conn // carries what the client sends
	of       *socket
}

// A sleeper waits until it is woken or a time is over. One goroutine waits.
type sleeper struct {
	bell chan struct{} // cap 1
	mu   sync.Mutex
	by   time.Time // zero: there is no limit; guarded by mu
}

func newSleeper() *sleeper { return &sleeper{bell: make(chan struct{}, 1)} }

func (s *sleeper) wake() {
	select {
	case s.bell <- struct{}{}:
	default:
	}
}

// limit sets when waiting ends, that of who waits already included.
func (s *sleeper) limit(by time.Time) error {
	s.mu.Lock()
	s.by = by
	s.mu.Unlock()
	s.wake()
	return nil
}

// wait returns os.ErrDeadlineExceeded when the time is over.
func (s *sleeper) wait() error {
	s.mu.Lock()
	by := s.by
	s.mu.Unlock()
	if by.IsZero() {
		<-s.bell
		return nil
	}
	left := time.Until(by)
	if left <= 0 {
		return os.ErrDeadlineExceeded
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-s.bell:
	case <-timer.C:
	}
	return nil
}

// bufferSizes are those of sockets, in bytes.
var bufferSizes = []int{100, 2 << 10, 16 << 10}

// newSocket makes a connection. number tells it from others of the seed.
func newSocket(seed, number uint64, web bool, tried *tries) (client, server net.Conn) {
	here, there := net.Pipe()
	s := &socket{Conn: there, web: web, tried: tried, room: newSleeper(), arrived: newSleeper(), chance: rand.New(rand.NewPCG(seed, 0x50c7e7+number))}
	s.size = bufferSizes[s.chance.IntN(len(bufferSizes))]
	return &farEnd{here, s}, s
}

// Write waits until the buffer has taken everything.
func (s *socket) Write(p []byte) (written int, err error) {
	for {
		s.mu.Lock()
		n, err := s.put(p[written:], s.size)
		s.mu.Unlock()
		if written += n; err != nil || written == len(p) {
			return written, err
		}
		if err := s.room.wait(); err != nil {
			return written, err
		}
	}
}

// put adds to the buffer what there is room for, but no more than most. The caller holds mu.
func (s *socket) put(p []byte, most int) (int, error) {
	if s.over || s.unread {
		return 0, io.ErrClosedPipe
	}
	n := min(len(p), most, s.size-len(s.buffer))
	if s.buffer = append(s.buffer, p[:n]...); n > 0 {
		s.arrived.wake()
	}
	return n, nil
}

// TryWrite takes what the seed wants of what there is room for. See transport.Prompt.
func (s *socket) TryWrite(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	most := len(p)
	if s.chance.IntN(3) == 0 {
		most = s.chance.IntN(len(p))
	}
	n, err := s.put(p, most)
	s.tried.count(n == len(p))
	return n, err
}

// SyscallConn is asked of what carries a WebSocket, to find out whether there is room. See transport.Prompt.
func (s *socket) SyscallConn() (syscall.RawConn, error) {
	if !s.web {
		return nil, errors.ErrUnsupported
	}
	return rawSocket{s}, nil
}

// rawSocket tells by a file of the machine whether a socket has room: one that can be written to always, or none.
type rawSocket struct{ *socket }

func (s rawSocket) Control(f func(fd uintptr)) error {
	const none = ^uintptr(0) // poll(2) passes over it
	s.mu.Lock()
	room := len(s.buffer) < s.size/2 && s.chance.IntN(4) > 0
	s.mu.Unlock()
	if s.tried.count(room); room {
		f(sink.Fd())
	} else {
		f(none)
	}
	return nil
}

// sink can be written to always.
var sink = func() *os.File {
	file, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		panic(err)
	}
	return file
}()

func (s rawSocket) Read(func(uintptr) bool) error  { return errors.ErrUnsupported }
func (s rawSocket) Write(func(uintptr) bool) error { return errors.ErrUnsupported }

func (s *socket) SetWriteDeadline(t time.Time) error { return s.room.limit(t) }

func (s *socket) SetDeadline(t time.Time) error {
	return errors.Join(s.room.limit(t), s.Conn.SetReadDeadline(t))
}

// CloseWrite leaves what is in the buffer to the client.
func (s *socket) CloseWrite() error {
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	s.arrived.wake()
	s.room.wake()
	return nil
}

func (s *socket) Close() error { return errors.Join(s.CloseWrite(), s.Conn.Close()) }

func (f *farEnd) Read(p []byte) (int, error) {
	for {
		n, err := f.get(p)
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
		if err := f.of.arrived.wait(); err != nil {
			return 0, err
		}
	}
}

// get takes from the buffer what there is.
func (f *farEnd) get(p []byte) (int, error) {
	f.of.mu.Lock()
	defer f.of.mu.Unlock()
	n := copy(p, f.of.buffer)
	switch {
	case f.of.unread:
		return 0, io.ErrClosedPipe
	case n == 0 && f.of.over:
		return 0, io.EOF
	case n > 0:
		f.of.buffer = f.of.buffer[:copy(f.of.buffer, f.of.buffer[n:])]
		f.of.room.wake()
	}
	return n, nil
}

func (f *farEnd) SetReadDeadline(t time.Time) error { return f.of.arrived.limit(t) }

func (f *farEnd) SetDeadline(t time.Time) error {
	return errors.Join(f.of.arrived.limit(t), f.Conn.SetWriteDeadline(t))
}

// Close drops what the client has not read.
func (f *farEnd) Close() error {
	f.of.mu.Lock()
	f.of.unread, f.of.buffer = true, nil
	f.of.mu.Unlock()
	f.of.arrived.wake()
	f.of.room.wake()
	return f.Conn.Close()
}
