package ircd

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/ircd/ircdtest"
)

// The operator sees who is logged in, from when to when, and nobody else.
func TestSessions(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, newFakeChat(), nil)
		if got := s.Sessions(10); len(got) != 0 {
			t.Errorf("%+v", got)
		}
		s.client().Send("NICK stranger")
		alice := s.user("alice", "server-time", "away-notify")
		time.Sleep(time.Second)
		bob := s.inChannel("bob", "#messages")
		time.Sleep(time.Second)
		bob.Sync()
		synctest.Wait()
		got := s.Sessions(10)
		if len(got) != 2 {
			t.Fatalf("%+v", got)
		}
		a, b := got[0], got[1]
		if a.Nick != "alice" || a.UserID == "" || a.Device != "device of alice" || a.Age != 2*time.Second || a.Idle != 2*time.Second || a.Secure || a.WebSocket || a.Unread != 0 {
			t.Errorf("%+v", a)
		}
		if !slices.Equal(a.Capabilities, []string{"away-notify", "cap-notify", "sasl", "server-time"}) {
			t.Errorf("the capabilities are %q", a.Capabilities)
		}
		if b.Nick != "bob" || b.Idle != 0 || b.Conn <= a.Conn {
			t.Errorf("%+v", b)
		}
		if got := s.Sessions(1); len(got) != 1 || got[0].Nick != "alice" {
			t.Errorf("at most one: %+v", got)
		}
		alice.Send("QUIT")
		alice.Closed()
		if got := s.Sessions(10); len(got) != 1 || got[0].Nick != "bob" {
			t.Errorf("%+v", got)
		}
	})
}

// What a client does not read is seen.
func TestSessionsThatDoNotRead(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, newFakeChat(), nil)
		nc := s.connect(nil) // nobody reads from the pipe
		defer nc.Close()
		if _, err := fmt.Fprintf(nc, "PASS alice@example.com:pw-alice\r\nNICK x\r\nUSER x\r\n"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := s.Sessions(1); len(got) != 1 || got[0].Unread == 0 {
			t.Errorf("%+v", got)
		}
	})
}

// Asked to leave, clients are told at once and go at different moments; the last ones within the time that was given.
func TestDrain(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		const people, over = 40, 30 * time.Second
		s := newTestServer(t, newFakeChat(), nil)
		var clients []*ircdtest.Client
		for range people {
			clients = append(clients, s.user("alice"))
		}
		stranger := s.client()
		stranger.Send("NICK x")
		synctest.Wait()
		start := time.Now()
		ended := begin(func() { s.Drain(t.Context(), over, "a moment, please", "moving house") })
		synctest.Wait()
		if lines := stranger.Closed(); lastOf(lines) != "ERROR :Closing link: moving house" {
			t.Errorf("who is not logged in was told %q", lines)
		}
		for _, c := range clients {
			c.Expect("* NOTICE * :a moment, please")
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("clients were told after %s", took)
		}
		late := s.client() // was in the queue
		if lines := late.Closed(); lastOf(lines) != "ERROR :Closing link: moving house" {
			t.Errorf("who comes late was told %q", lines)
		}
		time.Sleep(over / 2)
		if left := len(s.Sessions(people)); left < people/5 || left > people*4/5 {
			t.Errorf("half of the time is over, and %d of %d are left", left, people)
		}
		<-ended
		if took := time.Since(start); took > over+flushTimeout+lingerTimeout {
			t.Errorf("it took %s", took)
		}
		for _, c := range clients {
			if lines := c.Closed(); lastOf(lines) != "ERROR :Closing link: moving house" {
				t.Errorf("a client was told %q", lines)
			}
		}
	})
}

func lastOf(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return lines[len(lines)-1]
}
