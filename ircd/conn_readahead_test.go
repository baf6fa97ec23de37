package ircd

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/ircd/ircdtest"
)

// heldChat is a chat that answers no message before release is closed, whatever the
// time.
func heldChat() (chat *fakeChat, release chan struct{}) {
	chat, release = newFakeChat(), make(chan struct{})
	chat.send = func(f *fakeSession, out Outgoing) (*Message, error) {
		<-release
		m := &Message{From: f.user, Target: out.Target, Text: out.Text}
		chat.deliver(f, m)
		return m, nil
	}
	return chat, release
}

// TestEarlyPong: a PING behind a command that waits for the backend is answered after
// pingPatience, with all that is said of its own turn, and once; all else keeps its
// turn, and so does a PING that is answered with an error.
func TestEarlyPong(t *testing.T) {
	for _, tc := range []struct {
		name        string
		caps        string
		lines       []string
		early, late []string // answers, in order
	}{
		{"plain", "", []string{"PING x"}, []string{":irc.test PONG irc.test :x"}, nil},
		{"several", "", []string{"PING a", "WHO nobody", "ping :b c"},
			[]string{":irc.test PONG irc.test :a", ":irc.test PONG irc.test :b c"}, []string{"* 315 *"}},
		{"with a label", "labeled-response batch", []string{"@label=q PING x", "@label=" + strings.Repeat("q", maxLabel+1) + " PING y"},
			[]string{"@label=q :irc.test PONG irc.test :x", ":irc.test PONG irc.test :y"}, nil},
		{"with a label and the time", "labeled-response batch server-time", []string{"@label=q PING x"},
			[]string{"@label=q;time=* :irc.test PONG irc.test :x"}, nil},
		{"with a label that cannot be told", "batch", []string{"@label=q PING x"}, []string{":irc.test PONG irc.test :x"}, nil},
		{"what is no line of text", "", []string{"PING :\xe9\x02"}, []string{":irc.test PONG irc.test :\u00e9\x02"}, nil},
		{"errors", "batch draft/multiline", []string{"PING", "@batch=1 PING x"}, nil,
			[]string{"* 409 alice :*", "* BATCH *"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				chat, release := heldChat()
				s := newTestServer(t, chat, nil)
				c := s.inChannel("alice", "#messages", strings.Fields(tc.caps)...)
				c.Send(append([]string{"PRIVMSG #messages :x"}, tc.lines...)...)
				begun := time.Now()
				for _, want := range tc.early {
					c.ExpectNext(want)
					if d := time.Since(begun); d != pingPatience {
						t.Errorf("%s came after %v", want, d)
					}
				}
				time.Sleep(time.Minute)
				close(release)
				matchAll(t, c.Sync(), tc.late)
				c.Send("PING again")
				c.ExpectNext("* PONG irc.test :again")
			})
		})
	}
}

// TestPongInTurn: while the backend is quick enough, a PONG is the end of what was sent
// before its PING, as clients take it for.
func TestPongInTurn(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		chat.lookup = func(context.Context, string) error { time.Sleep(pingPatience * 9 / 10); return nil }
		s := newTestServer(t, chat, nil)
		c := s.user("alice")
		for range 3 {
			c.Send("WHOIS bob", "PING x")
			c.Expect("* 318 alice bob :*")
			c.ExpectNext("* PONG irc.test :x")
			time.Sleep(2 * time.Second)
		}
	})
}

// TestPingAtEveryStall: PINGs are answered whatever the loop waits for, one by one for as
// long as it takes, before the login as well.
func TestPingAtEveryStall(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		release := make(chan struct{})
		chat.login = func(context.Context, Credentials) (Session, error) {
			<-release
			return chat.open(testUser("alice")), nil
		}
		s := newTestServer(t, chat, nil)
		c := s.client()
		c.Send("PASS alice@example.com:pw-alice", "NICK alice", "USER alice 0 * :x")
		synctest.Wait()
		for range 20 {
			begun := time.Now()
			c.Send("PING x")
			c.ExpectNext("* PONG irc.test :x")
			if d := time.Since(begun); d > pingPatience {
				t.Errorf("the PONG came after %v", d)
			}
			time.Sleep(time.Second)
		}
		close(release)
		c.Expect("* 221 alice *")
	})
}
