package ircd

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"directus-ircd/ircd/ircdtest"
	"directus-ircd/ircd/wire"
)

// Whatever the server says is dated by the clock of the chat, as messages are: clients
// put the lines in order by their times.
func TestTimesAreThoseOfTheChat(t *testing.T) {
	for _, ahead := range []time.Duration{-26 * time.Hour, 3 * time.Hour} {
		ircdtest.Bubble(t, func(t *testing.T) {
			chat := newFakeChat()
			chat.ahead = ahead
			s := newTestServer(t, chat, nil)
			bob := s.inChannel("bob", "#messages")
			c := s.inChannel("alice", "#messages", "server-time", "message-tags", "away-notify", "draft/message-redaction")
			bob.Send("AWAY :out", "PART #messages", "JOIN #messages")
			chat.say(testUser("bob"), "#messages", "hello")
			chat.push(&Redaction{MsgID: "m1", From: testUser("bob"), Target: "#messages"}, nil)
			bob.Sync()
			c.Send("WHOIS bob", "VERSION", "PRIVMSG #nowhere :x", "PART #messages")
			now := chat.Now()
			lines := 0
			for _, line := range c.Sync() {
				value, ok := strings.CutPrefix(line, "@time=")
				if !ok {
					continue
				}
				lines++
				value, _, _ = strings.Cut(strings.Fields(value)[0], ";")
				if at, err := time.Parse(wire.TimeFormat, value); err != nil || at.Sub(now).Abs() > time.Minute {
					t.Errorf("ahead %v: %q, where it is %v", ahead, line, now)
				}
			}
			if lines < 15 {
				t.Errorf("ahead %v: only %d lines have a time", ahead, lines)
			}
			c.Send("TIME", "WHOIS bob")
			c.Expect("* 391 * :" + now.UTC().Format(time.RFC1123Z))
			c.Expect("* 317 alice bob * " + strconv.FormatInt(now.Unix(), 10) + " *")
			bob.Send("QUIT")
			bob.Closed()
			c.Send("JOIN #messages", "WHOWAS bob")
			c.Expect("* 312 alice bob * :" + now.UTC().Format(time.RFC1123Z))
		})
	}
}

// What old messages say of their day is said by the clock of the chat, too.
func TestDayIsThatOfTheChat(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		chat.ahead = 50 * time.Hour
		chat.backlog["#dev"] = []*Message{{ID: "b", From: testUser("bob"), Target: "#dev", Text: "long ago", Time: chat.Now(), Replayed: true}}
		s := newTestServer(t, chat, nil)
		c := s.user("alice")
		c.Send("JOIN #dev")
		c.Expect(":bob!* PRIVMSG #dev :[" + chat.Now().UTC().Format("15:04") + "] long ago")
	})
}
