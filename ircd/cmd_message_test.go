package ircd

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"

	"directus-ircd/ircd/ircdtest"
	"directus-ircd/ircd/wire"
)

func privateServer(t *testing.T) *testServer {
	chat := newFakeChat()
	chat.features.Private = true
	return newTestServer(t, chat, nil)
}

// TestPrivateMessage: it reaches all connections of its recipient, those of the
// sender that can show it, and nobody else.
func TestPrivateMessage(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := privateServer(t)
		alice, other := s.user("alice"), s.user("kevin")
		plain, echo, self := s.user("bob"), s.user("bob", "echo-message"), s.user("bob", "znc.in/self-message")
		modern := s.user("alice", "message-tags", "server-time", "account-tag")
		echo.Send("PRIVMSG Alice :psst")
		expectAll(t, synced(echo), []string{":bob!u@directus PRIVMSG alice :psst"})
		expectAll(t, synced(self), []string{":bob!u@directus PRIVMSG alice :psst"})
		expectAll(t, synced(alice), []string{":bob!u@directus PRIVMSG alice :psst"})
		expectAll(t, synced(modern), []string{"@time=2000-01-01T00:00:00.000Z;msgid=m1;account=acc-bob :bob!u@directus PRIVMSG alice :psst"})
		expectAll(t, synced(plain), nil)
		expectAll(t, synced(other), nil)
		// Who sends it is not shown it again, whatever it negotiated.
		self.Send("PRIVMSG alice :\x01ACTION whispers\x01")
		expectAll(t, synced(self), nil)
		expectAll(t, synced(alice), []string{":bob!u@directus PRIVMSG alice :\x01ACTION whispers\x01"})
		expectAll(t, synced(echo), []string{":bob!u@directus PRIVMSG alice :\x01ACTION whispers\x01"})
		// To oneself: once, and the echo.
		echo.Send("NOTICE bob :note")
		note := ":bob!u@directus NOTICE bob :note"
		expectAll(t, synced(echo), []string{note, note})
		for _, c := range []*ircdtest.Client{plain, self} {
			expectAll(t, synced(c), []string{note})
		}
	})
}

// TestPrivateAskedNick: the nick that a client asked for, and did not get, is
// somebody's who is not connected. What is said to them does not end with oneself.
func TestPrivateAskedNick(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		chat.features = Features{Private: true, Reactions: true}
		s := newTestServer(t, chat, nil)
		s.chat.offline["carol"] = testUser("carol")
		var redacted, reacted, asked string
		s.chat.redact = func(_ *fakeSession, target, msgid, _ string) (*Redaction, error) {
			redacted = target
			return &Redaction{MsgID: msgid, From: testUser("alice"), By: testUser("alice"), To: testUser(target)}, nil
		}
		s.chat.react = func(_ *fakeSession, r Reacting) (*Reaction, error) {
			reacted = r.Target
			return nil, nil
		}
		s.chat.history = func(_ *fakeSession, q HistoryQuery) (*HistoryPage, error) {
			asked = q.Target
			return &HistoryPage{Target: q.Target}, nil
		}
		c := s.client()
		c.Send("CAP REQ :echo-message message-tags draft/read-marker", "PASS alice@example.com:pw-alice", "NICK carol", "USER x", "CAP END")
		c.Welcome()
		c.Send("PRIVMSG carol :psst", "MARKREAD carol", "REDACT carol m1", "@+draft/react=x;+reply=m1 TAGMSG carol", "CHATHISTORY LATEST carol * 5")
		got := synced(c)
		expectAll(t, got, []string{"@msgid=m1 :alice!u@directus PRIVMSG carol :psst", ":irc.test MARKREAD carol *"})
		if redacted != "carol" || reacted != "carol" || asked != "carol" {
			t.Errorf("deleted with %q, reacted to %q, history with %q", redacted, reacted, asked)
		}
		for _, nobody := range []string{"REDACT !x m1", "@+draft/react=x;+reply=m1 TAGMSG !x"} {
			c.Send(nobody)
			c.Expect("* NOTICE alice :REDACT: Not deleted: no such channel or nick", ":irc.test 401 alice !x :*")
		}
	})
}

// TestCTCPToOneself: it comes back whole to the connection that sent it, cut to a line, and to no
// other one of the user. Nothing is stored.
func TestCTCPToOneself(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := privateServer(t)
		bob, echo, self := s.user("bob"), s.user("bob", "echo-message"), s.user("bob", "znc.in/self-message")
		synctest.Wait()
		bob.Send("PRIVMSG bob,alice :\x01PING 1\x01")
		expectAll(t, synced(bob), []string{":bob!u@directus PRIVMSG bob :\x01PING 1\x01", ":irc.test 404 bob alice :Not sent: CTCP other than ACTION is not supported"})
		head := ":bob!u@directus PRIVMSG bob :\x01PING "
		bob.Send("PRIVMSG bob :\x01PING " + strings.Repeat("ü", 500) + "\x01")
		expectAll(t, synced(bob), []string{head + strings.Repeat("ü", (wire.MaxBody-len(head)-1)/2) + "\x01"})
		for _, c := range []*ircdtest.Client{echo, self} {
			expectAll(t, synced(c), nil)
		}
		if n := len(s.chat.stored); n != 0 {
			t.Errorf("%d messages are stored", n)
		}
	})
}

