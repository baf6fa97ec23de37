package ircd

import (
	"strings"
	"testing"
	"time"

	"directus-ircd/ircd/ircdtest"
	"directus-ircd/ircd/wire"
)

func TestRenderReaction(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	all := form{caps: formCaps}
	ref := "+reply=id1;+draft/reply=id1;"
	for _, tc := range []struct {
		name string
		r    Reaction
		f    form
		want []string
	}{
		{"no tags", Reaction{MsgID: "id1", Text: "x", Target: "#c"}, form{caps: capServerTime}, nil},
		{
			"all", Reaction{ID: "r1", Time: at, From: testUser("bob"), Target: "#c", MsgID: "id1", Text: "👍"}, all,
			[]string{"@time=2026-03-04T05:06:07.000Z;msgid=r1;account=acc-bob;" + ref + "+draft/react=👍 :bob!u@directus TAGMSG #c"},
		},
		{
			"removed, private", Reaction{ID: "r1", From: testUser("bob"), To: testUser("alice"), MsgID: "id1", Text: "a;b c", Removed: "r0"}, form{caps: capMessageTags},
			[]string{`@msgid=r1;` + ref + `+draft/unreact=a\:b\sc :bob!u@directus TAGMSG alice`},
		},
		{
			"hostile", Reaction{From: testUser("bob"), Target: "#c", MsgID: "id1", Text: "\x1b[31m\x02a\r\nb\x01" + strings.Repeat("é", 5000)}, form{caps: capMessageTags},
			[]string{"@" + ref + `+draft/react=[31ma\sb` + strings.Repeat("é", 28) + " :bob!u@directus TAGMSG #c"},
		},
		{"nothing", Reaction{From: testUser("bob"), Target: "#c", MsgID: "id1", Text: "\x02 "}, all, nil},
		{"about nothing", Reaction{From: testUser("bob"), Target: "#c", Text: "x"}, all, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			for _, l := range renderReaction(&tc.r, tc.f) {
				got = append(got, strings.TrimSuffix(string(wire.Append(nil, &l)), "\r\n"))
			}
			expectAll(t, got, tc.want)
		})
	}
}

// reactions is a chat with room for reactions, each of them once.
func reactions() *fakeChat {
	chat := newFakeChat()
	chat.features.Reactions = true
	there := make(map[Reacting]bool) // guarded by chat.mu
	chat.react = func(s *fakeSession, r Reacting) (*Reaction, error) {
		if r.MsgID == "none" {
			return nil, &Error{Code: "UNKNOWN_MSGID", Params: []string{r.Target, r.MsgID}, Text: "no such message"}
		}
		key := r
		key.Remove = false
		chat.mu.Lock()
		changed := there[key] == r.Remove
		there[key] = !r.Remove
		chat.mu.Unlock()
		if !changed {
			return nil, nil
		}
		ev := &Reaction{ID: "r1", Time: time.Now(), From: s.user, Target: r.Target, MsgID: r.MsgID, Text: r.Text}
		if r.Remove {
			ev.Removed, ev.By = "r1", s.user
		}
		if !strings.HasPrefix(r.Target, "#") {
			ev.Target, ev.To = "", testUser(r.Target)
		}
		chat.pushOthers(s, ev)
		return ev, nil
	}
	return chat
}

func TestReact(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, reactions(), nil)
		a := s.inChannel("alice", "#dev", "message-tags", "echo-message", "labeled-response", "batch")
		b := s.inChannel("bob", "#dev", "message-tags", "setname", "server-time", "account-tag")
		k := s.inChannel("kevin", "#dev", "server-time")
		out := s.user("kevin", "message-tags", "setname")
		a.Sync()
		b.Sync()
		const ref = "+reply=m1;+draft/reply=m1;"
		a.Send("@label=L;+reply=m1;+draft/react=👍;+typing=active TAGMSG #DEV")
		a.ExpectNext("@label=L;msgid=r1;" + ref + "+draft/react=👍 :alice!u@directus TAGMSG #dev")
		b.ExpectNext("@time=2000-01-01T00:00:00.000Z;msgid=r1;account=acc-alice;" + ref + "+draft/react=👍 :alice!u@directus TAGMSG #dev")
		// Again it changes nothing.
		a.Send("@label=L;+draft/reply=m1;+draft/react=👍 TAGMSG #dev")
		a.ExpectNext("@label=L :irc.test ACK")
		a.Send("@+draft/reply=m1;+draft/unreact=👍 TAGMSG #dev")
		a.ExpectNext("@msgid=r1;" + ref + "+draft/unreact=👍 :alice!u@directus TAGMSG #dev")
		b.ExpectNext("@*;" + ref + "+draft/unreact=👍 :alice!u@directus TAGMSG #dev")
		k.Refute("*")
		out.Refute("*")
	})
}

