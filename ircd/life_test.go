package ircd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/ircd/ircdtest"
	"directus-ircd/ircd/transport"

	"github.com/rs/zerolog"
)

// TestIdle: a client that only answers PINGs stays, and gets one each 100 s.
func TestIdle(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, newFakeChat(), nil)
		c := s.user("alice")
		c.Sync()
		time.Sleep(3*time.Hour + time.Second)
		pings := 0
		for _, l := range c.Sync() {
			if l != "PING :irc.test" {
				t.Errorf("got %q", l)
			}
			pings++
		}
		if pings != 108 {
			t.Errorf("got %d PINGs", pings)
		}
	})
}

// TestDrainAtAnyPace: what a client has sent before it went is stored, though
// flood control lets it in more slowly than a client is usually waited for.
func TestDrainAtAnyPace(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, func(o *Options) { o.Limits.LinesPerSecond, o.Limits.Burst = 0.2, 4 })
		nc := s.connect(nil)
		lines := "PASS alice@example.com:pw-alice\r\nNICK alice\r\nUSER x\r\nJOIN #messages\r\n"
		for i := range 5 {
			lines += fmt.Sprintf("PRIVMSG #messages :%d\r\n", i)
		}
		if _, err := io.WriteString(nc, lines); err != nil {
			t.Fatal(err)
		}
		nc.Close()
		time.Sleep(time.Minute)
		if got := chat.texts(); got != "0|1|2|3|4" {
			t.Errorf("stored %q", got)
		}
		if n := s.Stats().Connections; n != 0 {
			t.Errorf("%d connections left", n)
		}
	})
}

// TestSendsButDoesNotRead: who never reads is closed, though lines go on coming.
func TestSendsButDoesNotRead(t *testing.T) {
	for name, web := range map[string]bool{"lines": false, "WebSocket": true} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) { testSendsButDoesNotRead(t, web) })
		})
	}
}

func testSendsButDoesNotRead(t *testing.T, web bool) {
	var log bytes.Buffer
	s := newTestServer(t, newFakeChat(), func(o *Options) { o.Logger = zerolog.New(zerolog.SyncWriter(&log)) })
	bob := s.inChannel("bob", "#messages")
	nc, frame := s.connect(nil), func(line string) string { return line + "\r\n" }
	if web {
		nc = s.webSocket()
		frame = func(line string) string { return ircdtest.Frame(ircdtest.TextFrame, line) }
	}
	defer nc.Close()
	for _, line := range []string{"PASS alice@example.com:pw-alice", "NICK alice", "USER x", "JOIN #messages"} {
		if _, err := io.WriteString(nc, frame(line)); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now()
	for {
		if _, err := io.WriteString(nc, frame("PING x")); err != nil {
			break
		}
		if time.Since(start) > time.Minute {
			t.Fatal("still connected")
		}
		time.Sleep(100 * time.Millisecond)
	}
	bob.Expect(":alice!u@directus QUIT :Connection closed")
	if d := time.Since(start); d > stallTimeout+drainLimit+flushTimeout+time.Second {
		t.Errorf("closed after %v", d)
	}
	synctest.Wait()
	if want := `"cause":"client does not read"`; !strings.Contains(log.String(), want) {
		t.Errorf("the log does not say %s:\n%s", want, log.String())
	}
}

// webSocket opens a connection that is a WebSocket, without a client on it.
func (s *testServer) webSocket() net.Conn {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	pipes, served := ircdtest.NewListener(), make(chan error, 1)
	go func() { served <- s.Serve(ctx, transport.WebSocket(pipes, nil), ListenOptions{}) }()
	s.t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			s.t.Errorf("Serve: %v", err)
		}
	})
	here, there := net.Pipe()
	pipes.Connect(there)
	if _, err := io.WriteString(here, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"); err != nil {
		s.t.Fatal(err)
	}
	// Its buffer takes no more than the answer: the client has sent nothing yet.
	resp, err := http.ReadResponse(bufio.NewReader(here), nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		s.t.Fatalf("%v, %v", resp, err)
	}
	return here
}

// closeFails is a session whose Close fails.
type closeFails struct {
	Session
	err error
}

func (s closeFails) Close(context.Context) error { return s.err }

// TestSessionCloseFails: an outage is not told in the log once more for each
// connection that ends in it.
func TestSessionCloseFails(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		warn bool
	}{
		"refused":  {fmt.Errorf("log out: %w", &net.OpError{Op: "dial", Err: errors.New("connection refused")}), false},
		"deadline": {fmt.Errorf("log out: %w", context.DeadlineExceeded), false},
		"cut off":  {fmt.Errorf("log out: %w", io.ErrUnexpectedEOF), false},
		"other":    {errors.New("log out: status 500"), true},
	} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				chat := newFakeChat()
				chat.login = func(context.Context, Credentials) (Session, error) {
					return closeFails{chat.open(testUser("alice")), tc.err}, nil
				}
				var log bytes.Buffer
				s := newTestServer(t, chat, func(o *Options) { o.Logger = zerolog.New(zerolog.SyncWriter(&log)) })
				c := s.client()
				c.LoginPass("alice", "x")
				time.Sleep(90 * time.Second)
				c.Send("QUIT")
				c.Closed()
				synctest.Wait()
				level := `{"level":"debug",`
				if tc.warn {
					level = `{"level":"warn",`
				}
				for l := range strings.Lines(log.String()) {
					switch {
					case strings.Contains(l, `"message":"close session"`) && !strings.HasPrefix(l, level):
						t.Errorf("got %s, want %s", l, level)
					case strings.Contains(l, `"message":"connection closed"`) && !strings.Contains(l, `"duration":"1m30s"`):
						t.Errorf("no readable duration in %s", l)
					}
				}
				if got := log.String(); !strings.Contains(got, "close session") || !strings.Contains(got, "connection closed") {
					t.Errorf("the log lacks the end: %s", got)
				}
			})
		})
	}
}
