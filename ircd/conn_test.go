package ircd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/ircd/ircdtest"

	"github.com/rs/zerolog"
)

func TestRegistrationTimeout(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, newFakeChat(), nil)
		c := s.client()
		c.Send("CAP LS 302", "NICK alice")
		c.Expect("* CAP * LS *")
		start := time.Now()
		time.Sleep(59 * time.Second)
		c.Refute("*")
		c.ExpectNext("ERROR :Closing link: registration timed out: *")
		c.Closed()
		if d := time.Since(start).Round(time.Second); d != time.Minute {
			t.Errorf("closed after %v", d)
		}
	})
}

func TestPingTimeout(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, newFakeChat(), nil)
		c := s.user("alice")
		c.Sync()
		start := time.Now()
		time.Sleep(99 * time.Second)
		c.Refute("*")
		time.Sleep(101 * time.Second)
		c.ExpectNext("PING :irc.test") // answered by the client
		c.SetPong(false)
		time.Sleep(121 * time.Second)
		c.ExpectNext("PING :irc.test")
		last := 200 * time.Second // the PONG
		time.Sleep(110 * time.Second)
		c.ExpectNext("ERROR :Closing link: Ping timeout: 240 seconds")
		c.Closed()
		if d := time.Since(start) - last; d < 235*time.Second || d > 245*time.Second {
			t.Errorf("closed after %v of silence", d)
		}
	})
}

// TestLinesBeforeEOF: everything read before the end is handled, though nobody
// reads the answers.
func TestLinesBeforeEOF(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, nil)
		nc := s.connect(nil)
		lines := "PASS alice@example.com:pw-alice\r\nNICK alice\r\nUSER x\r\nJOIN #messages\r\n" +
			strings.Repeat("PRIVMSG #messages :x\r\n", 40) + "PRIVMSG #messages :last\r\n"
		if _, err := io.WriteString(nc, lines); err != nil {
			t.Fatal(err)
		}
		nc.Close()
		synctest.Wait()
		time.Sleep(time.Second)
		if got := chat.texts(); !strings.HasSuffix(got, "x|last") {
			t.Errorf("stored %q", got)
		}
		time.Sleep(5 * time.Second)
		if n := s.Stats().Connections; n != 0 {
			t.Errorf("%d connections left", n)
		}
	})
}

func TestFlood(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, func(o *Options) { o.Limits.LinesPerSecond, o.Limits.Burst = 2, 10 })
		c := s.inChannel("alice", "#messages")
		start := time.Now()
		for i := range 20 {
			c.Send(fmt.Sprintf("PRIVMSG #messages :%d", i))
		}
		time.Sleep(20 * time.Second)
		c.Sync()
		if n := strings.Count(chat.texts(), "|"); n != 19 {
			t.Errorf("%d messages were stored", n+1)
		}
		if d := time.Since(start); d > 21*time.Second {
			t.Errorf("took %v", d)
		}
		if got := chat.texts(); !strings.HasPrefix(got, "0|1|2|3|") || !strings.HasSuffix(got, "|18|19") {
			t.Errorf("stored %q", got)
		}
	})
}

// TestFloodIsDelayed: what is beyond the rate waits.
func TestFloodIsDelayed(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, func(o *Options) { o.Limits.LinesPerSecond, o.Limits.Burst = 1, 20 })
		c := s.inChannel("alice", "#messages")
		time.Sleep(time.Minute) // a full burst
		for range 30 {
			c.Send("PRIVMSG #messages :x")
		}
		time.Sleep(time.Second / 2)
		if n := chat.count(); n != 20 {
			t.Errorf("%d messages at once", n)
		}
		time.Sleep(5 * time.Second)
		if n := chat.count(); n != 25 {
			t.Errorf("%d messages after 5 s", n)
		}
	})
}

// TestSlowClient: who does not read is closed, and nobody else notices.
func TestSlowClient(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, func(o *Options) { o.Limits.SendQueue, o.Limits.LinesPerSecond = 4096, 0 })
		nc := s.connect(nil)
		defer nc.Close()
		bob := s.inChannel("bob", "#messages")
		// It logs in and joins, and never reads.
		if _, err := io.WriteString(nc, "PASS alice@example.com:pw-alice\r\nNICK alice\r\nUSER x\r\nJOIN #messages\r\n"); err != nil {
			t.Fatal(err)
		}
		bob.Expect(":alice!u@directus JOIN :#messages")
		for range 100 {
			bob.Send("PRIVMSG #messages :" + strings.Repeat("x", 300))
		}
		start := time.Now()
		bob.Sync()
		if d := time.Since(start); d != 0 {
			t.Errorf("bob waited %v", d)
		}
		bob.Expect(":alice!u@directus QUIT :*")
		if d := time.Since(start); d > 11*time.Second {
			t.Errorf("closed after %v", d)
		}
		if n := strings.Count(chat.texts(), "|"); n != 99 {
			t.Errorf("%d messages were stored", n+1)
		}
	})
}

