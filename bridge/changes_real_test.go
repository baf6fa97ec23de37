package bridge_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/bridge/collection"
	"directus-ircd/directus/directustest"
	"directus-ircd/directus/setup"
	"directus-ircd/ircd/ircdtest"
)

// modern logs in with everything that changes of messages need, and enters.
func (s *stack) modern(account, secret string, channels ...string) *ircdtest.Client {
	s.t.Helper()
	c := ircdtest.Dial(s.t, s.address)
	c.LoginSASL("x", account, secret, "message-tags", "server-time", "echo-message", "batch", "draft/message-redaction", "draft/chathistory", "draft/event-playback")
	for _, channel := range channels {
		c.Send("JOIN " + channel)
		c.Expect("* 366 *")
	}
	c.Sync()
	return c
}

// tagOf takes the value of a tag out of a line.
func tagOf(line, name string) string {
	tags, _, _ := strings.Cut(strings.TrimPrefix(line, "@"), " ")
	for tag := range strings.SplitSeq(tags, ";") {
		if key, value, _ := strings.Cut(tag, "="); key == name {
			return value
		}
	}
	return ""
}

// reactInPrivate has Bob react to what Ada has written to him alone, and take it back.
func reactInPrivate(t *testing.T, ada, bob *ircdtest.Client) {
	t.Helper()
	ada.Send("PRIVMSG Bob :psst")
	msgid := tagOf(ada.Expect("@* :Ada!* PRIVMSG Bob :psst"), "msgid")
	bob.Expect("@* :Ada!* PRIVMSG Bob :psst")
	for _, tag := range []string{"+draft/react", "+draft/unreact"} {
		bob.Send("@" + tag + "=👍;+reply=" + msgid + " TAGMSG Ada")
		for _, c := range []*ircdtest.Client{ada, bob} {
			if line := c.Expect("@* :Bob!* TAGMSG Ada"); tagOf(line, tag) != "👍" || tagOf(line, "+reply") != msgid {
				t.Errorf("a reaction to %s: %q", msgid, line)
			}
		}
	}
}

