package bridge_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// changes are the lines of new texts.
func changes(lines []string) []string {
	return slices.DeleteFunc(lines, func(line string) bool { return !strings.Contains(line, " changes ") })
}

// An edit is shown to who may read it when it is shown: neither what was said nor what
// is, if that was taken from the reader, or from the channel, while it settled.
func TestEditsOfWhatIsNotReadable(t *testing.T) {
	for _, own := range []bool{false, true} {
		t.Run(map[bool]string{false: "shared", true: "own"}[own], func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				c := newChat(t, func(o *bridge.Options) { o.OwnFeeds = own }, room("dev", nil))
				addRooms(c.fake)
				ada, bob := c.person("ada"), c.person("bob")
				secret := map[string]any{"text": map[string]any{"_nin": []any{"a secret", "a better secret"}}}
				a, b := c.visit("ada", "#dev"), c.visit("bob", "#dev")
				say := func(text string) string {
					t.Helper()
					id := c.fake.Insert("rooms", bob, map[string]any{"text": text, "room": "dev"})
					for _, v := range []*visitor{a, b} {
						same(t, v.news(), "bob says in #dev: "+text)
					}
					return id
				}
				id, moved, fine := say("a secret"), say("to be moved"), say("fine")
				edit := func(id, text string) { c.fake.Update("rooms", id, map[string]any{"text": text}) }
				edit(id, "a better secret")
				edit(moved, "moved")
				edit(fine, "better")
				same(t, a.later(time.Second))
				c.fake.Restrict(ada, "rooms", secret)
				c.fake.Update("rooms", moved, map[string]any{"room": "elsewhere"}) // of which no event tells
				same(t, changes(a.later(10*time.Second)), "bob changes "+fine+".* in #dev: [edited] <bob> better")
				same(t, changes(b.later(time.Second)), "bob changes "+id+".* in #dev: [edited] <bob> a better secret", "bob changes "+fine+".* in #dev: [edited] <bob> better")
			})
		})
	}
}

// An edit knows when the message was written that it is of, and which words are in both versions:
// no others, as they may be gone for a reason.
func TestEditKnowsItsMessage(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		a, bob := c.visit("ada", "#messages"), c.person("bob")
		id := c.fake.Insert("messages", bob, map[string]any{"text": "my password is hunter2"})
		said := a.later(time.Second)
		same(t, said, "bob says in #messages: my password is hunter2")
		written := time.Now()
		for text, unchanged := range map[string]string{"my password is secret": "my password is …", "no": ""} {
			time.Sleep(time.Hour)
			c.fake.Update("messages", id, map[string]any{"text": text})
			time.Sleep(time.Minute)
			var edits []*ircd.Message
			for range 3 {
				events, err := a.poll()
				if err != nil {
					t.Fatal(err)
				}
				for _, ev := range events {
					if m, ok := ev.(*ircd.Message); ok && m.Edits != "" {
						edits = append(edits, m)
					}
				}
			}
			if len(edits) != 1 {
				t.Fatalf("%d edits", len(edits))
			}
			q := edits[0].Quote
			if q == nil || q.Text != unchanged || q.Nick != "bob" || q.Time.Sub(written).Abs() > 2*time.Second {
				t.Errorf("%q: %+v, written %v", text, q, written)
			}
			c.fake.Update("messages", id, map[string]any{"text": "my password is hunter2"})
			a.later(time.Minute)
			a.news()
		}
	})
}
