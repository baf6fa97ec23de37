package ircd

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"directus-ircd/ircd/ircdtest"
	"directus-ircd/ircd/presence"
	"directus-ircd/ircd/wire"
)

// TestLabelledLines: the label of a line is read even where the line is too long
// or in no known character set.
func TestLabelledLines(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, nil)
		c := s.inChannel("alice", "#messages", "labeled-response", "batch", "echo-message")
		c.Send("@label=1 PRIVMSG #messages :" + strings.Repeat("x", 9000))
		c.ExpectNext("@label=1 :irc.test 417 alice :*")
		c.Send("@label=2;+x=" + strings.Repeat("x", 5000) + " PRIVMSG #messages :x")
		c.ExpectNext(":irc.test 417 alice :*")
		c.Send("@label=3 PRIVMSG #messages :caf\xe9")
		c.ExpectNext("@label=3 :irc.test BATCH +1 labeled-response")
		c.ExpectNext("@batch=1 :irc.test NOTICE alice :Your client does not send UTF-8.*")
		c.ExpectNext("@batch=1 :alice!u@directus PRIVMSG #messages :café")
		c.ExpectNext(":irc.test BATCH -1")
		if got := chat.texts(); got != "café" {
			t.Errorf("stored %q", got)
		}
	})
}

// TestLabelAlone: what others do and say meanwhile is no part of an answer, but
// keeps its place before it.
func TestLabelAlone(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, nil)
		c := s.inChannel("alice", "#messages", "labeled-response", "batch", "echo-message")
		chat.send = func(f *fakeSession, out Outgoing) (*Message, error) {
			chat.say(testUser("bob"), "#messages", "before")
			s.roster.Join(s.roster.Attach(testUser("kevin"), presence.NewInbox(nil), "", false), "#messages", nil)
			return &Message{ID: "own", Time: time.Now(), From: f.user, Target: out.Target, Text: out.Text}, nil
		}
		c.Send("@label=a PRIVMSG #messages :one")
		expectAll(t, c.Sync(), []string{
			":kevin!u@directus JOIN :#messages",
			":bob!u@directus PRIVMSG #messages :before",
			"@label=a :alice!u@directus PRIVMSG #messages :one",
		})
		c.Send("@label=b PRIVMSG #nowhere,#messages :two")
		expectAll(t, c.Sync(), []string{
			"@label=b :irc.test BATCH +1 labeled-response",
			"@batch=1 :irc.test 403 alice #nowhere :No such channel",
			":bob!u@directus PRIVMSG #messages :before",
			"@batch=1 :alice!u@directus PRIVMSG #messages :two",
			":irc.test BATCH -1",
		})
		chat.backlog["#dev"] = []*Message{{ID: "b", From: testUser("bob"), Target: "#dev", Text: "long ago", Time: time.Now()}}
		c.Send("@label=c JOIN #dev,#nowhere")
		expectAll(t, c.Sync(), []string{
			"@label=c :irc.test BATCH +2 labeled-response",
			"@batch=2 :alice!u@directus JOIN :#dev",
			"@batch=2 :irc.test 353 alice = #dev :alice",
			"@batch=2 :irc.test 366 alice #dev :End of /NAMES list",
			":irc.test BATCH +3 chathistory #dev",
			"@batch=3 :bob!u@directus PRIVMSG #dev :[00:00] long ago",
			":irc.test BATCH -3",
			"@batch=2 :irc.test 403 alice #nowhere :no such channel",
			":irc.test BATCH -2",
		})
	})
}

// TestNoLabel: what is no label, or of no use to the client, is no tag of an
// answer.
func TestNoLabel(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, newFakeChat(), nil)
		both, alone, none := s.user("alice", "labeled-response", "batch"), s.user("bob", "labeled-response"), s.user("kevin", "batch")
		pong := ":irc.test PONG irc.test :x"
		for _, tc := range []struct {
			c     *ircdtest.Client
			label string
			want  string
		}{
			{both, "a", "@label=a " + pong},
			{both, "", pong},
			{both, strings.Repeat("a", maxLabel), "@label=" + strings.Repeat("a", maxLabel) + " " + pong},
			{both, strings.Repeat("a", maxLabel+1), pong},
			{alone, "a", pong},
			{none, "a", pong},
		} {
			tc.c.Send("@label="+tc.label+" PING x", "PING y")
			expectAll(t, []string{tc.c.Expect("* PONG *"), tc.c.Expect("* PONG *")}, []string{tc.want, ":irc.test PONG irc.test :y"})
		}
	})
}

// TestLongLabelledAnswer: an answer of any length is one batch, and is not held
// back until it is complete.
func TestLongLabelledAnswer(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, nil)
		c := s.inChannel("alice", "#messages", "labeled-response", "batch", "echo-message")
		c.Send("@label=x PRIVMSG #messages :" + strings.Repeat("word ", 1600))
		c.ExpectNext("@label=x :irc.test BATCH +1 labeled-response")
		n := 0
		for ; !isFirst(c, ":irc.test BATCH -1", "@batch=1 :alice!u@directus PRIVMSG #messages :word *"); n++ {
		}
		if n < 16 {
			t.Errorf("%d lines of text", n)
		}
		for i := range 300 {
			s.roster.Join(s.roster.Attach(testUser(fmt.Sprintf("somebody%03d", i)), presence.NewInbox(nil), "", false), "#messages", nil)
		}
		c.Sync()
		c.Send("@label=y WHO #messages")
		c.ExpectNext("@label=y :irc.test BATCH +2 labeled-response")
		for n = 0; !isFirst(c, ":irc.test BATCH -2", "@batch=2 :irc.test *"); n++ {
		}
		if n != 302 {
			t.Errorf("%d lines for WHO", n)
		}
	})
}