// What becomes of messages, on a real Directus and with clients that show it.
func TestRealChanges(t *testing.T) {
	dx := ownServer(t, directustest.Setup(setup.Options{Edit: true, Replies: true, Reactions: true, Private: true, PrivateReadable: true}))
	for _, field := range []string{"room", "status"} {
		dx.Do(http.MethodPost, "/fields/"+dx.Collection, nil, map[string]any{"field": field, "type": "string"}, nil)
	}
	channel := messages(dx.Collection)
	channel.Fields.Reply, channel.Corrections = "reply_to", true
	channel.Filter = map[string]any{"room": map[string]any{"_null": true}} // Directus has to evaluate it
	channel.Reactions = &collection.Reactions{Collection: dx.Collection + "_reactions", Message: "message", Text: "text", Author: "user_created", Date: "date_created"}
	soft := channel
	soft.Name, soft.SoftDelete = "#soft", &collection.SoftDelete{Field: "status", Values: []string{"archived"}}
	soft.Filter, soft.Set = map[string]any{"room": map[string]any{"_eq": "soft"}}, map[string]any{"room": "soft"}
	letters, seals := privateMessages, *channel.Reactions
	seals.Collection = letters.Collection + "_reactions"
	letters.Reactions = &seals
	s := start(t, dx, func(o *bridge.Options) {
		o.Private, o.Edits = &letters, collection.Edits{Show: true, Merge: time.Second, MaxAge: time.Hour}
	}, channel, soft)

	ada, bob := dx.CreateUser("Ada", ""), dx.CreateUser("Bob", "")
	a := s.modern(ada.Email, ada.Password, "#messages", "#soft")
	b := s.modern(bob.Email, bob.Password, "#messages", "#soft")
	token, _, err := dx.Admin().Token(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	root := s.modern("token", token, "#messages", "#soft")
	web := func(method, id string, changes any) {
		t.Helper()
		if err := dx.Account(bob).Do(t.Context(), method, "/items/"+dx.Collection+"/"+id, nil, changes, nil); err != nil {
			t.Fatal(err)
		}
	}
	say := func(c *ircdtest.Client, tags, channel, text string) (msgid, id string) {
		t.Helper()
		c.Send(tags + "PRIVMSG " + channel + " :" + text)
		msgid = tagOf(c.Expect("@* PRIVMSG "+channel+" :"+text), "msgid")
		id, _, _ = strings.Cut(msgid, ".")
		return msgid, id
	}

	msgid, id := say(b, "", "#messages", "the quick brown fox jumps over teh lazy dog")
	a.Expect("@* PRIVMSG #messages :the quick *")
	web(http.MethodPatch, id, map[string]any{"text": "the slow brown fox jumps over teh lazy dog"})
	line := a.Expect("@* :directus!service@* PRIVMSG #messages :[edited] <Bob> s/quick/slow/")
	if tagOf(line, "+reply") != msgid || !strings.HasPrefix(tagOf(line, "msgid"), msgid+".e") {
		t.Errorf("an edit of %s: %q", msgid, line)
	}
	b.Expect("@* PRIVMSG #messages :[edited] <Bob> s/quick/slow/")
	b.Send("PRIVMSG #messages :s/teh/the/")
	b.Expect("@* PRIVMSG #messages :[edited] s/teh/the/")
	a.Expect("@* :Bob!* PRIVMSG #messages :[edited] s/teh/the/")
	b.Refute("* PRIVMSG *")
	if got := dx.Messages("text")[0]["text"]; got != "the slow brown fox jumps over the lazy dog" {
		t.Errorf("stored %q", got)
	}

	reply, _ := say(b, "@+reply="+msgid+" ", "#messages", "who?")
	line = a.Expect("@* PRIVMSG #messages :who?")
	if tagOf(line, "+reply") != msgid {
		t.Errorf("an answer to %s: %q", msgid, line)
	}
	if got := dx.Messages("reply_to")[1]["reply_to"]; fmt.Sprint(got) != id {
		t.Errorf("stored as an answer to %v, not %s", got, id)
	}

	a.Send("@+draft/react=👍;+reply=" + reply + " TAGMSG #messages")
	a.Expect("@* TAGMSG #messages")
	line = b.Expect("@* :Ada!* TAGMSG #messages")
	if tagOf(line, "+draft/react") != "👍" || tagOf(line, "+reply") != reply {
		t.Errorf("a reaction to %s: %q", reply, line)
	}
	b.Send("CHATHISTORY LATEST #messages * 10")
	if line = b.Expect("@* TAGMSG #messages"); tagOf(line, "+draft/react") != "👍" {
		t.Errorf("a reaction in the history: %q", line)
	}
	a.Send("@+draft/unreact=👍;+reply=" + reply + " TAGMSG #messages")
	if line = b.Expect("@* :Ada!* TAGMSG #messages"); tagOf(line, "+draft/unreact") != "👍" {
		t.Errorf("a reaction taken back: %q", line)
	}
	var left []map[string]any
	dx.Do(http.MethodGet, "/items/"+channel.Reactions.Collection, url.Values{}, nil, &left)
	if len(left) != 0 {
		t.Errorf("%d reactions are left", len(left))
	}

	reactInPrivate(t, a, b)

	// The role may delete everything: without a licence there is no other way.
	a.Send("REDACT #messages " + reply)
	a.Expect("* FAIL REDACT REDACT_FORBIDDEN #messages "+reply+" *", "* NOTICE *only its author*")
	root.Send("REDACT #messages " + reply + " :off topic")
	root.Expect("* REDACT #messages " + reply + " :off topic")
	a.Expect("*:*!* REDACT #messages " + reply + "*") // Bob's, or of whoever did it if both read one feed
	b.Send("REDACT #messages " + reply)
	b.Expect("* FAIL REDACT UNKNOWN_MSGID #messages "+reply+" *", "* NOTICE *no such message*")
	web(http.MethodDelete, id, nil)
	a.Expect("*:*!* REDACT #messages " + msgid + "*")

	msgid, id = say(b, "", "#soft", "soon gone")
	a.Expect("@* PRIVMSG #soft :soon gone")
	b.Send("REDACT #messages " + msgid)
	b.Expect("* FAIL REDACT INVALID_TARGET #messages *", "* NOTICE *not said there*")
	root.Send("REDACT #soft " + msgid) // the right to change the text is not that to set a mark
	a.Expect("*:*!* REDACT #soft " + msgid + "*")
	stored := dx.Messages("id", "status")
	if len(stored) != 1 || stored[0]["status"] != "archived" || fmt.Sprint(stored[0]["id"]) != id {
		t.Errorf("stored %v", stored)
	}
	a.Refute("* REDACT *", "* PRIVMSG *", "* NOTICE *")
	b.Refute("* PRIVMSG *", "* NOTICE *")
}
