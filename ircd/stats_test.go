package ircd

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/ircd/ircdtest"
)

// notebook is an Observer that keeps what it is told.
type notebook struct {
	mu    sync.Mutex
	times []float64 // guarded by mu
}

func (n *notebook) Observe(seconds float64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.times = append(n.times, seconds)
}

// told is what it was told since the last call.
func (n *notebook) told() []float64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	times := n.times
	n.times = nil
	return times
}

// TestTimesAreMeasured: how late a message reaches each client is told by the clock that dates it, and how long it took to
// store one from when flood control let its line pass.
func TestTimesAreMeasured(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		var delivered, stored notebook
		chat := newFakeChat()
		chat.ahead = -48 * time.Hour // the clock that dates messages
		chat.send = func(s *fakeSession, out Outgoing) (*Message, error) {
			time.Sleep(300 * time.Millisecond)
			m := &Message{From: s.user, Target: out.Target, Text: out.Text}
			chat.deliver(s, m)
			return m, nil
		}
		s := newTestServer(t, chat, func(o *Options) { o.Delivered, o.Stored = &delivered, &stored })
		alice := s.inChannel("alice", "#messages")
		bob := s.inChannel("bob", "#messages")
		kevin := s.inChannel("kevin", "#dev")
		alice.Send("PRIVMSG #messages :x")
		bob.Expect("* PRIVMSG #messages :x")
		alice.Sync()
		if got := stored.told(); !slices.Equal(got, []float64{0.3}) {
			t.Errorf("stored after %v", got)
		}
		if got := delivered.told(); !slices.Equal(got, []float64{0}) {
			t.Errorf("delivered after %v, to one who does not see its own", got)
		}

		at := chat.Now()
		chat.push(&Message{ID: "late", Time: at.Add(-2 * time.Second), From: testUser("kevin"), Target: "#messages", Text: "late"}, nil)
		chat.push(&Message{ID: "new", Time: at.Add(time.Hour), From: testUser("kevin"), Target: "#messages", Text: "of the future"}, nil)
		chat.push(&Message{ID: "edit", Time: at.Add(-time.Hour), From: testUser("kevin"), Target: "#messages", Edits: "late", Text: EditMark + "not new"}, nil)
		for _, c := range []*ircdtest.Client{alice, bob} {
			c.Expect("* PRIVMSG #messages :*not new")
		}
		kevin.Sync()
		got := delivered.told()
		slices.Sort(got)
		if !slices.Equal(got, []float64{0, 0, 2, 2}) {
			t.Errorf("delivered after %v", got)
		}
	})
}

// TestLimitsAreCounted: lines that flood control holds back, clients that do not read, and logins by what went wrong.
func TestLimitsAreCounted(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, func(o *Options) { o.Limits.LinesPerSecond, o.Limits.Burst = 1, 8 })
		c := s.inChannel("alice", "#messages")
		time.Sleep(time.Minute)
		before := s.Stats().Delayed
		for range 10 {
			c.Send("PING x")
		}
		c.Sync()
		if n := s.Stats().Delayed - before; n != 3 { // Sync is a PING
			t.Errorf("%d lines were held back", n)
		}
		if n := s.Stats().SlowClients; n != 0 {
			t.Errorf("%d clients did not read", n)
		}
		deaf := s.connect(nil)
		defer deaf.Close()
		if _, err := deaf.Write([]byte("CAP LS 302\r\n")); err != nil { // the answer is never read
			t.Fatal(err)
		}
		synctest.Wait()
		if n := s.Stats().Unread; n == 0 {
			t.Error("nothing waits for the client that does not read")
		}
		time.Sleep(time.Minute)
		if now := s.Stats(); now.SlowClients != 1 || now.Unread != 0 {
			t.Errorf("%d clients did not read, %d bytes wait", now.SlowClients, now.Unread)
		}

		wrong := s.client()
		wrong.Send("PASS bob@example.com:wrong", "NICK bob", "USER bob 0 * :x")
		wrong.Closed()
		chat.login = func(_ context.Context, cred Credentials) (Session, error) {
			if cred.OTP != "123456" {
				return nil, &LoginError{Reason: OTPRequired, Text: "code required"}
			}
			return nil, &LoginError{Reason: Limited, Text: "too many attempts"}
		}
		code := s.client()
		code.Send("PASS bob@example.com:pw-bob", "NICK bob", "USER bob 0 * :x", "OTP 1", "OTP 123456")
		code.Sync()
		if got := s.Stats().LoginErrors; got != [...]int64{Rejected: 1, Unavailable: 0, OTPRequired: 1, Limited: 1} {
			t.Errorf("logins that failed, by reason: %v", got)
		}
	})
}