// TestPanic: a fault ends the connection it is in, and no other.
func TestPanic(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		chat.send = func(*fakeSession, Outgoing) (*Message, error) { panic("a secret text") }
		var log bytes.Buffer
		s := newTestServer(t, chat, func(o *Options) { o.Logger = zerolog.New(zerolog.SyncWriter(&log)) })
		alice, bob := s.inChannel("alice", "#messages"), s.inChannel("bob", "#messages")
		alice.Send("PRIVMSG #messages :x")
		alice.Expect("ERROR :Closing link: internal error")
		alice.Closed()
		bob.Expect(":alice!u@directus QUIT :Connection closed")
		bob.Sync()
		synctest.Wait()
		if got := log.String(); !strings.Contains(got, "conn_test.go") || strings.Contains(got, "a secret text") {
			t.Errorf("the log lacks the stack or tells too much: %s", got)
		}
	})
}

func TestSessionEnds(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, nil)
		c := s.inChannel("alice", "#messages")
		chat.push(&ServiceNotice{Text: "good-bye"}, &Error{Text: "your account was suspended", Err: errors.New("detail")})
		c.ExpectNext(":directus!service@irc.test NOTICE alice :good-bye")
		c.ExpectNext("ERROR :Closing link: your account was suspended")
		c.Closed()

		chat.push(nil, nil)
		c = s.inChannel("bob", "#messages")
		chat.push(nil, errors.New("detail"))
		c.Expect("ERROR :Closing link: internal error, *")
		c.Closed()
	})
}

func TestServiceNotice(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, nil)
		c := s.inChannel("alice", "#messages")
		chat.push(&ServiceNotice{Target: "#messages", Text: "gone\nand back " + strings.Repeat("x ", 300)}, nil)
		c.ExpectNext(":directus!service@irc.test NOTICE #messages :gone")
		c.ExpectNext(":directus!service@irc.test NOTICE #messages :and back x*")
		c.ExpectNext(":directus!service@irc.test NOTICE #messages :x x *")
		chat.push(&ServiceNotice{Target: "#elsewhere", Text: "to you"}, nil)
		c.ExpectNext(":directus!service@irc.test NOTICE alice :to you")
		chat.push(&Backlog{Channel: "#messages", Messages: []*Message{{ID: "x", Time: time.Now().Add(-time.Minute), From: testUser("bob"), Target: "#messages", Text: "late"}}}, nil)
		c.ExpectNext(":bob!u@directus PRIVMSG #messages :[1999-12-31 23:59] late")
		chat.push(&Backlog{Channel: "#dev", Messages: []*Message{{Target: "#dev", Text: "not joined"}}}, nil)
		c.Refute("*not joined*")
	})
}

func TestStrangeInput(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, nil)

		c := s.client()
		c.SendRaw("\xef\xbb\xbfPASS alice@example.com:pw-alice\r\nNICK alice\r\nUSER x\r\n")
		c.Welcome()
		c.Send("JOIN #messages", "PRIVMSG #messages :"+strings.Repeat("x", 9000), "@"+strings.Repeat("a", 5000)+" PRIVMSG #messages :x")
		c.Expect("* 366 *")
		c.ExpectNext(":irc.test 417 alice :*")
		c.ExpectNext(":irc.test 417 alice :*")
		c.Send("PRIVMSG #messages :Gr\xfc\xdfe \x80", "PRIVMSG #messages :\xfc")
		if lines := c.Refute("* 4?? *"); len(lines) != 1 || !ircdtest.Match(":irc.test NOTICE alice :Your client does not send UTF-8*", lines[0]) {
			t.Errorf("got %q", lines)
		}
		c.Send("PRIVMSG #messages :" + strings.Repeat("y", 8000))
		c.Sync()
		if got, want := chat.texts(), "Grüße €|ü|"+strings.Repeat("y", 8000); got != want {
			t.Errorf("stored %q", got)
		}
	})
}

// TestSendErrors: what the backend refuses is told with its reason.
func TestSendErrors(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, nil)
		c := s.inChannel("alice", "#messages", "echo-message")
		for _, tc := range []struct {
			err  error
			want string
		}{
			{&Error{Numeric: "404", Params: []string{"#messages"}, Text: "too long"}, ":irc.test 404 alice #messages :too long"},
			{fmt.Errorf("send: %w", &Error{Numeric: "263", Text: "slow down", Err: errors.New("x")}), ":irc.test 263 alice * :slow down"},
			{errors.New("secret detail"), ":irc.test 404 alice #messages :internal error, see the log of the server"},
		} {
			chat.send = func(*fakeSession, Outgoing) (*Message, error) { return nil, tc.err }
			c.Send("PRIVMSG #messages :x")
			c.ExpectNext(tc.want)
		}
		chat.join = func(context.Context, string) error { return errors.New("secret detail") }
		c.Send("JOIN #dev")
		c.ExpectNext(":irc.test 403 alice #dev :internal error, *")
		if st := s.Stats(); st.SendErrors != 3 || st.Messages != 0 {
			t.Errorf("got %+v", st)
		}
	})
}

