package ircd

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"directus-ircd/ircd/bell"
	"directus-ircd/ircd/ircdtest"
)

// slowConn is the connection of a client that reads no more than 1 kB in a second.
type slowConn struct{ net.Conn }

func (c slowConn) Read(p []byte) (int, error) {
	time.Sleep(time.Second)
	return c.Conn.Read(p[:min(len(p), 1<<10)])
}

// slowReader is inChannel for a client that reads slowly.
func (s *testServer) slowReader(name, channel string) *ircdtest.Client {
	c := ircdtest.New(s.t, slowConn{s.connect(nil)})
	c.Name = name
	c.LoginSASL(name, name+"@example.com", "pw-"+name, "away-notify")
	c.Send("JOIN " + channel)
	c.Expect("* 366 *")
	return c
}

// TestPresenceClosesNobody: whatever a user does over and over, a client that reads
// slowly, and one whose command waits for the backend, stay and end up with the last
// of it.
func TestPresenceClosesNobody(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		release := make(chan struct{})
		chat.send = func(*fakeSession, Outgoing) (*Message, error) {
			<-release
			return nil, errors.New("late")
		}
		s := newTestServer(t, chat, func(o *Options) { o.Limits.LinesPerSecond, o.Limits.SendQueue = 0, 8<<10 })
		frozen := s.inChannel("kevin", "#messages", "away-notify")
		slow := s.slowReader("bob", "#messages")
		alice := s.inChannel("alice", "#messages")
		frozen.Send("PRIVMSG #messages :blocks")
		text := strings.Repeat("x", 300)
		for range 20 {
			for n := range 500 {
				alice.SendRaw(fmt.Sprintf("AWAY :%d %s\r\nJOIN #dev\r\nPART #dev\r\n", n, text))
			}
			alice.Sync()
			time.Sleep(3 * time.Second)
		}
		alice.Send("AWAY :the last")
		alice.Sync()
		close(release)
		for _, c := range []*ircdtest.Client{frozen, slow} {
			time.Sleep(time.Minute)
			lines := c.Sync()
			last := ""
			for _, l := range lines {
				if strings.Contains(l, " AWAY ") {
					last = l
				}
			}
			if last != ":alice!u@directus AWAY :the last" {
				t.Errorf("%s: of %d lines the last AWAY is %q", c.Name, len(lines), last)
			}
		}
	})
}

// TestSendQueueDrained: who was told that something waits is told when it does not.
func TestSendQueueDrained(t *testing.T) {
	q := newSendQueue(0, &buffers{}, func() {})
	q.drained = &bell.Pull{Bell: bell.New()}
	if q.tryPut([]byte("a\n")); !q.awaitDrained() {
		t.Fatal("nothing waits")
	}
	if q.take(nil); !q.drained.Rung() || q.awaitDrained() {
		t.Error("it still waits")
	}
	q.tryPut([]byte("b\n"))
	if q.take(nil); q.drained.Rung() {
		t.Error("rung for nobody")
	}
}
