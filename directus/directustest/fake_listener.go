package directustest

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"
)

// keepAliveTimeout is how long an idle connection is kept: that of Node.js.
const keepAliveTimeout = 5 * time.Second

// pipeListener accepts the far ends of in-memory pipes.
type pipeListener struct {
	incoming chan net.Conn
	done     chan struct{}

	mu       sync.Mutex // guards what follows
	refusing bool
	closed   bool
	open     map[*trackedConn]bool
}

// A trackedConn is the server's end of a pipe. The listener knows it so that it can cut it.
type trackedConn struct {
	net.Conn
	l *pipeListener
}

func newPipeListener() *pipeListener {
	return &pipeListener{
		incoming: make(chan net.Conn), done: make(chan struct{}), open: map[*trackedConn]bool{},
	}
}

func (l *pipeListener) dial(ctx context.Context) (net.Conn, error) {
	l.mu.Lock()
	refusing := l.refusing || l.closed
	l.mu.Unlock()
	if refusing {
		return nil, &net.OpError{Op: "dial", Net: "pipe", Err: syscall.ECONNREFUSED}
	}
	near, far := net.Pipe()
	tracked := &trackedConn{Conn: far, l: l}
	l.mu.Lock()
	l.open[tracked] = true
	l.mu.Unlock()
	select {
	case l.incoming <- tracked:
		return near, nil
	case <-l.done:
	case <-ctx.Done():
	}
	near.Close()
	tracked.Close()
	return nil, &net.OpError{Op: "dial", Net: "pipe", Err: errors.New("no answer")}
}

func (c *trackedConn) Close() error {
	c.l.mu.Lock()
	delete(c.l.open, c)
	c.l.mu.Unlock()
	return c.Conn.Close()
}

// refuse makes the listener refuse or accept new connections. Refusing also breaks the
// open ones.
func (l *pipeListener) refuse(on bool) {
	l.mu.Lock()
	l.refusing = on
	var conns []*trackedConn
	if on {
		for c := range l.open {
			conns = append(conns, c)
		}
	}
	l.mu.Unlock()
	for _, c := range conns {
		c.Close()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.incoming:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		close(l.done)
	}
	return nil
}

func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "directus.test" }
