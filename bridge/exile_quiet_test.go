package bridge_test

import (
	"testing"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// Who may not read a channel costs no subscriptions as long as Directus says so, with
// however many clients, and few where it does not say. Less of it may be read soon after
// Directus has said that.
func TestExileIsQuiet(t *testing.T) {
	const clients = 3
	for version, tries := range map[string]int{"12.4.0": 0, "10.13.4": 2} {
		t.Run(version, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				channel := part("here", "here")
				channel.Fields.Reply = "reply"
				c := newChatAt(t, directustest.FakeOptions{Version: version}, nil, channel)
				c.fake.AddCollection("messages", directustest.FakeCollection{
					Fields: []string{"text", "nonce", "channel", "reply"}, Unique: []string{"nonce"},
				})
				var all []*resident
				for range clients {
					all = append(all, &resident{c.visit("ada", "#here"), map[string]int{}})
				}
				pass := func(d time.Duration) {
					for begun := time.Now(); time.Since(begun) < d; {
						for _, r := range all {
							r.settle()
						}
					}
				}
				c.fake.Deny(all[0].id, "messages", "read")
				pass(5 * time.Minute)
				before := c.fake.Count("ws subscribe")
				pass(10 * time.Minute)
				// A try is a subscription to each of the three kinds of events.
				if n := c.fake.Count("ws subscribe") - before; n > 3*tries*clients {
					t.Errorf("%d subscriptions in ten minutes, at most %d tries of each client", n, tries)
				}
				if version[:2] == "10" {
					return
				}
				c.fake.OnlyFields(all[0].id, "messages", "read", "id", "text", "user_created", "date_created", "nonce", "channel")
				c.fake.Allow(all[0].id, "messages", "read")
				pass(5 * time.Minute)
				c.fake.Insert("messages", c.person("bob"), map[string]any{"text": "hello", "channel": "here"})
				pass(time.Minute)
				for _, r := range all {
					if n := r.lines["#here hello"]; n != 1 {
						t.Errorf("shown %d times", n)
					}
				}
			})
		})
	}
}
