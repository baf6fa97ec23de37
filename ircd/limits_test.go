package ircd

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/ircd/ircdtest"
	"directus-ircd/ircd/wire"

	"github.com/rs/zerolog"
)

// TestChannelLimit: a client is in so many channels at most, and is told so.
func TestChannelLimit(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		for i := range 3 {
			chat.topics[fmt.Sprintf("#c%d", i)] = ""
		}
		s := newTestServer(t, chat, func(o *Options) { o.Limits.ChannelsPerClient = 2 })
		c := s.client()
		c.Send("PASS alice@example.com:pw-alice", "NICK alice", "USER x")
		c.Expect(":irc.test 005 alice * CHANLIMIT=#:2 *")
		c.Send("JOIN #c0,#c1,#c2,#nowhere")
		c.Expect(":irc.test 366 alice #c1 *")
		c.ExpectNext(":irc.test 405 alice #c2 :You are in 2 channels, the maximum: leave one first")
		c.ExpectNext(":irc.test 405 alice #nowhere *")
		c.Send("JOIN #c1", "PART #c0", "JOIN #c2")
		c.ExpectNext(":alice!u@directus PART #c0*")
		c.Expect(":irc.test 366 alice #c2 *")
		// A client may not even make the server ask for one that it cannot join.
		if got := c.Sync(); len(got) != 0 {
			t.Errorf("got %q", got)
		}
	})
}

// TestQueryCost: what makes the backend search takes more of the same budget, and
// is delayed beyond it, not refused.
func TestQueryCost(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, newFakeChat(), func(o *Options) {
			o.Limits.LinesPerSecond, o.Limits.Burst = 1, 20
		})
		c := s.inChannel("alice", "#messages")
		for send, want := range map[string]time.Duration{
			"PING :a,b,c":                     1 * time.Second,
			"@x=y :alice  who  #messages":     3 * time.Second,
			"NAMES #messages,#dev":            6 * time.Second,
			"CHATHISTORY LATEST #dev * 5":     3 * time.Second,
			"WHO #messages %tcn,152":          3 * time.Second,
			"JOIN #messages,#messages,#dev,":  12 * time.Second,
			"WHO " + strings.Repeat("a,", 99): 20 * time.Second,
			"PRIVMSG #messages,#dev,x :a,b":   3 * time.Second,
			"PRIVMSG #messages :WHO a,b":      1 * time.Second,
		} {
			time.Sleep(20 * time.Second) // the whole burst is there again
			for range 20 {
				c.Send("AWAY :spent")
			}
			c.Expect("* 306 *")
			start := time.Now()
			c.Send(send, "VERSION")
			c.Expect("* 351 *")
			if got := time.Since(start).Round(time.Second); got != want+time.Second {
				t.Errorf("%.40q took %v, want %v", send, got-time.Second, want)
			}
		}
	})
}

// TestSilenceLimit: who is silent is asked in time, and closed with the reason.
func TestSilenceLimit(t *testing.T) {
	for limit, want := range map[time.Duration]struct {
		asked, closed time.Duration
	}{
		30 * time.Second: {15 * time.Second, 30 * time.Second},
		4 * time.Minute:  {100 * time.Second, 4 * time.Minute},
		time.Hour:        {100 * time.Second, time.Hour},
		0:                {100 * time.Second, 0},
	} {
		ircdtest.Bubble(t, func(t *testing.T) {
			s := newTestServer(t, newFakeChat(), func(o *Options) { o.Limits.PingTimeout = limit })
			// A client that answers nothing at all.
			nc := s.connect(nil)
			c := ircdtest.New(t, nc)
			c.Name = "silent"
			c.SetPong(false)
			c.LoginPass("alice", "alice@example.com:pw-alice")
			start := time.Now()
			time.Sleep(want.asked - time.Second)
			c.Expect("PING :irc.test")
			if got := time.Since(start); got != want.asked {
				t.Errorf("limit %v: asked after %v", limit, got)
			}
			if want.closed == 0 {
				time.Sleep(24 * time.Hour)
				c.Sync()
				return
			}
			time.Sleep(want.closed - want.asked - time.Second)
			if s.Stats().Connections != 1 {
				t.Errorf("limit %v: closed too soon", limit)
			}
			lines := c.Closed()
			if got := time.Since(start); got < want.closed || got > want.closed+pingCheck {
				t.Errorf("limit %v: closed after %v", limit, got)
			}
			last := lines[len(lines)-1]
			if last != fmt.Sprintf("ERROR :Closing link: Ping timeout: %d seconds", int(limit.Seconds())) {
				t.Errorf("limit %v: got %q", limit, last)
			}
		})
	}
}

// TestWastePaced: what is no line is read no faster than lines of the greatest
// length, so that it costs no more than they do.
func TestWastePaced(t *testing.T) {
	const most = wire.MaxInputTags + wire.MaxInputBody
	for name, waste := range map[string]string{"blank lines": "\r\n", "NULs": "\x00", "one line": "x", "tags": "@a;", "blanks": "  \n"} {
		ircdtest.Bubble(t, func(t *testing.T) {
			s := newTestServer(t, newFakeChat(), func(o *Options) {
				o.Limits.LinesPerSecond, o.Limits.Burst, o.Limits.RegistrationTimeout = 1, 1, 0
			})
			nc := s.connect(nil)
			defer nc.Close()
			go io.Copy(io.Discard, nc)
			start := time.Now()
			if _, err := io.WriteString(nc, strings.Repeat(waste, 20*most/len(waste))); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(start); took < 17*time.Second || took > 20*time.Second {
				t.Errorf("%s: the worth of 20 lines took %v", name, took)
			}
		})
	}
}

// TestStrangersFillNoLog: who never logs in, or tries too often, leaves nothing in
// the log of every day.
func TestStrangersFillNoLog(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		chat.login = func(context.Context, Credentials) (Session, error) {
			return nil, &LoginError{Reason: Limited, Text: "too often"}
		}
		var log bytes.Buffer
		s := newTestServer(t, chat, func(o *Options) { o.Logger = zerolog.New(zerolog.SyncWriter(&log)).Level(zerolog.InfoLevel) })
		for _, lines := range []string{"", "GET / HTTP/1.1\r\n", "\x16\x03\x01", "NICK x\r\nFOO\r\n", "PASS x\r\nNICK x\r\nUSER x\r\n", strings.Repeat("x", 9000) + "\r\n"} {
			c := s.client()
			c.SendRaw(lines)
			time.Sleep(time.Second)
			c.Close()
		}
		synctest.Wait()
		if log.Len() > 0 {
			t.Errorf("got %s", log.String())
		}
	})
}
