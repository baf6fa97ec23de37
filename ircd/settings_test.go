package ircd

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/ircd/ircdtest"
)

// TestConfigure: options change under connections that stand, and clients are told
// what they were told otherwise.
func TestConfigure(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, func(o *Options) { o.LineLength = 2048 })
		modern, plain, fresh := s.client(), s.client(), s.client()
		plain.LoginPass("bob", "bob@example.com:pw-bob")
		plain.Sync()
		modern.LoginSASL("alice", "alice@example.com", "pw-alice", "cap-notify")
		modern.Sync()
		fresh.Send("CAP LS 302")
		fresh.Expect("* CAP * LS *")

		opts := testOptions(t)
		opts.Name, opts.Network, opts.MOTD, opts.Admin = "other.test", "NewNet", "Hello\nthere", []string{"Ask Ada"}
		chat.features = Features{Private: true, Replies: true}
		s.Configure(opts)
		modern.ExpectNext(":irc.test CAP alice NEW :znc.in/self-message")
		fresh.ExpectNext(":irc.test CAP * NEW :znc.in/self-message")
		fresh.Refute("* 005 *")
		changed := " CLIENTTAGDENY=*,-typing,-reply,-draft/reply NETWORK=NewNet -LINELEN :are supported by this server"
		modern.ExpectNext(":irc.test 005 alice" + changed)
		plain.ExpectNext(":irc.test 005 bob" + changed)
		plain.Refute("*")
		plain.Send("MOTD", "ADMIN")
		for _, line := range []string{"* 372 bob :- Hello", "* 372 bob :- there", "* 257 bob :Ask Ada"} {
			plain.Expect(line)
		}

		s.Configure(opts)
		modern.Refute("*") // nothing new is no news
		modern.Send("CAP REQ znc.in/self-message")
		modern.Expect("* ACK :*")
		chat.features = Features{}
		s.Configure(opts)
		modern.ExpectNext(":irc.test CAP alice DEL :znc.in/self-message")
		modern.ExpectNext(":irc.test 005 alice CLIENTTAGDENY=*,-typing :are supported by this server")
		modern.Send("CAP LIST")
		if l := modern.Expect("* LIST *"); strings.Contains(l, "self-message") {
			t.Errorf("got %q", l)
		}
	})
}

// TestConfigureLimits: the limits follow, for those who come and, where they
// concern what a client does, for those who are there. A line that waits for its
// turn is not lost by it.
func TestConfigureLimits(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		slow := Limits{LinesPerSecond: 0.1, Burst: 1}
		s := newTestServer(t, newFakeChat(), func(o *Options) { o.Limits = slow })
		c := s.client()
		c.Send("PING first", "PING second")
		c.Expect("* PONG * :first")
		synctest.Wait()
		for _, limits := range []Limits{{}, slow, {LinesPerSecond: 50, Burst: 20}} {
			opts := testOptions(t)
			opts.Limits = limits
			s.Configure(opts)
		}
		begun := time.Now()
		c.Expect("* PONG * :second")
		c.Send("PING third", "PING fourth", "PING fifth")
		c.Expect("* PONG * :fifth")
		if d := time.Since(begun); d > 11*time.Second {
			t.Errorf("that took %v", d)
		}

		opts := testOptions(t)
		opts.Limits = Limits{Connections: 1}
		s.Configure(opts)
		over := s.client()
		expectAll(t, over.Closed(), []string{"ERROR :the server is full, try again later"})
		c.Sync()
	})
}

// TestConfigureAtTheBeginning: a connection that begins while options change has the
// new ones.
func TestConfigureAtTheBeginning(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, newFakeChat(), nil)
		here, there := net.Pipe()
		c := newConn(s.Server, there, netip.Addr{}, ListenOptions{})
		opts := testOptions(t)
		opts.MOTD = "new"
		s.Configure(opts)
		ended := begin(func() { c.run(t.Context()) })
		client := ircdtest.New(t, here)
		client.Send("PASS alice@example.com:pw-alice", "NICK alice", "USER a 0 * :a")
		client.Expect("* 372 alice :- new")
		client.Send("QUIT")
		client.Closed()
		<-ended
	})
}

// TestClosedListener: a listener that is closed lets nobody in any more, and
// whoever is there stays.
func TestClosedListener(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := NewServer(newFakeChat(), Options{Name: "irc.test"})
		ln := ircdtest.NewListener()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Serve(ctx, ln, ListenOptions{}) }()
		here, there := net.Pipe()
		ln.Connect(there)
		c := ircdtest.New(t, here)
		c.Sync()
		ln.Close()
		time.Sleep(time.Second)
		c.Sync()
		select {
		case err := <-done:
			t.Fatalf("Serve returned %v", err)
		default:
		}
		cancel()
		c.Closed()
		<-done
	})
}

