package bridge_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/bridge/text"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// What came behind a row that is dated later is shown to who was away, also where the channel was configured otherwise
// before it came, or since, and whatever that did to the group that it is read in.
func TestLatecomersOverAReload(t *testing.T) {
	a, b := part("messages", "a"), part("b", "b")
	markdown := a
	markdown.Format = text.Markdown
	reloads := map[string]func(*chat){
		"one more channel": func(c *chat) { c.configure(nil, a, b, part("c", "c")) },
		"one less":         func(c *chat) { c.configure(nil, a) },
		"another format":   func(c *chat) { c.configure(nil, markdown, b) },
		"other edits":      func(c *chat) { c.configure(func(o *bridge.Options) { o.Edits.Show = false }, a, b) },
	}
	for name, reload := range reloads {
		for _, before := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, before %v", name, before), func(t *testing.T) {
				ircdtest.Bubble(t, func(t *testing.T) {
					c := newChat(t, nil, a, b)
					c.fake.AddCollection("messages", directustest.FakeCollection{Fields: []string{"text", "nonce", "channel"}, Unique: []string{"nonce"}})
					stays := c.visit("ada", "#messages")
					write := func(text string, at time.Time) {
						c.fake.Insert("messages", c.person("walt"), map[string]any{"text": text, "channel": "a", "date_created": at.UTC().Format(time.RFC3339)})
						time.Sleep(time.Second)
						stays.later(10 * time.Second)
					}
					write("before", time.Now())
					away := c.fetcher("bob")
					write("of the future", time.Now().Add(time.Hour))
					from := lastPosition(t, away, false)
					closeSession(t, away)
					if before {
						reload(c)
						stays.later(10 * time.Second)
					}
					write("missed", time.Now())
					if !before {
						reload(c)
						stays.later(10 * time.Second)
					}
					got := pages(t, c.fetcher("bob"), from, 10, false)
					if !slices.Equal(got, []string{"missed", "of the future"}) { // one goes on from the other
						t.Errorf("shown %q", got)
					}
				})
			})
		}
	}
}
