package bridge_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"directus-ircd/bridge"
	"directus-ircd/bridge/collection"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// latest is how late a line may be that Directus does not tell of, where it answers at once.
const latest = 10 * time.Second

// probesInAMinute is how often a feed asks for such lines, at most, where nothing is written.
const probesInAMinute = 9

// unheard stores a message whose event does not come, as one of another process does without Redis.
func (c *chat) unheard(collection string, item map[string]any) {
	c.fake.LoseEvents(true)
	c.fake.Insert(collection, c.person("walt"), item)
	c.fake.LoseEvents(false)
}

// lateness is how long it takes until somebody is shown a line with a text.
func (v *visitor) lateness(text string) time.Duration {
	v.t.Helper()
	for begin := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		for _, line := range v.news() {
			if strings.HasSuffix(line, ": "+text) {
				return time.Since(begin)
			}
		}
		if took := time.Since(begin); took > time.Hour {
			return took
		}
	}
}

// prompt makes sure that somebody is shown a line in time.
func (v *visitor) prompt(text string) {
	v.t.Helper()
	if took := v.lateness(text); took > latest {
		v.t.Errorf("%q was shown after %v", text, took)
	}
}

// The events of one of two processes never come. A lone line of it is shown in time, and the first one too, whatever the
// keys are and whatever others may hide.
func TestLoneLineOfAnotherProcess(t *testing.T) {
	room := func(name string) collection.Config {
		ch := messages("messages")
		ch.Name, ch.Filter, ch.Set = name, map[string]any{"room": map[string]any{"_eq": name}}, map[string]any{"room": name}
		return ch
	}
	other := messages("other")
	other.Name = "#other"
	for name, test := range map[string]struct {
		keys     directustest.FakeCollection
		dates    directustest.DateKind
		change   func(*bridge.Options)
		channels []collection.Config
		rule     bool // hides a part of the rows
		hidden   bool // most rows are of no channel, so that their keys are missing
	}{
		"numbers":       {},
		"uuids":         {keys: directustest.FakeCollection{UUIDKey: true}},
		"whole seconds": {dates: directustest.WholeSeconds},
		"dateTime":      {dates: directustest.DateTime},
		"own feeds":     {change: func(o *bridge.Options) { o.OwnFeeds = true }},
		"a rule":        {rule: true},
		"a filter":      {channels: []collection.Config{room("#messages")}, hidden: true},
		"two rooms":     {channels: []collection.Config{room("#messages"), room("#second")}, hidden: true},
		"two tables":    {channels: []collection.Config{messages("messages"), other}},
	} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				c := newChat(t, test.change, test.channels...)
				fields := []string{"text", "nonce", "room"}
				c.fake.AddCollection("messages", directustest.FakeCollection{Fields: fields, UUIDKey: test.keys.UUIDKey, Dates: test.dates})
				c.fake.AddCollection("other", directustest.FakeCollection{Fields: fields})
				for _, who := range []string{"ada", "bob"} {
					if id := c.person(who); test.rule {
						c.fake.Restrict(id, "messages", map[string]any{"text": map[string]any{"_neq": "secret"}})
					}
				}
				people := []*visitor{c.visit("ada", "#messages"), c.visit("bob", "#messages")}
				say := func(text string) map[string]any { return map[string]any{"text": text, "room": "#messages"} }
				c.fake.Insert("messages", c.person("walt"), say("before"))
				// The first, one while the daemon still asks often because of that, and one long after.
				for i, pause := range []time.Duration{0, time.Minute, 12 * time.Minute} {
					if test.hidden {
						c.write("of no room")
						c.fake.Insert("messages", c.person("walt"), say("between"))
						time.Sleep(time.Second)
					}
					time.Sleep(pause)
					for _, v := range people {
						v.news()
						text := fmt.Sprint("lone ", i, v.id)
						c.unheard("messages", say(text))
						v.prompt(text)
					}
				}
			})
		})
	}
}

// private adds a collection of private messages.
func (c *chat) private() {
	c.fake.AddCollection("private_messages", directustest.FakeCollection{
		Fields: []string{"text", "nonce", "recipient"}, Relations: map[string]string{"recipient": "directus_users"},
	})
}

