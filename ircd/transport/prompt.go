package transport

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Prompt writes to a connection without waiting for the client, and lets others wait, who
// then write to the same connection. It is owned by whoever writes at the moment.
type Prompt struct {
	nc net.Conn
	// try writes some of p and returns how much; nil if the connection cannot tell what it
	// takes.
	try func(p []byte) (int, error)
	// raw is the socket, whatever carries the lines on it.
	raw syscall.RawConn
	// limit is how long a write may take that was not expected to wait.
	limit time.Duration
	until time.Time // the deadline that is set; zero: none

	// What RawConn calls back, and the arguments and results of that. They are here so that
	// a line costs no allocation.
	write func(fd uintptr)
	poll  func(fd uintptr)
	p     []byte
	n     int
	err   error
}

// NewPrompt prepares a connection whose handshakes are over. A write to it that has to wait
// unexpectedly fails after limit to twice that.
func NewPrompt(nc net.Conn, limit time.Duration) *Prompt {
	w := &Prompt{nc: nc, limit: limit}
	if t, ok := nc.(interface{ TryWrite(p []byte) (int, error) }); ok {
		w.try = t.TryWrite
		return w
	}
	socket, coded := below(nc)
	if socket == nil {
		return w
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return w
	}
	w.raw = raw
	if coded {
		w.try, w.poll = w.tryCoded, w.pollOnce
	} else {
		w.try, w.write = w.trySocket, w.writeOnce
	}
	return w
}

// below finds the socket that carries a connection; nil if there is none. coded says that its
// bytes are not those of the lines.
func below(nc net.Conn) (socket syscall.Conn, coded bool) {
	for {
		switch nc.(type) {
		case *tls.Conn, *wsConn:
			coded = true
		}
		if socket, ok := nc.(syscall.Conn); ok {
			return socket, coded
		}
		layer, ok := nc.(interface{ NetConn() net.Conn })
		if !ok {
			return nil, false
		}
		nc = layer.NetConn()
	}
}

// MayWait reports whether TryWrite waits where there is less room than it looked like.
func (w *Prompt) MayWait() bool { return w.poll != nil }

// Bound makes the write that is under way on a connection end by deadline, whichever layer waits.
// Any goroutine may call it.
func Bound(nc net.Conn, deadline time.Time) {
	for {
		layer, ok := nc.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		nc = layer.NetConn()
	}
	_ = nc.SetWriteDeadline(deadline) // of one that is closed, no write waits
}

// CanTry reports whether TryWrite ever does anything.
func (w *Prompt) CanTry() bool { return w.try != nil }

// TryWrite writes what of p can be sent at once, and returns how much: 0 if the client has
// not read enough of what was sent before, or if that cannot be told. It does not wait.
func (w *Prompt) TryWrite(p []byte) (int, error) {
	if w.try == nil {
		return 0, nil
	}
	return w.try(p)
}

// WriteBy writes all of p, which takes until deadline at most.
func (w *Prompt) WriteBy(p []byte, deadline time.Time) error {
	w.until = deadline
	if err := w.nc.SetWriteDeadline(deadline); err != nil {
		return fmt.Errorf("set write deadline: %w", err)
	}
	if _, err := w.nc.Write(p); err != nil {
		return fmt.Errorf("write: %w", PlainError(err))
	}
	return nil
}

// trySocket writes to the socket itself, which no deadline concerns.
func (w *Prompt) trySocket(p []byte) (int, error) {
	w.p, w.n, w.err = p, 0, nil
	err := w.raw.Control(w.write)
	w.p = nil
	return w.n, errors.Join(err, w.err)
}

func (w *Prompt) writeOnce(fd uintptr) {
	n, err := unix.Write(int(fd), w.p)
	if w.n = max(0, n); err != unix.EAGAIN && err != unix.EINTR {
		w.err = err
	}
}

// tryCoded writes to a connection that turns lines into records or frames, if the socket has
// room. That is more than half of what it holds already, so that a line fits; should it not,
// the write waits for the rest, and has a deadline, which is set anew only now and then.
func (w *Prompt) tryCoded(p []byte) (int, error) {
	w.n, w.err = 0, nil
	if err := w.raw.Control(w.poll); err != nil || w.n == 0 {
		return 0, errors.Join(err, w.err)
	}
	if now := time.Now(); w.until.Sub(now) < w.limit {
		w.until = now.Add(2 * w.limit)
		if err := w.nc.SetWriteDeadline(w.until); err != nil {
			return 0, err
		}
	}
	return w.nc.Write(p)
}

func (w *Prompt) pollOnce(fd uintptr) {
	fds := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	n, err := unix.Poll(fds[:], 0)
	if w.n = max(0, n); err != unix.EINTR {
		w.err = err
	}
}
