package bridge_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// lateEvents lets Directus tell of items later than they are stored.
type lateEvents struct {
	chat       *chat
	collection string
}

// insert stores an item, of which Directus tells after a while.
func (l lateEvents) insert(item map[string]any, after time.Duration) (id string) {
	fake := l.chat.fake
	fake.LoseEvents(true)
	id = fake.Insert(l.collection, l.chat.person("bob"), item)
	fake.LoseEvents(false)
	items := fake.Items(l.collection)
	stored := items[len(items)-1:]
	time.AfterFunc(after, func() { fake.Emit(l.collection, "create", stored, nil) })
	return id
}

// Where a channel leaves out now and then what its collection holds, what it shows stays in the order of the collection, however
// late Directus tells of a part of it: so often the collection can be read.
func TestOrderBesideItemsOfNoChannel(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil, room("dev", nil))
		addRooms(c.fake)
		a := c.visit("ada", "#dev")
		late := lateEvents{c, "rooms"}
		for round := range 20 {
			late.insert(map[string]any{"text": "of no channel", "room": "attic"}, 0)
			time.Sleep(time.Second)
			var want []string
			for i := range 4 {
				text := fmt.Sprintf("round %d, line %d", round, i)
				want = append(want, "bob says in #dev: "+text)
				delay := time.Duration(0)
				if i == 2 && round%10 == 9 {
					delay = 300 * time.Millisecond
				}
				late.insert(map[string]any{"text": text, "room": "dev"}, delay)
				time.Sleep(50 * time.Millisecond)
			}
			same(t, a.later(5*time.Second), want...)
		}
	})
}

// Where a channel leaves out every other item, few of the gaps are worth a reading, and a wait.
func TestReadingsBesideItemsOfNoChannel(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil, room("dev", nil))
		addRooms(c.fake)
		a := c.visit("ada", "#dev")
		before, waited := c.fake.Count("SEARCH /items/rooms"), 0
		const seconds = 60
		for i := range 10 * seconds {
			c.fake.Insert("rooms", c.person("bob"), map[string]any{"text": "of no channel", "room": "attic"})
			text := fmt.Sprint("line ", i)
			c.fake.Insert("rooms", c.person("bob"), map[string]any{"text": text, "room": "dev"})
			if len(a.news()) == 0 {
				waited++
			}
			time.Sleep(100 * time.Millisecond)
			a.news()
		}
		if requests := c.fake.Count("SEARCH /items/rooms") - before; waited > seconds/4+5 || requests > 3*waited {
			t.Errorf("in %d s %d lines waited, and %d requests were made", seconds, waited, requests)
		}
	})
}

// What becomes of one message lets no other out of turn, nor one of which Directus has not told yet.
func TestOrderBesideChanges(t *testing.T) {
	for name, test := range map[string]struct {
		late   time.Duration // how late Directus tells of the last message
		change func(c *chat, first, last string)
	}{
		"another is changed": {change: func(c *chat, first, _ string) { c.fake.Update("messages", first, map[string]any{"nonce": "x"}) }},
		"another is deleted": {change: func(c *chat, first, _ string) { c.fake.Remove("messages", first) }},
		"it is changed":      {change: func(c *chat, _, last string) { c.fake.Update("messages", last, map[string]any{"nonce": "x"}) }},
		"it is changed before it came": {late: 250 * time.Millisecond, change: func(c *chat, _, last string) {
			c.fake.Update("messages", last, map[string]any{"nonce": "x"})
		}},
		"it is deleted": {change: func(c *chat, _, last string) { c.fake.Remove("messages", last) }},
	} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				c := newChat(t, nil)
				c.fake.AddCollection("messages", directustest.FakeCollection{Fields: []string{"text", "nonce"}})
				a := c.visit("ada", "#messages")
				late := lateEvents{c, "messages"}
				first := late.insert(map[string]any{"text": "first"}, 0)
				same(t, a.later(time.Second), "bob says in #messages: first")
				late.insert(map[string]any{"text": "second"}, 200*time.Millisecond)
				last := late.insert(map[string]any{"text": "third"}, test.late)
				time.Sleep(5 * time.Millisecond)
				test.change(c, first, last)
				said := slices.DeleteFunc(a.later(5*time.Second), func(line string) bool { return strings.Contains(line, "deletes") })
				same(t, said, "bob says in #messages: second", "bob says in #messages: third")
			})
		})
	}
}

// However many messages are missing before one, it waits for them where keys count up.
func TestOrderBehindManyMissing(t *testing.T) {
	for _, n := range []int{60, 70, 300} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				c := newChat(t, nil)
				a := c.visit("ada", "#messages")
				late := lateEvents{c, "messages"}
				late.insert(map[string]any{"text": "first"}, 0)
				same(t, a.later(time.Second), "bob says in #messages: first")
				var want []string
				say := func(text string, after time.Duration) {
					late.insert(map[string]any{"text": text}, after)
					want = append(want, "bob says in #messages: "+text)
				}
				for i := range n {
					say(fmt.Sprint("late ", i), 200*time.Millisecond)
				}
				say("soon", 0)
				same(t, a.later(5*time.Second), want...)
			})
		})
	}
}
