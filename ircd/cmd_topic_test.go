package ircd

import (
	"strings"
	"testing"
	"time"

	"directus-ircd/ircd/ircdtest"
	"directus-ircd/ircd/wire"
)

// topicChat has topics that may be set, and tells the other sessions.
func topicChat(by User) *fakeChat {
	chat := newFakeChat()
	chat.setTopic = func(s *fakeSession, channel, topic string) (*Topic, error) {
		t := &Topic{Channel: channel, Text: topic, By: by, Time: time.Now()}
		chat.mu.Lock()
		defer chat.mu.Unlock()
		chat.topics[channel] = topic
		for o := range chat.sessions {
			if o != s && o.joined[wire.Fold(channel)] {
				o.queue = append(o.queue, t)
				o.wake.Ring()
			}
		}
		return t, nil
	}
	return chat
}

// TestTopic: a topic that is set is told to everybody in the channel, and
// remembered with who set it.
func TestTopic(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, topicChat(testUser("alice")), nil)
		alice, second := s.inChannel("alice", "#messages", "server-time", "account-tag"), s.inChannel("alice", "#messages")
		bob, kevin := s.inChannel("bob", "#messages", "server-time", "account-tag"), s.user("kevin")
		for _, c := range []*ircdtest.Client{alice, second, bob} {
			synced(c)
		}
		time.Sleep(30 * time.Second)
		alice.Send("TOPIC #Messages :What we\x02 do\x01 today")
		alice.ExpectNext("@account=acc-alice;time=2000-01-01T00:00:30.000Z :alice!u@directus TOPIC #messages :What we\x02 do today")
		bob.ExpectNext("@account=acc-alice;time=2000-01-01T00:00:30.000Z :alice!u@directus TOPIC #messages :What we\x02 do today")
		second.ExpectNext(":alice!u@directus TOPIC #messages :What we\x02 do today")
		bob.Send("TOPIC #messages")
		bob.ExpectNext(":irc.test 332 bob #messages :What we\x02 do today")
		bob.ExpectNext("@time=* :irc.test 333 bob #messages alice!u@directus 946684830")
		bob.Send("TOPIC #messages :")
		second.ExpectNext(":alice!u@directus TOPIC #messages :")
		second.Send("TOPIC #messages")
		second.ExpectNext(":irc.test 331 alice #messages :No topic is set")
		kevin.Send("TOPIC #messages :x", "TOPIC #nowhere :x", "TOPIC #messages")
		expectAll(t, synced(kevin), []string{
			":irc.test 442 kevin #messages :You are not in that channel", ":irc.test 403 kevin #nowhere :No such channel", ":irc.test 331 kevin #messages :No topic is set",
		})
	})
}

// TestTopicOfNobody: who set it is not known.
func TestTopicOfNobody(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, topicChat(User{}), nil)
		alice, bob := s.inChannel("alice", "#messages"), s.inChannel("bob", "#messages")
		synced(alice)
		alice.Send("TOPIC #messages :new")
		alice.ExpectNext(":alice!u@directus TOPIC #messages :new")
		bob.ExpectNext(":directus!service@irc.test TOPIC #messages :new")
		bob.Send("TOPIC #messages")
		expectAll(t, synced(bob), []string{":irc.test 332 bob #messages :new"})
	})
}

// TestTopicLength: TOPICLEN holds, whatever the names are: a topic is shown whole
// or refused.
func TestTopicLength(t *testing.T) {
	for _, name := range []string{"irc.test", strings.Repeat("s", maxServerName)} {
		ircdtest.Bubble(t, func(t *testing.T) {
			chat := topicChat(User{})
			channel := "#" + strings.Repeat("c", wire.ChannelLen-1)
			nick := strings.Repeat("n", wire.NickLen)
			chat.topics[channel] = ""
			chat.accounts["x"] = User{ID: "x", Nick: nick, Username: "u", Host: "directus"}
			s := newTestServer(t, chat, func(o *Options) { o.Name = name })
			c := s.client()
			c.LoginPass(nick, "x")
			c.Send("JOIN " + channel)
			c.Expect("* 366 *")
			c.Send("TOPIC " + channel + " :" + strings.Repeat("t", s.settings.Load().topicLen()+1))
			c.ExpectNext("* 400 " + nick + " TOPIC " + channel + " :The topic is not changed: *")
			topic := strings.Repeat("t", s.settings.Load().topicLen())
			c.Send("TOPIC "+channel+" :"+topic, "TOPIC "+channel)
			c.ExpectNext(":" + nick + "!u@directus TOPIC " + channel + " :" + topic)
			c.ExpectNext(":" + name + " 332 " + nick + " " + channel + " :" + topic)
		})
	}
}
