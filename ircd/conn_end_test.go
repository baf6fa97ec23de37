package ircd

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/ircd/ircdtest"
)

// What has come when the server ends, and is not handled any more, its sender is told of:
// nobody is to take it for stored.
func TestRefuseWaiting(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		chat.send = func(s *fakeSession, out Outgoing) (*Message, error) {
			<-s.ctx.Done()
			return nil, &Error{Numeric: "404", Params: []string{out.Target}, Text: "Perhaps sent"}
		}
		s := newTestServer(t, chat, nil)
		c := s.user("alice", "batch", "labeled-response", "message-tags")
		c.Send("JOIN #messages")
		c.Expect("* 366 *")
		c.Send("PRIVMSG #messages :one", "@label=x PRIVMSG #messages,#dev :two", "AWAY :lunch", "NOTICE bob :three", "PRIVMSG #messages")
		synctest.Wait()
		go s.stop(errors.New("gone for lunch"))
		for _, line := range []string{
			":irc.test 404 alice #messages :Perhaps sent",
			"@label=x :irc.test BATCH +1 labeled-response",
			"@batch=1 :irc.test 404 alice #messages :Not sent: gone for lunch",
			"@batch=1 :irc.test 404 alice #dev :Not sent: gone for lunch",
			":irc.test BATCH -1",
			":directus!service@irc.test NOTICE alice :A NOTICE to bob is lost *: Not sent: gone for lunch",
			":irc.test 404 alice #messages :Not sent: gone for lunch",
			"ERROR :Closing link: gone for lunch",
		} {
			c.ExpectNext(line)
		}
	})
}

// So is the sender of more than flood control lets through: what it holds back, and all
// that waits behind that, has come as well.
func TestRefuseHeldBack(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		const burst, more = 20, 5
		s := newTestServer(t, newFakeChat(), func(o *Options) { o.Limits.LinesPerSecond, o.Limits.Burst = 1, burst })
		c := s.inChannel("alice", "#messages")
		time.Sleep(burst * time.Second) // the whole burst is there again
		for i := range burst + more {
			c.Send(fmt.Sprintf("PRIVMSG #messages :%d", i))
		}
		c.Send("AWAY :lunch")
		synctest.Wait()
		go s.stop(errors.New("gone for lunch"))
		for range more {
			c.ExpectNext(":irc.test 404 alice #messages :Not sent: gone for lunch")
		}
		c.ExpectNext("ERROR :Closing link: gone for lunch")
		if got := s.chat.count(); got != burst {
			t.Errorf("%d were stored, want %d", got, burst)
		}
	})
}

// The same while the last receipt of a device is waited for.
func TestRefuseBeforeReceipt(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s, c := onDevice(t)
		s.chat.say(testUser("bob"), "#messages", "one")
		c.ExpectNext("* PRIVMSG #messages :one")
		c.ExpectNext("PING :seen-1")
		go s.stop(errors.New("gone for lunch"))
		synctest.Wait()
		c.Send("PRIVMSG #messages :two", "PONG :seen-1")
		c.ExpectNext(":irc.test 404 kevin #messages :Not sent: gone for lunch")
		c.ExpectNext("ERROR :Closing link: gone for lunch")
		if got := s.chat.texts(); got != "one" {
			t.Errorf("stored %q", got)
		}
	})
}

// What was done while the server ends is told, for whoever hears nothing does it again.
func TestDoneAtTheEnd(t *testing.T) {
	for send, want := range map[string][]string{
		"PRIVMSG #messages :hello": {"@label=x;msgid=m1 :alice!u@directus PRIVMSG #messages :hello"},
		"PRIVMSG #messages,#dev,bob :hello": {
			"@label=x :irc.test BATCH +1 labeled-response",
			"@batch=1;msgid=m1 :alice!u@directus PRIVMSG #messages :hello",
			"@batch=1 :irc.test 404 alice #dev :Not sent: the connection ends",
			"@batch=1 :irc.test 404 alice bob :Not sent: the connection ends",
			":irc.test BATCH -1",
		},
		"REDACT #messages m0":  {"@label=x :alice!u@directus REDACT #messages m0"},
		"TAGMSG #messages":     {"@label=x;msgid=r1;+reply=m0;+draft/reply=m0;+draft/react=y :alice!u@directus TAGMSG #messages"},
		"TOPIC #messages :new": {"@label=x :alice!u@directus TOPIC #messages :new"},
	} {
		ircdtest.Bubble(t, func(t *testing.T) {
			const takes = time.Second
			chat := newFakeChat()
			chat.features.Reactions = true
			chat.send = func(fs *fakeSession, out Outgoing) (*Message, error) {
				time.Sleep(takes)
				return &Message{ID: "m1", Time: time.Now(), From: fs.user, Target: out.Target, Text: out.Text}, nil
			}
			chat.redact = func(fs *fakeSession, target, msgid, _ string) (*Redaction, error) {
				time.Sleep(takes)
				return &Redaction{MsgID: msgid, From: fs.user, By: fs.user, Target: target}, nil
			}
			chat.react = func(fs *fakeSession, r Reacting) (*Reaction, error) {
				time.Sleep(takes)
				return &Reaction{ID: "r1", From: fs.user, Target: r.Target, MsgID: r.MsgID, Text: r.Text}, nil
			}
			chat.setTopic = func(_ *fakeSession, channel, topic string) (*Topic, error) {
				time.Sleep(takes)
				return &Topic{Channel: channel, Text: topic}, nil
			}
			s := newTestServer(t, chat, nil)
			c := s.user("alice", "batch", "labeled-response", "message-tags", "echo-message", "draft/message-redaction")
			c.Send("JOIN #messages")
			c.Expect("* 366 *")
			c.Send("@label=x;+draft/react=y;+reply=m0 " + send)
			synctest.Wait()
			go s.stop(errors.New("gone for lunch"))
			for _, line := range want {
				c.ExpectNext(line)
			}
			c.ExpectNext("ERROR :Closing link: gone for lunch")
		})
	}
}
