package ircd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"directus-ircd/ircd/ircdtest"

	"github.com/rs/zerolog"
)

// addrConn is a pipe with a remote address.
type addrConn struct {
	net.Conn
	addr net.Addr
}

func (c addrConn) RemoteAddr() net.Addr { return c.addr }

// testServer is a server on pipes, for use inside a synctest bubble.
type testServer struct {
	*Server
	t      *testing.T
	chat   *fakeChat
	ln     *ircdtest.Listener
	cancel context.CancelCauseFunc
	served chan error
	once   sync.Once
	names  int
}

// testOptions are those of the transcripts.
func testOptions(t testing.TB) Options {
	return Options{
		Name:     "irc.test",
		Network:  "TestNet",
		Version:  "directus-ircd-1.0",
		Started:  time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Location: time.UTC,
		Limits:   Limits{RegistrationTimeout: time.Minute, LinesPerSecond: 100, Burst: 100, SendQueue: 1 << 20, PingTimeout: 4 * time.Minute},
		Logger:   zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel),
	}
}

func newTestServer(t *testing.T, chat *fakeChat, change func(*Options)) *testServer {
	t.Helper()
	opts := testOptions(t)
	if change != nil {
		change(&opts)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	s := &testServer{Server: NewServer(chat, opts), t: t, chat: chat, ln: ircdtest.NewListener(), cancel: cancel, served: make(chan error, 1)}
	go func() { s.served <- s.Serve(ctx, s.ln, ListenOptions{}) }()
	t.Cleanup(func() { s.stop(errors.New("the test is over")) })
	return s
}

// stop ends the server and waits until it has.
func (s *testServer) stop(cause error) {
	s.once.Do(func() {
		s.cancel(cause)
		if err := <-s.served; err != nil {
			s.t.Errorf("Serve: %v", err)
		}
	})
}

// connect opens a connection without a client on it.
func (s *testServer) connect(addr net.Addr) net.Conn {
	here, there := net.Pipe()
	if addr != nil {
		there = addrConn{there, addr}
	}
	s.ln.Connect(there)
	return here
}

func (s *testServer) client() *ircdtest.Client {
	s.names++
	c := ircdtest.New(s.t, s.connect(nil))
	c.Name = fmt.Sprintf("client%d", s.names)
	return c
}

// user connects and logs in one of the accounts.
func (s *testServer) user(name string, caps ...string) *ircdtest.Client {
	c := s.client()
	c.Name = name
	c.LoginSASL(name, name+"@example.com", "pw-"+name, caps...)
	return c
}

// inChannel is user, with a channel joined.
func (s *testServer) inChannel(name, channel string, caps ...string) *ircdtest.Client {
	c := s.user(name, caps...)
	c.Send("JOIN " + channel)
	c.Expect("* 366 *")
	return c
}

// begin starts f and returns a channel that is closed when it has ended.
func begin(f func()) <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f()
	}()
	return ended
}