// TestRemoval: a session that leaves a channel by itself takes its client out of
// it, and tells why.
func TestRemoval(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, nil)
		alice, bob, kevin := s.user("alice"), s.user("bob"), s.user("kevin")
		for _, c := range []*ircdtest.Client{alice, bob, kevin} {
			c.Send("JOIN #dev")
			c.Expect("* 366 *")
		}
		synctest.Wait()
		for _, c := range []*ircdtest.Client{alice, bob, kevin} {
			c.Sync()
		}
		chat.pushTo("alice", &Removal{Channel: "#dev", Reason: "you may not read it"})
		alice.ExpectNext(":directus!service@irc.test KICK #dev alice :you may not read it")
		bob.ExpectNext(":alice!u@directus PART #dev")
		alice.Send("PRIVMSG #dev :x")
		alice.Expect("* 404 *")

		chat.push(&Removal{Channel: "#dev", Reason: "it is gone", Closed: true}, nil)
		bob.ExpectNext(":directus!service@irc.test KICK #dev bob :it is gone")
		bob.Refute("*") // not of the others, nor of a channel that it is not in
		alice.Refute("*")
		if n := s.roster.Stats().Channels; n > 0 {
			t.Errorf("%d channels are left", n)
		}
	})
}

// TestRemovalBehindEcho: who is taken out of a channel while a message of theirs is being
// stored is shown the echo first: the session does not bring that message again.
func TestRemovalBehindEcho(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		chat.send = func(s *fakeSession, out Outgoing) (*Message, error) {
			chat.pushTo("alice", &Removal{Channel: out.Target, Reason: "you may not read it"})
			return &Message{ID: "m1", Time: time.Now(), From: s.user, Target: out.Target, Text: out.Text}, nil
		}
		alice := newTestServer(t, chat, nil).user("alice", "echo-message", "labeled-response", "batch")
		alice.Send("JOIN #dev")
		alice.Expect("* 366 *")
		alice.Send("@label=1 PRIVMSG #dev :stored")
		alice.ExpectNext("@label=1 :alice!u@directus PRIVMSG #dev :stored")
		alice.ExpectNext(":directus!service@irc.test KICK #dev alice :you may not read it")
		alice.Send("PRIVMSG #dev :x")
		alice.Expect("* 404 *")
	})
}

// TestAdmission: a session can bring its client into a channel.
func TestAdmission(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		chat.backlog["#dev"] = []*Message{{ID: "m0", Time: time.Now(), From: testUser("bob"), Target: "#dev", Text: "old"}}
		chat.notice = "you have missed more"
		chat.crash = func(method, _ string) {
			if method == "Part" {
				t.Error("a session that cannot bring its client into a channel now is told to give that up")
			}
		}
		s := newTestServer(t, chat, nil)
		alice := s.user("alice")
		alice.Sync()
		for _, channel := range []string{"#nowhere", "#dev", "#dev"} {
			chat.push(&Admission{Channel: channel}, nil)
		}
		alice.ExpectNext(":alice!u@directus JOIN :#dev")
		alice.Expect("* 366 alice #dev *")
		alice.ExpectNext(":directus!service@irc.test NOTICE #dev :you have missed more")
		alice.ExpectNext("* PRIVMSG #dev :*old")
		alice.Refute("*")
	})
}

// TestAdmissionWhileAMessageIsStored: the time of a command may be over when its message is
// stored. What came meanwhile is shown all the same, behind a channel that there is no time
// to bring the client into, and which it is brought into later.
func TestAdmissionWhileAMessageIsStored(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := slowChat(commandTime - time.Millisecond)
		chat.topics["#dev"] = ""
		chat.join = func(ctx context.Context, channel string) error {
			if channel == "#dev" {
				return chat.slow(ctx, 2*time.Millisecond)
			}
			return nil
		}
		s := newTestServer(t, chat, nil)
		alice := s.user("alice")
		alice.Send("JOIN #messages")
		alice.Expect("* 366 *")
		alice.Send("PRIVMSG #messages :hello")
		time.Sleep(time.Second)
		chat.push(&Admission{Channel: "#dev"}, nil)
		chat.push(&Message{ID: "m1", Time: time.Now(), From: testUser("bob"), Target: "#messages", Text: "meanwhile"}, nil)
		alice.ExpectNext(":bob!* PRIVMSG #messages :meanwhile")
		alice.ExpectNext(":alice!u@directus JOIN :#dev")
		alice.Expect("* 366 alice #dev *")
		alice.Refute("*")
	})
}

// TestSlowAdmissions: while a session brings its client into many channels, and each
// takes its time, the client is answered all the same, and gets into all of them.
func TestSlowAdmissions(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		const many = 12
		chat := newFakeChat()
		chat.join = func(ctx context.Context, channel string) error {
			select {
			case <-time.After(4 * time.Second):
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		s := newTestServer(t, chat, nil)
		alice := s.user("alice")
		alice.Sync()
		for i := range many {
			channel := fmt.Sprintf("#c%d", i)
			chat.topics[channel] = ""
			chat.push(&Admission{Channel: channel}, nil)
		}
		chat.push(&ServiceNotice{Text: "last"}, nil)
		for range 3 {
			time.Sleep(time.Second)
			start := time.Now()
			alice.Send("PING x")
			alice.Expect("* PONG irc.test :x")
			if took := time.Since(start); took > 15*time.Second {
				t.Errorf("PONG came after %v", took)
			}
		}
		time.Sleep(2 * many * 4 * time.Second) // a join that is cut short is begun again
		alice.Send("WHOIS alice")
		if got := alice.Expect(":irc.test 319 *"); strings.Count(got, "#") != many {
			t.Errorf("got %q", got)
		}
	})
}
