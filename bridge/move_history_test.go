package bridge_test

import (
	"testing"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// changed is the channel of the messages, configured otherwise in a way that shows nothing.
func changed(i int) collection.Config {
	c := messages("messages")
	c.Filter = map[string]any{"id": map[string]any{"_gte": -i}}
	return c
}

// Who says something while the channel is on its way to another configuration is told the
// time of it, where that takes a look at the history.
func TestSendDuringAMove(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		c.fake.AddCollection("messages", directustest.FakeCollection{Fields: []string{"text", "nonce"}, Dates: directustest.WholeSeconds})
		ada := c.visit("ada", "#messages")
		c.configure(nil, changed(1))
		same(t, ada.news())
		m, err := ada.session.Send(t.Context(), ircd.Outgoing{Target: "#messages", Text: "hello", Echo: true})
		if err != nil || time.Since(m.Time).Abs() > 2*time.Second {
			t.Errorf("sent: %v, %v", m, err)
		}
		same(t, ada.later(time.Minute))
	})
}

// Who comes back into a channel that is on its way to another configuration, once more, is
// shown what was written meanwhile.
func TestReturnDuringAMove(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		bob := c.person("bob")
		ada := c.visit("ada", "#messages")
		c.fake.Insert("messages", bob, map[string]any{"text": "before"})
		same(t, ada.news(), "bob says *: before")
		c.fake.Deny(ada.id, "messages", "read")
		same(t, ada.later(5*time.Minute), exiled)
		c.configure(nil, changed(1))
		for range 5 {
			same(t, ada.later(time.Second))
		}
		c.fake.Insert("messages", bob, map[string]any{"text": "meanwhile"})
		c.fake.Allow(ada.id, "messages", "read")
		time.Sleep(5 * time.Minute)
		c.configure(nil, changed(2))
		same(t, ada.returns(0), recalled, "bob says *: meanwhile")
		c.fake.Insert("messages", bob, map[string]any{"text": "after"})
		same(t, ada.later(time.Second), "bob says *: after")
		same(t, ada.later(time.Minute))
	})
}
