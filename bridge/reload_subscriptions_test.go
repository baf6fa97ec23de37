package bridge_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/text"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// resident is somebody who stays, over reloads, in all channels that everybody is in.
type resident struct {
	*visitor
	lines map[string]int // what was said to it, how often
}

// settle lets a resident follow what has changed.
func (r *resident) settle() {
	r.t.Helper()
	for range 6 {
		time.Sleep(time.Second)
		synctest.Wait()
		events, err := r.session.Poll(r.t.Context())
		if err != nil {
			r.t.Fatal(err)
		}
		for _, ev := range events {
			switch ev := ev.(type) {
			case *ircd.Message:
				r.lines[ev.Target+" "+ev.Text]++
			case *ircd.Admission:
				if _, err := r.session.Join(r.t.Context(), ev.Channel, ircd.JoinOptions{}); err != nil {
					r.t.Error(err)
				}
			}
		}
	}
}

// town is a chat in which n people live, with topics that are stored.
func town(t *testing.T, n int, change func(*bridge.Options), topics []string, channels []collection.Config) (*chat, []*resident) {
	c := newChat(t, change, channels...)
	c.fake.AddCollection("messages", directustest.FakeCollection{Fields: []string{"text", "nonce", "channel"}, Unique: []string{"nonce"}})
	c.fake.AddCollection("topics", directustest.FakeCollection{Fields: []string{"description"}})
	for _, name := range topics {
		c.fake.Insert("topics", c.person("bob"), map[string]any{"description": name})
	}
	var people []*resident
	for i := range n {
		var names []string
		for _, channel := range channels {
			names = append(names, channel.Name)
		}
		people = append(people, &resident{c.visit(fmt.Sprintf("user%d", i), names...), map[string]int{}})
	}
	return c, people
}

// However a configuration came about, by reloads or by a start, it costs the same
// subscriptions, and nothing that is said on the way is lost or doubled.
func TestSubscriptionsAfterReloads(t *testing.T) {
	const users = 3
	names := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	var all []collection.Config
	for i, name := range names {
		ch := part(name, name)
		ch.TopicItem = &collection.TopicItem{Collection: "topics", ID: fmt.Sprint(i + 1), Field: "description"}
		all = append(all, ch)
	}
	other := all[1]
	other.Format = text.Markdown
	bare := all[2]
	bare.TopicItem = nil
	steps := map[string][][]collection.Config{
		"one more at a time": {all[:2], all[:3], all[:4], all[:5], all[:6], all[:7], all},
		"one less at a time": {all, all[:7], all[:5], all[:2]},
		"one changes":        {all[:3], {all[0], other, all[2]}},
		"a topic goes":       {all[2:3], {bare}},
	}
	for name, plans := range steps {
		for _, own := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, own feeds %v", name, own), func(t *testing.T) {
				change := func(o *bridge.Options) { o.OwnFeeds = own }
				var fresh int
				ircdtest.Bubble(t, func(t *testing.T) {
					c, people := town(t, users, change, names, plans[len(plans)-1])
					for _, p := range people {
						p.settle()
					}
					fresh = c.fake.Subscriptions()
				})
				ircdtest.Bubble(t, func(t *testing.T) {
					c, people := town(t, users, change, names, plans[0])
					var said []string
					say := func(in []collection.Config) {
						for _, ch := range in {
							text := fmt.Sprint("line ", len(said))
							c.fake.Insert("messages", c.person("bob"), map[string]any{"text": text, "channel": ch.Set["channel"]})
							said = append(said, ch.Name+" "+text)
						}
					}
					for i, plan := range plans[1:] {
						kept := slices.DeleteFunc(slices.Clone(plans[i]), func(ch collection.Config) bool {
							return !slices.ContainsFunc(plan, func(o collection.Config) bool { return o.Name == ch.Name })
						})
						say(kept)
						c.configure(change, plan...)
						say(kept)
						for _, p := range people {
							p.settle()
							say(kept)
						}
						say(plan)
						for _, p := range people {
							p.settle()
						}
					}
					time.Sleep(time.Minute) // until feeds without readers have ended
					for _, p := range people {
						p.settle()
						for _, line := range said {
							if p.lines[line] != 1 {
								t.Errorf("%q was shown %d times", line, p.lines[line])
							}
						}
					}
					if got := c.fake.Subscriptions(); got != fresh {
						t.Errorf("%d subscriptions after reloads, %d after a start", got, fresh)
					}
					for _, p := range people {
						p.session.Close(context.Background())
					}
				})
			})
		}
	}
}
