package directustest

import (
	"context"
	"errors"
	"maps"
	"net"
	"slices"
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

	closing sync.Once

	mu       sync.Mutex // guards what follows
	refusing bool
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
	near, far := net.Pipe()
	tracked := &trackedConn{Conn: far, l: l}
	l.mu.Lock()
	refusing := l.refusing
	if !refusing {
		l.open[tracked] = true
	}
	l.mu.Unlock()
	if refusing {
		return nil, &net.OpError{Op: "dial", Net: "pipe", Err: syscall.ECONNREFUSED}
	}
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
	conns := slices.Collect(maps.Keys(l.open))
	l.mu.Unlock()
	if on {
		for _, c := range conns {
			c.Close()
		}
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
	l.closing.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "directus.test", Net: "pipe"} }