// TestPrivateRefused: what the backend says is told under the nick.
func TestPrivateRefused(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := privateServer(t)
		c := s.user("bob")
		s.chat.send = func(_ *fakeSession, m Outgoing) (*Message, error) {
			if m.Target == "alice" {
				return nil, &Error{Numeric: "404", Params: []string{m.Target}, Text: "Not sent: you may not"}
			}
			return nil, errors.New("broken")
		}
		c.Send("PRIVMSG alice,kevin,#dev :hi")
		c.ExpectNext(":irc.test 404 bob alice :Not sent: you may not")
		c.ExpectNext(":irc.test 404 bob kevin :internal error, *")
		c.ExpectNext(":irc.test 404 bob #dev :Not sent: you are not in that channel, *")
	})
}

// TestPrivateToAway: the sender learns that the recipient is away, as part of the
// answer; nobody is told that somebody is not connected at all.
func TestPrivateToAway(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := privateServer(t)
		alice, bob := s.user("alice"), s.user("bob", "batch", "labeled-response", "echo-message")
		alice.Send("AWAY :lunch")
		alice.Sync()
		bob.Send("@label=x PRIVMSG alice :hi")
		expectAll(t, synced(bob), []string{
			"@label=x :irc.test BATCH +1 labeled-response", "@batch=1 :bob!u@directus PRIVMSG alice :hi",
			"@batch=1 :irc.test 301 bob alice :lunch", ":irc.test BATCH -1",
		})
		bob.Send("@label=y NOTICE alice :hi", "@label=z PRIVMSG kevin :hi", "AWAY :tea", "@label=s PRIVMSG bob :hi")
		expectAll(t, synced(bob), []string{
			"@label=y :bob!u@directus NOTICE alice :hi", "@label=z :bob!u@directus PRIVMSG kevin :hi", ":irc.test 306 bob :You have been marked as being away",
			":bob!u@directus PRIVMSG bob :hi", "@label=s :bob!u@directus PRIVMSG bob :hi",
		})
	})
}

// TestStart: private messages are opened once, before anything is joined, with
// their backlog for those who do not fetch it.
func TestStart(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := privateServer(t)
		s.chat.autoJoin = []string{"#dev"}
		joined := make(chan int, 3)
		s.chat.join = func(context.Context, string) error { joined <- len(s.chat.starts); return nil }
		for i, caps := range [][]string{nil, {"batch"}, {"batch", "draft/chathistory"}} {
			s.user("alice", caps...).Expect("* 366 *")
			if n := <-joined; n != i+1 {
				t.Errorf("%d started at the JOIN of number %d", n, i+1)
			}
		}
		if got := s.chat.starts; !reflect.DeepEqual(got, []JoinOptions{{Backlog: true}, {Backlog: true}, {}}) {
			t.Errorf("started with %+v", got)
		}
	})
}

// TestReadMarkers: they are one for all connections of a user, and nobody else's
// business.
func TestReadMarkers(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := privateServer(t)
		c, old, away := s.inChannel("bob", "#dev", "draft/read-marker"), s.inChannel("bob", "#dev"), s.user("bob", "draft/read-marker")
		c.Send("MARKREAD #Dev timestamp=2000-01-01T00:00:00.000Z", "MARKREAD alice timestamp=2000-01-01T00:00:00.000Z")
		c.ExpectNext(":irc.test MARKREAD #dev timestamp=2000-01-01T00:00:00.000Z")
		c.ExpectNext(":irc.test MARKREAD alice timestamp=2000-01-01T00:00:00.000Z")
		s.chat.push(&ReadMarker{Target: "#dev"}, nil)
		s.chat.push(&ReadMarker{Target: "alice"}, nil)
		expectAll(t, synced(c), []string{":irc.test MARKREAD #dev *", ":irc.test MARKREAD alice *"})
		expectAll(t, synced(away), []string{":irc.test MARKREAD #dev *", ":irc.test MARKREAD alice *"}) // it is not in #dev
		expectAll(t, synced(old), nil)
		away.Send("JOIN #dev")
		away.ExpectNext(":bob!u@directus JOIN :#dev")
		away.ExpectNext(":irc.test MARKREAD #dev timestamp=2000-01-01T00:00:00.000Z")
	})
}