func TestReactErrors(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, reactions(), nil)
		c := s.inChannel("alice", "#dev", "message-tags", "standard-replies", "echo-message")
		const refused = ":irc.test FAIL TAGMSG INVALID_PARAMS #dev :Reaction not sent: *"
		for _, tc := range []struct{ in, want string }{
			{"@+draft/react=x TAGMSG #dev", refused},
			{"@+reply=;+draft/react=x TAGMSG #dev", refused},
			{"@+reply=m1;+draft/react TAGMSG #dev", refused},
			{`@+reply=m1;+draft/react=\s TAGMSG #dev`, refused},
			{"@+reply=m1;+draft/react=x;+draft/unreact=x TAGMSG #dev", refused},
			{`@+reply=m1;+draft/react=a\nb TAGMSG #dev`, refused},
			{"@+reply=m1;+draft/react=\x02x TAGMSG #dev", refused},
			{"@+reply=m1;+draft/unreact=" + strings.Repeat("x", maxReaction+1) + " TAGMSG #dev", refused},
			{"@+reply=none;+draft/react=x TAGMSG #dev", ":irc.test FAIL TAGMSG UNKNOWN_MSGID #dev none :no such message"},
		} {
			c.Send(tc.in)
			c.ExpectNext(tc.want)
		}
		c.Send("@+reply=m1;+draft/react=x TAGMSG #messages")
		c.ExpectNext(":irc.test 404 alice #messages :*")
		c.Send("@+reply=m1;+draft/react=x TAGMSG bob")
		c.ExpectNext(":irc.test 404 alice bob :*")
		c.Send("@+reply=m1;+draft/react=" + strings.Repeat("x", maxReaction) + " TAGMSG #dev")
		c.ExpectNext("* TAGMSG #dev")
		c.Refute("*")
	})
}

// A private reaction goes to both, and to the user's other connections where they
// know their own lines.
func TestReactPrivate(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := reactions()
		chat.features.Private = true
		s := newTestServer(t, chat, nil)
		a := s.user("alice", "message-tags", "setname")
		a2 := s.user("alice", "message-tags", "echo-message")
		a3 := s.user("alice", "message-tags", "setname")
		b := s.user("bob", "message-tags", "setname")
		k := s.user("kevin", "message-tags", "setname")
		a.Send("@+reply=m1;+draft/react=x TAGMSG bob")
		a2.ExpectNext("@msgid=r1;*;+draft/react=x :alice!u@directus TAGMSG bob")
		b.ExpectNext("@msgid=r1;*;+draft/react=x :alice!u@directus TAGMSG bob")
		a.Refute("*")
		a3.Refute("*")
		k.Refute("*")
	})
}

// In a history a reaction stands behind its message, marked as something that does
// not count, for clients that can show events.
func TestHistoryReactions(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := reactions()
		chat.history = func(_ *fakeSession, q HistoryQuery) (*HistoryPage, error) {
			m := &Message{ID: "m1", From: testUser("bob"), Target: "#dev", Text: "one\ntwo"}
			page := &HistoryPage{Target: "#dev", Events: []Event{m}, End: true}
			if q.Reactions {
				page.Events = append(page.Events, &Reaction{ID: "r1", From: testUser("alice"), Target: "#dev", MsgID: "m1", Text: "👍"})
			}
			return page, nil
		}
		s := newTestServer(t, chat, nil)
		caps := []string{"batch", "draft/chathistory", "draft/multiline", "message-tags", "server-time"}
		a := s.user("alice", append(caps, "draft/event-playback")...)
		a.Send("CHATHISTORY LATEST #dev * 10")
		a.ExpectNext("@*:irc.test BATCH +1 chathistory #dev")
		a.ExpectNext("@batch=1;time=*;msgid=m1 :bob!u@directus BATCH +m-* draft/multiline #dev")
		a.ExpectNext("@batch=m-* :bob!u@directus PRIVMSG #dev :one")
		a.ExpectNext("@batch=m-* :bob!u@directus PRIVMSG #dev :two")
		a.ExpectNext("@batch=1 :bob!u@directus BATCH -m-*")
		a.ExpectNext("@batch=1;time=*;msgid=r1;+reply=m1;+draft/reply=m1;+draft/react=👍;draft/chathistory-context :alice!u@directus TAGMSG #dev")
		a.ExpectNext(":irc.test BATCH -1")
		b := s.user("bob", caps...)
		b.Send("CHATHISTORY LATEST #dev * 10")
		b.Refute("* TAGMSG *")
	})
}
