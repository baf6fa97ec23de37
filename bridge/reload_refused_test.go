package bridge_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// Who could not read the collection for a while, or less of it, costs the same subscriptions
// afterwards as after a start, also if the configuration has become another meanwhile.
func TestSubscriptionsAfterRefusal(t *testing.T) {
	answering := func(names ...string) (channels []collection.Config) {
		for _, name := range names {
			ch := part(name, name)
			ch.Fields.Reply, ch.AutoJoin = "reply", false
			channels = append(channels, ch)
		}
		return channels
	}
	const person = "user1" // the rights of whom change
	denied := func(c *chat) { c.fake.Deny(c.person(person), "messages", "read") }
	granted := func(c *chat) { c.fake.Allow(c.person(person), "messages", "read") }
	fields := []string{"id", "text", "user_created", "date_created", "nonce", "channel"}
	for name, test := range map[string]struct {
		lose, regain func(c *chat)
		reload       bool
	}{
		"reloaded without the right": {lose: denied, regain: granted, reload: true},
		"reloaded, then a rule": {lose: denied, reload: true, regain: func(c *chat) {
			granted(c)
			c.fake.Restrict(c.person(person), "messages", map[string]any{"id": map[string]any{"_gt": 0}})
		}},
		"a field not to be read": {
			lose:   func(c *chat) { c.fake.OnlyFields(c.person(person), "messages", "read", fields...) },
			regain: func(c *chat) { c.fake.OnlyFields(c.person(person), "messages", "read", append(fields, "reply")...) },
		},
	} {
		for _, version := range []string{"12.4.0", "10.13.4"} {
			if version[:2] == "10" && !test.reload {
				continue // it does not tell that a field may be read again
			}
			t.Run(fmt.Sprint(name, " on ", version), func(t *testing.T) {
				start := func(t *testing.T, channels []collection.Config) *chat {
					c := newChatAt(t, directustest.FakeOptions{Version: version}, nil, channels...)
					c.fake.AddCollection("messages", directustest.FakeCollection{
						Fields: []string{"text", "nonce", "channel", "reply"}, Unique: []string{"nonce"},
					})
					return c
				}
				people := func(c *chat) (all []*resident) {
					for i := range 3 {
						all = append(all, &resident{c.visit(fmt.Sprint("user", i), "#a", "#b"), map[string]int{}})
					}
					return all
				}
				before := answering("a", "b")
				after := before
				if test.reload {
					after = answering("a", "b", "c")
				}
				var fresh int
				ircdtest.Bubble(t, func(t *testing.T) {
					c := start(t, after)
					test.regain(c)
					for _, r := range people(c) {
						r.settle()
					}
					fresh = c.fake.Subscriptions()
				})
				ircdtest.Bubble(t, func(t *testing.T) {
					c := start(t, before)
					all := people(c)
					pass := func() {
						for range 15 { // minutes
							for _, r := range all {
								r.settle()
							}
							time.Sleep(time.Minute)
						}
					}
					test.lose(c)
					pass()
					if test.reload {
						c.configure(nil, after...)
						pass()
					}
					test.regain(c)
					pass()
					c.fake.Insert("messages", c.person("walt"), map[string]any{"text": "hello", "channel": "b"})
					for _, r := range all {
						r.settle()
						if n := r.lines["#b hello"]; n != 1 {
							t.Errorf("shown %d times", n)
						}
					}
					if got := c.fake.Subscriptions(); got != fresh {
						t.Errorf("%d subscriptions in the end, %d after a start", got, fresh)
					}
					for _, r := range all {
						r.session.Close(context.Background())
					}
				})
			})
		}
	}
}
