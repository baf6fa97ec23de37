package ircd

import (
	"fmt"
	"testing"
	"time"

	"directus-ircd/ircd/ircdtest"

	irc "gopkg.in/irc.v4"
)

func TestClientTags(t *testing.T) {
	const all = "*,-typing,-reply,-draft/reply,-draft/react,-draft/unreact"
	replies, reactions := Features{Replies: true}, Features{Reactions: true}
	for _, tc := range []struct {
		features Features
		tags     irc.Tags
		want     map[string]string
		deny     string
	}{
		{Features{}, irc.Tags{"+typing": "active", "+reply": "x", "+draft/react": "y"}, map[string]string{"+typing": "active"}, "*,-typing"},
		{replies, irc.Tags{"+reply": "x", "+draft/reply": "x", "+draft/react": "y"}, map[string]string{"+reply": "x", "+draft/reply": "x"}, "*,-typing,-reply,-draft/reply"},
		{reactions, irc.Tags{"+reply": "x", "+typing": ""}, map[string]string{"+typing": ""}, "*,-typing,-draft/react,-draft/unreact"},
		{reactions, irc.Tags{"+reply": "x", "+draft/unreact": "y"}, map[string]string{"+reply": "x", "+draft/unreact": "y"}, "*,-typing,-draft/react,-draft/unreact"},
		{Features{Replies: true, Reactions: true}, irc.Tags{"time": "1", "msgid": "2", "typing": "active", "+other": "", "+draft/typing": ""}, map[string]string{}, all},
		{Features{Private: true}, nil, map[string]string{}, "*,-typing"},
	} {
		if got := clientTagsOf(&irc.Message{Tags: tc.tags}, tc.features); fmt.Sprint(got) != fmt.Sprint(tc.want) {
			t.Errorf("%+v: %v lets through %v, want %v", tc.features, tc.tags, got, tc.want)
		}
		if got := clientTagDeny(tc.features); got != tc.deny {
			t.Errorf("%+v: CLIENTTAGDENY=%s, want %s", tc.features, got, tc.deny)
		}
	}
}

// TestTyping: typing reaches the others in the channel who can be told of it,
// once in 3 s, and nobody else.
func TestTyping(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, newFakeChat(), nil)
		alice := s.inChannel("alice", "#messages", "message-tags", "echo-message")
		second := s.inChannel("alice", "#messages", "message-tags")
		bob := s.inChannel("bob", "#messages", "message-tags", "server-time", "account-tag")
		old, outside := s.inChannel("bob", "#messages"), s.user("kevin", "message-tags")
		synced(alice)
		synced(bob)

		alice.Send("@+typing=active;+reply=x;time=1 TAGMSG #Messages")
		alice.ExpectNext("@+typing=active :alice!u@directus TAGMSG #messages")
		bob.ExpectNext("@time=2000-*;account=acc-alice;+typing=active :alice!u@directus TAGMSG #messages")
		// Too soon; another channel has a clock of its own.
		alice.Send("@+typing=done TAGMSG #messages", "JOIN #dev", "@+typing=paused TAGMSG #dev")
		alice.Expect("@+typing=paused :alice!u@directus TAGMSG #dev")
		expectAll(t, synced(bob), nil)
		time.Sleep(typingPause)
		alice.Send("@+typing=done TAGMSG #messages")
		alice.Expect("@+typing=done *")
		bob.ExpectNext("@* :alice!u@directus TAGMSG #messages")
		// What it says is one of three words.
		time.Sleep(typingPause)
		alice.Send("@+typing=dancing TAGMSG #messages", "@+typing TAGMSG #messages", "TAGMSG #messages", "@typing=active TAGMSG #messages")
		expectAll(t, synced(alice), nil)
		for _, c := range []*ircdtest.Client{second, old, outside} {
			synced(c)
			c.Refute("* TAGMSG *")
		}
		expectAll(t, synced(bob), nil)
		if n := s.chat.count(); n != 0 {
			t.Errorf("%d messages were stored", n)
		}
		outside.Send("@+typing=active TAGMSG #messages", "@+typing=active TAGMSG #nowhere", "@+typing=active TAGMSG a,b,c,d,e")
		outside.ExpectNext(":irc.test 404 kevin #messages :Not sent: you are not in that channel, join it first")
		outside.ExpectNext(":irc.test 403 kevin #nowhere :*")
		outside.ExpectNext(":irc.test 407 kevin e :*")
	})
}

// TestTypingPrivate: only where there are private messages, only to people who
// may be known, and silent about all else.
func TestTypingPrivate(t *testing.T) {
	for _, private := range []bool{false, true} {
		ircdtest.Bubble(t, func(t *testing.T) {
			chat := newFakeChat()
			chat.features.Private = private
			s := newTestServer(t, chat, nil)
			alice := s.user("alice", "message-tags", "echo-message")
			bob, old, kevin := s.user("bob", "message-tags"), s.user("bob"), s.user("kevin", "message-tags")
			chat.mu.Lock()
			delete(chat.accounts, "kevin@example.com:pw-kevin") // and so not to be looked up
			chat.mu.Unlock()
			alice.Send("@+typing=active TAGMSG Bob,kevin,nobody,alice")
			if private {
				alice.ExpectNext("@+typing=active :alice!u@directus TAGMSG bob")
				alice.ExpectNext("@+typing=active :alice!u@directus TAGMSG alice")
				bob.ExpectNext("@+typing=active :alice!u@directus TAGMSG bob")
			}
			for _, c := range []*ircdtest.Client{alice, bob, old, kevin} {
				expectAll(t, synced(c), nil)
			}
		})
	}
}

func TestTypingPause(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := &conn{}
		passed := 0
		for range 3000 { // every tenth of a second, for 5 minutes
			if c.mayType("#messages") {
				passed++
			}
			time.Sleep(100 * time.Millisecond)
		}
		if passed > 101 {
			t.Errorf("%d in 300 s", passed)
		}
		// Each one as a client sends them, but on a bad network.
		time.Sleep(typingPause)
		for i, late := range []time.Duration{0, 400, 100, 450, 0, 300} {
			late *= time.Millisecond
			time.Sleep(late)
			if !c.mayType("#Messages") {
				t.Errorf("number %d is dropped", i)
			}
			time.Sleep(typingPause - late)
		}
	})
	c := &conn{}
	for i := range 2 * maxTyping {
		if got := c.mayType(fmt.Sprint(i)); got != (i < maxTyping) {
			t.Errorf("target %d: %v", i, got)
		}
	}
}
