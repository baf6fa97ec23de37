package ircd

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/ircd/ircdtest"
)

// receipts is how often the only session was told that all has arrived.
func (f *fakeChat) receipts() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range f.sessions {
		return s.receipts
	}
	return -1
}

// onDevice logs kevin in with a session that wants to know what arrives, by lines
// of the test's own: no line is answered by itself.
func onDevice(t *testing.T) (*testServer, *ircdtest.Client) {
	chat := newFakeChat()
	chat.device = true
	s := newTestServer(t, chat, nil)
	c := s.client()
	c.SetPong(false)
	c.Send("PASS kevin@example.com:pw-kevin", "NICK kevin", "USER kevin 0 * :Kevin", "JOIN #messages")
	c.Expect("* 366 *")
	return s, c
}

// quiet fails if the client is sent anything before the time is over.
func quiet(t *testing.T, c *ircdtest.Client, d time.Duration) {
	t.Helper()
	time.Sleep(d)
	c.Send("TIME")
	c.ExpectNext("* 391 *")
}

// A client is asked what has arrived after it was shown something, once for all that
// comes meanwhile, and again when it has answered.
func TestReceipts(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s, c := onDevice(t)
		bob := testUser("bob")
		say := func(texts ...string) {
			for _, text := range texts {
				s.chat.say(bob, "#messages", text)
				c.ExpectNext("* PRIVMSG #messages :" + text)
			}
		}
		quiet(t, c, time.Second)
		s.chat.say(bob, "#messages", "one")
		c.ExpectNext("* PRIVMSG #messages :one")
		c.ExpectNext("PING :seen-1")
		say("two", "three")
		quiet(t, c, time.Minute) // one question at a time
		c.Send("PONG :something else", "PONG nonsense", "PONG kevin")
		quiet(t, c, time.Minute)
		if n := s.chat.receipts(); n != 0 {
			t.Errorf("%d receipts without an answer", n)
		}
		c.Send("PONG :seen-1")
		c.ExpectNext("PING :seen-2") // for the two
		c.Send("PONG irc.test :seen-2")
		synctest.Wait()
		if n := s.chat.receipts(); n != 2 {
			t.Errorf("%d receipts", n)
		}
		say("four")
		quiet(t, c, receiptPause/2)
		time.Sleep(receiptPause)
		c.ExpectNext("PING :seen-3")
		c.Send("PONG seen-3 irc.test")
		quiet(t, c, time.Minute)
		if n := s.chat.receipts(); n != 3 {
			t.Errorf("%d receipts", n)
		}
	})
}

// sic answers "PONG " where it finds no colon, ii "PONG (null)": such answers count
// in their order, those to the PING of a silent client included.
func TestReceiptsWithoutToken(t *testing.T) {
	for _, pong := range []string{"PONG ", "PONG (null)", "PONG", "PONG :"} {
		t.Run(pong, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				s, c := onDevice(t)
				time.Sleep(pingAfter)
				c.ExpectNext("PING :irc.test")
				s.chat.say(testUser("bob"), "#messages", "one")
				c.ExpectNext("* PRIVMSG #messages :one")
				c.ExpectNext("PING :seen-1")
				for i := range 2 {
					if n := s.chat.receipts(); n != 0 {
						t.Errorf("received after %d answers", i)
					}
					c.Send(pong)
					synctest.Wait()
				}
				if n := s.chat.receipts(); n != 1 {
					t.Errorf("%d receipts", n)
				}
				c.Send(pong)
				quiet(t, c, time.Second)
				if n := s.chat.receipts(); n != 1 {
					t.Errorf("%d receipts", n)
				}
			})
		})
	}
}

// The answers do not count as lines of the client's own.
func TestReceiptsAreNotPaced(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		chat.device = true
		s := newTestServer(t, chat, func(o *Options) { o.Limits.LinesPerSecond, o.Limits.Burst = 0.1, 5 })
		c := s.client()
		c.Send("PASS kevin@example.com:pw-kevin", "NICK kevin", "USER kevin 0 * :Kevin", "JOIN #messages")
		c.Expect("* 366 *")
		for range 10 {
			chat.say(testUser("bob"), "#messages", "hello")
			c.Expect("PING :seen-*")
			time.Sleep(time.Second)
		}
		if n := chat.receipts(); n != 10 {
			t.Errorf("%d receipts", n)
		}
	})
}

// A client that never answers is left alone after a while, and stays connected.
func TestReceiptsUnanswered(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s, c := onDevice(t)
		for range 2 * maxPings {
			time.Sleep(pingAfter)
			c.Expect("PING :irc.test")
			quiet(t, c, time.Second)
		}
		s.chat.say(testUser("bob"), "#messages", "one")
		c.ExpectNext("* PRIVMSG #messages :one")
		quiet(t, c, time.Minute)
	})
}

// A client that is told of the end of the server is asked before, and its answer
// still counts.
func TestReceiptAtTheEnd(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s, c := onDevice(t)
		s.chat.say(testUser("bob"), "#messages", "one")
		c.Expect("PING :seen-1")
		c.Send("PONG :seen-1")
		s.chat.say(testUser("bob"), "#messages", "two")
		c.Expect("* PRIVMSG #messages :two")
		var session *fakeSession
		s.chat.mu.Lock()
		for session = range s.chat.sessions {
		}
		s.chat.mu.Unlock()
		go s.stop(errors.New("bye"))
		c.ExpectNext("PING :seen-2")
		c.Send("PONG :seen-2")
		c.ExpectNext("ERROR :*bye*")
		c.Closed()
		if session.receipts != 2 {
			t.Errorf("%d receipts", session.receipts)
		}
	})
}
