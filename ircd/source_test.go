package ircd

import (
	"slices"
	"strings"
	"testing"
	"time"

	"directus-ircd/ircd/ircdtest"
)

// The source of a change is whoever made it, or the service; never the author as a guess.
func TestSourceOfChanges(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, func(o *Options) { o.DeleteNotices = true })
		a := s.inChannel("alice", "#dev", "draft/message-redaction", "message-tags", "account-tag", "echo-message")
		old := s.inChannel("kevin", "#dev")
		a.Sync()
		old.Sync()
		bob := testUser("bob")
		edit := Message{ID: "m1.e1", Edits: "m1", From: bob, Target: "#dev", Text: "[edited] <bob> s/a/b/"}
		chat.push(&edit, nil)
		a.ExpectNext("@msgid=m1.e1;* :directus!service@irc.test PRIVMSG #dev :[edited] <bob> s/a/b/")
		old.ExpectNext(":directus!service@irc.test PRIVMSG #dev :[edited] <bob> s/a/b/")
		known := edit
		known.ID, known.By, known.Text = "m1.e2", bob, "[edited] s/a/b/"
		chat.push(&known, nil)
		a.ExpectNext("@*account=acc-bob* :bob!u@directus PRIVMSG #dev :[edited] s/a/b/")
		old.ExpectNext(":bob!u@directus PRIVMSG #dev :[edited] s/a/b/")

		gone := Redaction{MsgID: "m1", Time: time.Now(), From: bob, Target: "#dev", Said: time.Now().Add(-time.Hour), Text: "secret"}
		chat.push(&gone, nil)
		a.ExpectNext("*:directus!service@irc.test REDACT #dev m1")
		old.ExpectNext(":directus!service@irc.test NOTICE #dev :A message by bob from 1 hour ago was deleted")

		// In a private conversation each of the two finds the message in the window of the other.
		letter := Redaction{MsgID: "p1", From: bob, To: testUser("alice")}
		chat.pushTo("alice", &letter)
		a.ExpectNext("*:directus!service@irc.test REDACT bob p1")
		sent := Redaction{MsgID: "p2", From: testUser("alice"), To: bob}
		chat.pushTo("alice", &sent)
		a.ExpectNext("*:directus!service@irc.test REDACT bob p2")

		// A reaction is a message, too; its author alone takes it back by another one.
		tags := s.inChannel("kevin", "#dev", "message-tags", "setname")
		tags.Sync()
		a.Sync()
		undone := Reaction{ID: "r1x", Removed: "r1", From: bob, Target: "#dev", MsgID: "m1", Text: "x"}
		chat.push(&undone, nil)
		a.ExpectNext("*:directus!service@irc.test REDACT #dev r1")
		tags.ExpectNext("@msgid=r1x;+reply=m1;+draft/reply=m1;+draft/unreact=x :directus!service@irc.test TAGMSG #dev")
		byAuthor := undone
		byAuthor.By = bob
		chat.push(&byAuthor, nil)
		a.ExpectNext("@msgid=r1x;account=acc-bob;+reply=m1;+draft/reply=m1;+draft/unreact=x :bob!u@directus TAGMSG #dev")
		tags.ExpectNext("@msgid=r1x;+reply=m1;+draft/reply=m1;+draft/unreact=x :bob!u@directus TAGMSG #dev")

		// A message of the service to a person would be in no window.
		own := Message{ID: "p1.e1", Edits: "p1", From: bob, To: testUser("alice"), Time: time.Now(), Text: "[edited] <bob> x"}
		own.Quote = &Quote{Time: own.Time.Add(-time.Hour)}
		chat.pushTo("alice", &own)
		a.ExpectNext(":directus!service@irc.test NOTICE alice :[edited] (from 1 hour ago) <bob> x")
	})
}

// What a message refers to is said in the text to clients that do not show it, by what is known
// of what they ask for.
func TestBlindClients(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, nil)
		said := "PRIVMSG #dev :*alice: yes"
		tagged := strings.Fields("account-notify account-tag away-notify batch cap-notify chghost draft/multiline echo-message extended-join " +
			"invite-notify message-tags multi-prefix server-time setname userhost-in-names")
		clients := map[*ircdtest.Client]string{}
		for _, c := range map[string]struct {
			caps []string
			want string
		}{
			"plain":     {nil, said},
			"weechat38": {slices.DeleteFunc(slices.Clone(tagged), func(c string) bool { return c == "batch" || c == "draft/multiline" || c == "echo-message" }), said},
			"weechat4":  {tagged, said},
			"lounge46":  {append(slices.Clone(tagged), "standard-replies"), "PRIVMSG #dev :yes"},
			"halloy":    {append(slices.Clone(tagged), "labeled-response", "draft/message-redaction"), "PRIVMSG #dev :yes"},
			"limnoria":  {append(slices.Clone(tagged), "labeled-response"), "PRIVMSG #dev :yes"},
		} {
			client := s.inChannel("kevin", "#dev", c.caps...)
			client.Sync()
			clients[client] = c.want
		}
		bot := s.inChannel("alice", "#dev", "message-tags", "server-time")
		bot.Send("MODE alice +B")
		bot.Sync()
		clients[bot] = "PRIVMSG #dev :yes"
		now := time.Now()
		answer := Message{ID: "m2", Time: now, From: testUser("bob"), Target: "#dev", Text: "yes", ReplyTo: "m1",
			Quote: &Quote{Nick: "alice", Text: "hello", Time: now.Add(-time.Minute)}}
		missed := answer
		missed.Replayed = true
		chat.push(&answer, nil)
		chat.push(&Backlog{Channel: "#dev", Messages: []*Message{&missed}}, nil)
		for client, want := range clients {
			client.Expect("*" + want)
			client.Expect("*" + want)
		}
	})
}