// A private message of another process is shown in time. Everybody has to ask for their own: where many do, they ask more
// rarely, until one of them was not told of a message, wherever it was.
func TestLonePrivateLineOfAnotherProcess(t *testing.T) {
	for _, others := range []int{0, 45} { // more than 40 ask more rarely
		t.Run(fmt.Sprint(others), func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				c := newChat(t, func(o *bridge.Options) { o.Private = &privateMessages })
				c.private()
				for i := range others {
					begin(t, c.visit(fmt.Sprint("u", i)).session, false)
				}
				ada := c.visit("ada", "#messages")
				begin(t, ada.session, false)
				before := c.fake.Count("SEARCH /items/private_messages")
				ada.later(5 * time.Minute)
				if n := c.fake.Count("SEARCH /items/private_messages") - before; n > 300*5+10*others || n > 50*(others+1) {
					t.Errorf("asked %d times in five minutes", n)
				}
				for i, limit := range []time.Duration{max(latest, time.Duration(others+1)*time.Second/5+2*time.Second), latest, latest} {
					text := fmt.Sprint("psst ", i)
					c.unheard("private_messages", map[string]any{"text": text, "recipient": ada.id})
					if took := ada.lateness(text); took > limit {
						t.Errorf("%q was shown after %v", text, took)
					}
					ada.later(time.Minute)
				}
				c.unheard("messages", map[string]any{"text": "elsewhere"})
				ada.prompt("elsewhere")
				time.Sleep(20 * time.Second)
				c.unheard("private_messages", map[string]any{"text": "last", "recipient": ada.id})
				ada.prompt("last")
			})
		})
	}
}

// Two processes write in turn, and the events of one never come: once that is known, the lines of both are shown in the
// order of the collection, whatever the keys are. It is logged once, and all are counted.
func TestLinesOfTwoProcesses(t *testing.T) {
	for name, keys := range map[string]bool{"numbers": false, "uuids": true} {
		for pace, pause := range map[string]time.Duration{"slowly": 7 * time.Second, "fast": 200 * time.Millisecond} {
			t.Run(name+", "+pace, func(t *testing.T) {
				ircdtest.Bubble(t, func(t *testing.T) {
					log := &strings.Builder{}
					c := newChat(t, func(o *bridge.Options) { o.Logger = zerolog.New(log) })
					c.fake.AddCollection("messages", directustest.FakeCollection{Fields: []string{"text", "nonce"}, UUIDKey: keys})
					ada := c.visit("ada", "#messages")
					c.unheard("messages", map[string]any{"text": "first"})
					ada.prompt("first")
					ada.later(20 * time.Second)
					var want, got []string
					for i := range 120 {
						text := fmt.Sprint("line ", i)
						if want = append(want, "walt says in #messages: "+text); i%3 > 0 {
							c.unheard("messages", map[string]any{"text": text})
						} else {
							c.write("%s", text)
						}
						got = append(got, ada.later(pause)...)
						if missing := len(want) - len(got); time.Duration(missing)*pause > latest {
							t.Fatalf("%d are missing", missing)
						}
					}
					same(t, append(got, ada.later(latest)...), want...)
					time.Sleep(20 * time.Second)
					if n := c.backend.Stats().Unannounced; n != 81 {
						t.Errorf("%d are counted", n)
					}
					if n := strings.Count(log.String(), "without telling"); n != 1 {
						t.Errorf("logged %d times", n)
					}
				})
			})
		}
	}
}

// Where every event comes, if late, nothing is said, and next to nothing is asked: a query for each shared feed now and then.
func TestAllEventsCome(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		var people []*visitor
		for i := range 20 {
			people = append(people, c.visit(fmt.Sprint("u", i), "#messages"))
		}
		c.fake.Insert("messages", c.person("walt"), map[string]any{"text": "of a strange date", "date_created": "12345-01-01T00:00:00.000Z"})
		ada := people[0]
		for range 30 {
			c.fake.HoldEvents()
			c.write("one")
			time.Sleep(3 * time.Second)
			c.write("two")
			c.fake.ReleaseEvents(true)
			ada.later(20 * time.Second)
		}
		before := c.fake.Count("SEARCH /items/messages")
		c.fake.Cut()
		c.write("while the link is down")
		ada.later(time.Hour)
		if n := c.fake.Count("SEARCH /items/messages") - before; n > 60+60*probesInAMinute {
			t.Errorf("asked %d times in an hour", n)
		}
		if n := c.backend.Stats().Unannounced; n != 0 {
			t.Errorf("%d are counted", n)
		}
	})
}
