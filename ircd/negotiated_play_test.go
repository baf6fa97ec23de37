package ircd

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/ircd/ircdtest"
	"directus-ircd/ircd/wire"
)

// busyChat answers everything, and tells the others.
func busyChat(features Features) *fakeChat {
	chat := transcriptChat()
	chat.features = features
	to := func(target string) (string, User) {
		if wire.IsNick(target) {
			return "", testUser(wire.Fold(target))
		}
		return target, User{}
	}
	chat.redact = func(s *fakeSession, target, msgid, reason string) (*Redaction, error) {
		if msgid == "unknown" {
			return nil, &Error{Code: "UNKNOWN_MSGID", Params: []string{target, msgid}, Text: "there is no such message"}
		}
		r := &Redaction{MsgID: msgid, Time: time.Now(), From: s.user, Said: time.Now().Add(-time.Hour), Text: "gone", Reason: reason}
		r.Target, r.To = to(target)
		chat.pushOthers(s, r)
		return r, nil
	}
	chat.react = func(s *fakeSession, q Reacting) (*Reaction, error) {
		r := &Reaction{ID: "r1", Time: time.Now(), From: s.user, MsgID: q.MsgID, Text: q.Text}
		if q.Remove {
			r.Removed, r.By = "r1", s.user
		}
		r.Target, r.To = to(q.Target)
		chat.pushOthers(s, r)
		return r, nil
	}
	chat.setTopic = func(s *fakeSession, channel, text string) (*Topic, error) {
		topic := &Topic{Channel: channel, Text: text, By: s.user, Time: time.Now()}
		chat.pushOthers(s, topic)
		return topic, nil
	}
	return chat
}

func playRandom(t *testing.T, seed int, caps []string) {
	chat := busyChat(Features{Private: seed%4 != 0, Replies: seed%3 != 0, Reactions: seed%3 != 1})
	s := newTestServer(t, chat, func(o *Options) { o.DeleteNotices, o.Limits.LinesPerSecond = seed%2 == 0, 0 })
	bob := s.inChannel("bob", "#messages", "message-tags")
	c := &randomClient{
		Client: s.client(), t: t, r: rand.New(rand.NewPCG(uint64(seed), uint64(len(caps)))),
		caps: make(map[string]bool), open: make(map[string]bool), labels: make(map[string]bool),
	}
	c.LoginSASL("alice", "alice@example.com", "pw-alice")
	c.Send("CAP REQ :"+strings.Join(caps, " "), "JOIN #messages")
	for range 100 {
		switch c.r.IntN(5) {
		case 0:
			c.world(chat, bob)
		case 1:
			c.check()
		default:
			c.command()
		}
	}
	for _, ref := range []string{"a", "b", "c-1"} {
		c.Send("BATCH -" + ref)
	}
	synctest.Wait()
	c.check()
	if left := slices.Collect(maps.Values(c.open)); slices.Contains(left, true) {
		t.Errorf("not closed: %v", c.open)
	}
	if left := slices.Collect(maps.Values(c.labels)); slices.Contains(left, true) {
		t.Errorf("not answered: %v", c.labels)
	}
	bob.Sync()
}

// world is something that others do.
func (c *randomClient) world(chat *fakeChat, bob *ircdtest.Client) {
	bobs := testUser("bob")
	switch c.r.IntN(8) {
	case 0, 1:
		chat.say(bobs, "#messages", c.pick("hello", "two\nlines", strings.Repeat("long ", 300), "x\n\n\ny\n"))
	case 2, 3:
		bob.Send(c.pick("AWAY :x", "AWAY", "PART #messages", "JOIN #messages", "MODE bob +B", "PRIVMSG alice :psst", "PRIVMSG #messages :yo",
			"@+typing=active TAGMSG #messages", "@+typing=done TAGMSG alice", "INVITE alice #messages"))
	case 4:
		chat.push(&Redaction{MsgID: "b1", From: bobs, Target: "#messages", Said: time.Now(), Text: "good"}, nil)
	case 5:
		chat.push(&Reaction{ID: "r2", From: bobs, Target: "#messages", MsgID: "b1", Text: "+1"}, nil)
	case 6:
		chat.push(&ReadMarker{Target: "#messages", Time: time.Now()}, nil)
		chat.pushTo("alice", &Profile{Realname: c.pick("A", "B")})
	case 7:
		time.Sleep([]time.Duration{time.Second, multilineIdle + time.Second}[c.r.IntN(2)])
	}
}

// command is something that the client does.
func (c *randomClient) command() {
	target := c.pick("#messages", "#Messages", "#dev", "#nope", "bob", "ALICE", "kevin", "nobody", "!x")
	text := c.pick("hi", "\x01ACTION waves\x01", "\x01VERSION\x01", strings.Repeat("long words ", 120), strings.Repeat("é", 600), "\xfc\xff", " ", ":x")
	switch c.r.IntN(9) {
	case 0:
		c.say("", c.pick("JOIN ", "PART ")+c.pick("#messages", "#dev", "#messages,#dev", "#nope,#dev", "0"))
	case 1, 2:
		c.say(c.pick("", "+reply=b1", "batch=zz"), c.pick("PRIVMSG ", "NOTICE ")+c.pick("", "#dev,bob,")+target+" :"+text)
	case 3:
		c.ref = c.pick("a", "b", "c-1")
		c.say(c.pick("", "+reply=b1"), "BATCH +"+c.ref+" "+c.pick(multilineBatch, multilineBatch, "other")+" "+target)
		for range c.r.IntN(4) {
			c.say("batch="+c.ref+c.pick("", ";draft/multiline-concat"), c.pick("PRIVMSG ", "PRIVMSG ", "NOTICE ", "PING ")+target+" :"+text)
		}
	case 4:
		c.say("", "BATCH -"+c.pick(c.ref, c.ref, "zz"))
	case 5:
		c.say("", c.pick("MARKREAD "+target, "MARKREAD "+target+" timestamp=2000-01-01T00:00:00.000Z", "MARKREAD", "REDACT "+target+" b1 :why", "REDACT "+target+" unknown",
			"CHATHISTORY LATEST "+target+" * 5", "CHATHISTORY AROUND "+target+" msgid=b2 9", "CHATHISTORY TARGETS timestamp=1999-01-01T00:00:00Z timestamp=2030-01-01T00:00:00Z 10", "CHATHISTORY FOO"))
	case 6:
		c.say(c.pick("+typing=active", "+draft/react=x;+reply=b1", "+draft/unreact=x;+draft/reply=b1", "+draft/react=x", "account=bob"), "TAGMSG "+target)
	case 7:
		c.say("", c.pick("MONITOR + bob,kevin", "MONITOR - bob", "MONITOR S", "WHO #messages", "WHOIS bob,nobody", "NAMES", "LIST", "ISUPPORT", "HELP", "AWAY :x", "AWAY",
			"SETNAME x", "MODE alice +B", "MODE alice -B", "NICK bob", "TOPIC #messages :new", "INVITE bob #dev", "FOO", "PONG", "CAP LIST"))
	case 8:
		c.check() // all is answered under what was negotiated before
		c.say("", fmt.Sprintf("CAP REQ :%s%s", c.pick("", "-"), c.pick("batch", "echo-message", "labeled-response", "message-tags", "account-tag", multilineBatch, "draft/chathistory", "other")))
		c.check()
	}
}
