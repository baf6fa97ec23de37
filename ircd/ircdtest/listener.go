package ircdtest

import (
	"net"
	"os"
	"sync"
	"testing"
)

// Listener is a net.Listener in memory, on net.Pipe, so that a server can be
// tested inside a testing/synctest bubble.
type Listener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

// NewListener returns a listener without clients.
func NewListener() *Listener {
	return &Listener{conns: make(chan net.Conn), done: make(chan struct{})}
}

// Connect hands the server's end of a connection to Accept and waits until it is
// taken.
func (l *Listener) Connect(server net.Conn) {
	select {
	case l.conns <- server:
	case <-l.done:
	}
}

// Dial starts a client of the listener.
func (l *Listener) Dial(t testing.TB) *Client {
	t.Helper()
	here, there := net.Pipe()
	l.Connect(there)
	return New(t, here)
}

// Accept implements net.Listener.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener; it may be called more than once.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

// Addr implements net.Listener.
func (l *Listener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// SocketDir makes a folder for Unix sockets, whose paths have to be short; that of
// t.TempDir is not always.
func SocketDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "irc-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
