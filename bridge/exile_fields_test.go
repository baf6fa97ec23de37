package bridge_test

import (
	"testing"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// withReplies is a chat in which messages answer each other, and bob writes.
func withReplies(t *testing.T, channels ...collection.Config) (c *chat, write func(text string)) {
	c = newChat(t, nil, channels...)
	c.fake.AddCollection("messages", directustest.FakeCollection{
		Fields: []string{"text", "nonce", "reply_to", "room"}, Relations: map[string]string{"reply_to": "messages"},
	})
	bob := c.person("bob")
	return c, func(text string) {
		c.fake.Insert("messages", bob, map[string]any{"text": text, "room": "here"})
		time.Sleep(100 * time.Millisecond)
	}
}

// Who may not read a field any more that a channel can do without reads it without: the
// client comes back at once, and is shown once what was written meanwhile. So does who may
// read nothing for a while, and then all but that field.
func TestExileByAField(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		channel := messages("messages")
		channel.Fields.Reply = "reply_to"
		c, write := withReplies(t, channel)
		write("before")
		ada := c.visit("ada", "#messages")
		write("live")
		same(t, ada.news(), "bob says *: live")

		c.fake.OnlyFields(ada.id, "messages", "read", "id", "text", "user_created", "date_created", "nonce")
		write("narrowed")
		same(t, ada.news(), exiled)
		write("and more")
		same(t, ada.returnsWithin(5*time.Second), recalled, "bob says *: narrowed", "bob says *: and more")
		write("here again")
		same(t, ada.news(), "bob says *: here again")
		if got := history(t, ada.session, ircd.HistoryQuery{Target: "#messages", Mode: ircd.HistoryLatest, Limit: 10}); len(got) != 5 {
			t.Errorf("a history of %d messages", len(got))
		}
	})
	ircdtest.Bubble(t, func(t *testing.T) {
		channel := messages("messages")
		channel.Fields.Reply = "reply_to"
		c, write := withReplies(t, channel)
		ada := c.visit("ada", "#messages")
		c.fake.Deny(ada.id, "messages", "read")
		write("denied")
		same(t, ada.later(5*time.Minute), exiled)
		begin, tries := time.Now(), c.fake.Count("ws subscribe")
		for range 100 {
			same(t, ada.later(6*time.Second))
			feeds := c.backend.Stats().Feeds
			for range 3 { // a try to read less ends soon
				same(t, ada.news())
				feeds = min(feeds, c.backend.Stats().Feeds)
			}
			if feeds != 1 {
				t.Fatalf("%d feeds are open of one channel that may not be read", feeds)
			}
		}
		if n, passed := c.fake.Count("ws subscribe")-tries, time.Since(begin); n > 3*int(passed/(90*time.Second))+3 { // a try takes up to three
			t.Errorf("%d subscriptions in %v", n, passed)
		}
		c.fake.OnlyFields(ada.id, "messages", "read", "id", "text", "user_created", "date_created", "nonce")
		c.fake.Allow(ada.id, "messages", "read")
		write("narrowed")
		same(t, ada.returnsWithin(5*time.Minute), recalled, "bob says *: denied", "bob says *: narrowed")
	})
}

// Nor does a field that another channel of the collection is told apart by keep anybody
// out of this one.
func TestExileByAFieldOfAnotherChannel(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		one, other := messages("messages"), messages("messages")
		other.Name, other.Filter = "#here", map[string]any{"room": map[string]any{"_eq": "here"}}
		c, write := withReplies(t, one, other)
		ada := c.visit("ada", "#messages", "#here")
		c.fake.OnlyFields(ada.id, "messages", "read", "id", "text", "user_created", "date_created", "nonce")
		write("narrowed")
		same(t, ada.news(), exiled, exiled)
		same(t, ada.returnsWithin(5*time.Second), recalled, "bob says in #messages: narrowed")
		write("here again")
		same(t, ada.later(10*time.Minute), "bob says in #messages: here again")
	})
}
