package ircd

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/ircd/ircdtest"
)

func TestShutdown(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, nil)
		alice, bob := s.inChannel("alice", "#messages"), s.inChannel("bob", "#messages")
		early := s.client()
		early.Send("NICK x")
		early.Sync()
		alice.Sync()
		stuck := s.connect(nil) // never reads
		defer stuck.Close()
		if _, err := io.WriteString(stuck, "PING x\r\n"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // until the PONG is being written
		start := time.Now()
		s.stop(errors.New("back in five minutes"))
		if d := time.Since(start); d > 4*time.Second {
			t.Errorf("took %v", d)
		}
		for _, c := range []*ircdtest.Client{alice, bob, early} {
			lines := c.Closed()
			if got := lines[len(lines)-1]; got != "ERROR :Closing link: back in five minutes" {
				t.Errorf("%s got %q", c.Name, lines)
			}
		}
		if open, closed := chat.ends(); open != 0 || closed != 2 {
			t.Errorf("%d sessions left, %d closed", open, closed)
		}
	})
}

func TestLimits(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, newFakeChat(), func(o *Options) { o.Limits.Connections, o.Limits.ConnectionsPerAddress = 4, 2 })
		refused := func(addr net.Addr, reason string) {
			t.Helper()
			c := ircdtest.New(t, s.connect(addr))
			expectAll(t, c.Closed(), []string{"ERROR :" + reason})
		}
		admitted := func(addr net.Addr) *ircdtest.Client {
			t.Helper()
			c := ircdtest.New(t, s.connect(addr))
			c.Sync()
			return c
		}
		v6 := &net.TCPAddr{IP: net.ParseIP("2001:db8::1"), Port: 1}
		sameNet := &net.TCPAddr{IP: net.ParseIP("2001:db8::2"), Port: 2, Zone: "eth0"}
		v4 := &net.TCPAddr{IP: net.ParseIP("192.0.2.1"), Port: 1}
		first := admitted(v6)
		admitted(sameNet)
		refused(&net.TCPAddr{IP: net.ParseIP("2001:db8::3"), Port: 3}, "too many connections from your address")
		admitted(v4)
		admitted(nil)
		refused(v4, "the server is full, try again later")
		first.Send("QUIT")
		first.Closed()
		time.Sleep(time.Second)
		admitted(nil)
		if st := s.Stats(); st.Refused != 2 || st.Connections != 4 || st.Accepted != 7 {
			t.Errorf("got %+v", st)
		}
	})
}

// TestRefusalIsReadOn: who is refused has begun to talk by then. A reset in answer to
// that would make some systems throw away the reason.
func TestRefusalIsReadOn(t *testing.T) {
	address, _ := serveTCP(t, newFakeChat(), asIs, oneOfAnAddress)
	ircdtest.Dial(t, address).Sync()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if got, err := io.ReadAll(nc); err != nil || string(got) != "ERROR :"+errAddressFull.Error()+"\r\n" {
		t.Fatalf("got %q, %v", got, err)
	}
	for _, line := range []string{"CAP LS 302\r\n", "NICK alice\r\n", "USER alice 0 * :Alice\r\n"} {
		if _, err := io.WriteString(nc, line); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
	}
}

// TestRemote: the backend gets the address for its limits.
func TestRemote(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, nil)
		for i, tc := range []struct{ addr, want string }{{"192.0.2.1", "192.0.2.1"}, {"::ffff:192.0.2.1", "192.0.2.1"}, {"2001:db8::1", "2001:db8::1"}} {
			c := ircdtest.New(t, s.connect(&net.TCPAddr{IP: net.ParseIP(tc.addr), Port: 4711}))
			c.LoginPass("alice", "alice@example.com:pw-alice")
			if got := chat.asked()[i].Remote; got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		}
	})
}

// TestManyConnections: nothing is left of a thousand connects and disconnects;
// synctest fails on a goroutine that stays.
func TestManyConnections(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, nil)
		for i := range 1000 {
			nc := s.connect(nil)
			input := []string{"", "NICK x\r\n", "\x00\xff", "CAP LS\r\nNICK x\r\nUSER x\r\n",
				"PASS alice@example.com:pw-alice\r\nNICK x\r\nUSER x\r\nJOIN #messages,#dev\r\nAWAY :x\r\n",
				"PASS bob@example.com:pw-bob\r\nNICK x\r\nUSER x\r\nJOIN #dev\r\nQUIT\r\n"}[i%6]
			if _, err := io.WriteString(nc, input); err != nil {
				t.Fatal(err)
			}
			nc.Close()
		}
		time.Sleep(time.Minute)
		st := s.Stats()
		open, _ := chat.ends()
		if st.Connections != 0 || st.Registered != 0 || st.Users != 0 || open != 0 {
			t.Errorf("left: %+v, %d sessions", st, open)
		}
		if r := s.roster; r.Stats().Users+r.Stats().Channels+len(s.slots.byAddr) != 0 {
			t.Errorf("left in the roster: %+v", r.Stats())
		}
		if st.Logins < 300 {
			t.Errorf("only %d logins", st.Logins)
		}
	})
}

// failingListener fails a few times, as one does without file descriptors.
type failingListener struct {
	*ircdtest.Listener
	failures int
	fatal    bool
}

func (l *failingListener) Accept() (net.Conn, error) {
	if l.failures > 0 {
		l.failures--
		return nil, errors.New("too many open files")
	}
	if l.fatal {
		return nil, net.ErrClosed
	}
	return l.Listener.Accept()
}

func TestAcceptFails(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := NewServer(newFakeChat(), Options{Name: "irc.test"})
		ln := &failingListener{Listener: ircdtest.NewListener(), failures: 5}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Serve(ctx, ln, ListenOptions{}) }()
		here, there := net.Pipe()
		ln.Connect(there)
		c := ircdtest.New(t, here)
		c.Sync()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
		expectAll(t, c.Closed(), []string{"ERROR :Closing link: the server is shutting down"})

		broken := &failingListener{Listener: ircdtest.NewListener(), fatal: true}
		if err := s.Serve(t.Context(), broken, ListenOptions{}); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Serve returned %v", err)
		}
	})
}