// isFirst takes a line, which must match the first or the second pattern, and
// tells whether it is the first.
func isFirst(c *ircdtest.Client, first, second string) bool {
	return ircdtest.Match(first, c.Expect(first, second))
}

// TestLabelAtTheEnd: whoever is refused reads the answer before ERROR, which is
// the answer if there is no other.
func TestLabelAtTheEnd(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, newFakeChat(), nil)
		c := s.client()
		c.Send("CAP REQ :labeled-response batch", "NICK alice", "USER alice 0 * :x", "@label=end CAP END")
		c.Expect("* ACK :*")
		c.ExpectNext("@label=end :irc.test 464 alice :*")
		c.ExpectNext("ERROR :Closing link: No password given: *")
		c.Closed()
	})
}

// labelConn is a connection whose output can be read in out1.
func labelConn(t *testing.T) *conn {
	s := NewServer(newFakeChat(), testOptions(t))
	return &conn{srv: s, nick: "alice", caps: capBatch | capLabeledResponse, log: s.log}
}

func (c *conn) taken() []string {
	text := string(c.out1)
	c.out1 = c.out1[:0]
	return strings.Split(strings.TrimSuffix(text, "\r\n"), "\r\n")
}

func TestOpenAnswer(t *testing.T) {
	c := labelConn(t)
	page := func(open func() batch) {
		outer := open()
		inner := c.openBatch(outer, []wire.Tag{{Key: "msgid", Value: "m"}}, "draft/multiline", "#c")
		c.sendIn(inner, &wire.Line{Command: "A"})
		c.closeBatch(inner)
		c.sendIn(outer, &wire.Line{Command: "B"})
		c.closeBatch(outer)
	}
	whole := func() batch {
		return c.openAnswer([]wire.Tag{{Key: "draft/chathistory-end", Value: ""}}, "chathistory", "#c")
	}
	part := func() batch { return c.openBatch(batch{}, nil, "chathistory", "#c") }

	c.beginResponse("x")
	page(whole)
	c.endResponse()
	expectAll(t, c.taken(), []string{
		"@label=x;draft/chathistory-end :irc.test BATCH +1 chathistory #c",
		"@batch=1;msgid=m :irc.test BATCH +2 draft/multiline #c",
		"@batch=2 A",
		"@batch=1 :irc.test BATCH -2",
		"@batch=1 B",
		":irc.test BATCH -1",
	})

	c.beginResponse("y")
	page(part)
	c.endResponse()
	expectAll(t, c.taken(), []string{
		"@label=y :irc.test BATCH +3 labeled-response",
		"@batch=3 :irc.test BATCH +4 chathistory #c",
		"@batch=4;msgid=m :irc.test BATCH +5 draft/multiline #c",
		"@batch=5 A",
		"@batch=4 :irc.test BATCH -5",
		"@batch=4 B",
		"@batch=3 :irc.test BATCH -4",
		":irc.test BATCH -3",
	})

	// All of the answer after all, but for what was said before.
	c.beginResponse("z")
	c.notice("first")
	page(whole)
	c.endResponse()
	expectAll(t, c.taken()[:3], []string{
		"@label=z :irc.test BATCH +6 labeled-response",
		"@batch=6 :irc.test NOTICE alice :first",
		"@batch=6;draft/chathistory-end :irc.test BATCH +7 chathistory #c",
	})

	// Unasked, in the middle of an answer and without one.
	c.beginResponse("w")
	back := c.aside()
	page(part)
	back()
	c.notice("answer")
	c.endResponse()
	page(whole)
	got := c.taken()
	expectAll(t, []string{got[0], got[6], got[7]}, []string{
		":irc.test BATCH +9 chathistory #c",
		"@label=w :irc.test NOTICE alice :answer",
		"@draft/chathistory-end :irc.test BATCH +b chathistory #c",
	})
}

func TestDeferLabel(t *testing.T) {
	c := labelConn(t)
	c.beginResponse("open")
	label := c.deferLabel()
	c.endResponse()
	c.beginResponse("other")
	c.endResponse()
	c.beginResponse("close")
	c.beginResponse(label)
	c.notice("answer")
	c.endResponse()
	expectAll(t, c.taken(), []string{
		"@label=other :irc.test ACK",
		"@label=close :irc.test ACK",
		"@label=open :irc.test NOTICE alice :answer",
	})
	c.beginResponse("told")
	c.notice("answer")
	if label := c.deferLabel(); label != "" {
		t.Errorf("%q can be answered twice", label)
	}
	c.endResponse()
	c.taken()
	if label := c.deferLabel(); label != "" {
		t.Errorf("%q where there is none", label)
	}
}
