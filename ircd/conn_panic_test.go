package ircd

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/ircd/ircdtest"

	"github.com/rs/zerolog"
)

// lockedText is a log that a test reads.
type lockedText struct {
	mu   sync.Mutex
	text strings.Builder // guarded by mu
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// brokenConn panics in one of its methods, from when it is told to.
type brokenConn struct {
	net.Conn
	method string
}

func (c *brokenConn) crash(method string) {
	if c.method == method {
		panic("secret " + method)
	}
}

func (c *brokenConn) Read(p []byte) (int, error)  { c.crash("Read"); return c.Conn.Read(p) }
func (c *brokenConn) Write(p []byte) (int, error) { c.crash("Write"); return c.Conn.Write(p) }
func (c *brokenConn) RemoteAddr() net.Addr        { c.crash("RemoteAddr"); return c.Conn.RemoteAddr() }
func (c *brokenConn) HandshakeContext(context.Context) error {
	c.crash("HandshakeContext")
	return nil
}

// TestPanicEndsOneConnection: whatever panics on the goroutines of a connection
// ends it, with its stack in the log and nothing that was said, and nobody else.
func TestPanicEndsOneConnection(t *testing.T) {
	for _, method := range []string{"Read", "Write", "RemoteAddr", "HandshakeContext"} {
		t.Run(method, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				var log lockedText
				s := newTestServer(t, newFakeChat(), func(o *Options) { o.Logger = zerolog.New(&log) })
				other := s.user("bob")
				here, there := net.Pipe()
				s.ln.Connect(&brokenConn{there, method})
				c := ircdtest.New(t, here)
				c.Send("PING x")
				c.Closed()
				synctest.Wait()
				other.Sync()
				if text := log.String(); !strings.Contains(text, "conn_panic_test.go") || strings.Contains(text, "secret") {
					t.Errorf("the log: %s", text)
				}
				if n := s.Stats().Connections; n != 1 {
					t.Errorf("%d connections are open", n)
				}
			})
		})
	}
}

// TestPanicInSession: the same of what the backend does for a connection.
func TestPanicInSession(t *testing.T) {
	crash := func() { panic("a secret text") }
	for name, play := range map[string]func(chat *fakeChat, c *ircdtest.Client){
		"Poll":  func(chat *fakeChat, c *ircdtest.Client) { chat.pushTo("alice", nil) },
		"Join":  func(_ *fakeChat, c *ircdtest.Client) { c.Send("JOIN #dev") },
		"Send":  func(_ *fakeChat, c *ircdtest.Client) { c.Send("PRIVMSG #messages :x") },
		"Close": func(_ *fakeChat, c *ircdtest.Client) { c.Send("QUIT") },
	} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				var log lockedText
				chat := newFakeChat()
				s := newTestServer(t, chat, func(o *Options) { o.Logger = zerolog.New(&log) })
				alice, bob := s.user("alice"), s.user("bob")
				for _, c := range []*ircdtest.Client{bob, alice} {
					c.Send("JOIN #messages")
					c.Expect("* 366 *")
				}
				synctest.Wait()
				bob.Sync()
				chat.mu.Lock()
				chat.crash = func(method, user string) {
					if method == name && user == "id-alice" {
						crash()
					}
				}
				chat.mu.Unlock()
				play(chat, alice)
				last := alice.Closed()
				if name != "Close" && last[len(last)-1] != "ERROR :Closing link: internal error" {
					t.Errorf("the client was told %q", last)
				}
				bob.ExpectNext(":alice!u@directus QUIT :*")
				time.Sleep(5 * time.Second)
				chat.mu.Lock()
				chat.crash = nil
				chat.mu.Unlock()
				again := s.user("alice")
				again.Send("JOIN #messages", "PRIVMSG #messages :back")
				bob.Expect("* PRIVMSG #messages :back")
				if text := log.String(); !strings.Contains(text, "conn_panic_test.go") || strings.Contains(text, "secret") {
					t.Errorf("the log: %s", text)
				}
			})
		})
	}
}