// TestEchoOrder: what was stored before one's own message is shown before it.
func TestEchoOrder(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		chat.send = func(s *fakeSession, out Outgoing) (*Message, error) {
			chat.say(testUser("bob"), "#messages", "before")
			return &Message{ID: "own", Time: time.Now(), From: s.user, Target: out.Target, Text: out.Text}, nil
		}
		s := newTestServer(t, chat, nil)
		c := s.inChannel("alice", "#messages", "echo-message")
		for range 20 {
			c.Send("PRIVMSG #Messages,#messages :own")
			c.ExpectNext(":bob!u@directus PRIVMSG #messages :before")
			c.ExpectNext(":alice!u@directus PRIVMSG #messages :own")
			if extra := c.Sync(); len(extra) > 0 {
				t.Fatalf("got %q too", extra)
			}
		}
	})
}

// TestEchoOrderBehind: what was stored behind one's own message, while the backend
// took its time to confirm that, is shown behind it, and is no part of the answer.
func TestEchoOrderBehind(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		chat.send = func(s *fakeSession, out Outgoing) (*Message, error) {
			chat.say(testUser("bob"), out.Target, "before")
			own := &Message{ID: "own" + out.Text, Time: time.Now(), From: s.user, Target: out.Target, Text: out.Text}
			if out.Text == "gone" {
				chat.pushTo("alice", &Redaction{MsgID: own.ID, From: s.user, By: s.user, Target: out.Target})
				return own, nil
			}
			time.Sleep(time.Second)
			chat.say(testUser("bob"), out.Target, "behind")
			return own, nil
		}
		s := newTestServer(t, chat, nil)
		c := s.inChannel("alice", "#messages", "batch", "echo-message", "labeled-response", "draft/message-redaction")
		c.Send("JOIN #dev")
		c.Sync()
		c.Send("@label=L PRIVMSG #messages :own", "PRIVMSG #messages,#dev :two", "PRIVMSG nobody :x")
		expectAll(t, synced(c), []string{
			":bob!u@directus PRIVMSG #messages :before",
			"@label=L :alice!u@directus PRIVMSG #messages :own",
			":bob!u@directus PRIVMSG #messages :behind",
			":bob!u@directus PRIVMSG #messages :before",
			":alice!u@directus PRIVMSG #messages :two",
			":bob!u@directus PRIVMSG #messages :behind",
			":bob!u@directus PRIVMSG #dev :before",
			":alice!u@directus PRIVMSG #dev :two",
			":bob!u@directus PRIVMSG #dev :behind",
			":irc.test 401 alice nobody :No such nick or channel",
		})
		// And so is that it was deleted at once.
		c.Send("CAP REQ message-tags", "PRIVMSG #messages :gone")
		c.Expect("@msgid=owngone :alice!u@directus PRIVMSG #messages :gone")
		c.ExpectNext(":alice!u@directus REDACT #messages owngone")
	})
}

// TestNothingPrivateIsLogged: at the lowest level there is no password, no
// e-mail, no address, and nothing that people say.
func TestNothingPrivateIsLogged(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := otpChat()
		var log bytes.Buffer
		s := newTestServer(t, chat, func(o *Options) { o.Logger = zerolog.New(zerolog.SyncWriter(&log)).Level(zerolog.TraceLevel) })
		c := ircdtest.New(t, s.connect(&net.TCPAddr{IP: net.ParseIP("192.0.2.7"), Port: 31337}))
		c.Send("alice@SECRET1:SECRET2", "SECRETALONE", "PASS alice@SECRET1:SECRET2", "OPER SECRET1 SECRET2", "NICK SECRETNICK",
			"USER SECRET1@SECRET2 0 * :SECRET", "OTP SECRET3", "OTP 123456")
		c.Welcome()
		c.Send("JOIN #messages", "PRIVMSG #messages :SECRET4", "PRIVMSG NickServ :IDENTIFY SECRET5", "NOTICE #messages :SECRET",
			"AWAY :SECRET6", "PART #messages :SECRET7", "SECRETCMD SECRET8", "OPER SECRET SECRET", "AUTHENTICATE SECRET",
			"WHO SECRET", "CAP REQ :SECRET", "PASS SECRET", "@+SECRET=SECRET TAGMSG SECRET", "QUIT :SECRET9")
		c.Closed()
		nc := s.connect(nil)
		nc.Close()
		synctest.Wait()
		got := log.String()
		for _, private := range []string{"SECRET", "192.0.2.7", "31337", "123456"} {
			if strings.Contains(got, private) {
				t.Errorf("the log holds %q:\n%s", private, got)
			}
		}
		if !strings.Contains(got, `"cmd":"PRIVMSG"`) || !strings.Contains(got, "line out") {
			t.Errorf("the log lacks commands:\n%s", got)
		}
	})
}
