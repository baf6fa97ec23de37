package bridge_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// slowNames makes the fake take its time with names, and whoever waits for one.
func (c *chat) slowNames(d time.Duration) {
	c.fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
		if strings.HasPrefix(r.Path, "/users") {
			return directustest.RESTVerdict{Delay: d}
		}
		return directustest.RESTVerdict{}
	})
}

// More events than are kept: the first of them are older than what is then read.
func TestEditsBeyondTheQueue(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		bob := c.person("bob")
		a := c.visit("ada", "#messages")
		id := c.fake.Insert("messages", bob, map[string]any{"text": "first"})
		same(t, a.news(), "bob says in #messages: first")
		c.slowNames(3 * time.Second)
		c.fake.Insert("messages", c.person("eve"), map[string]any{"text": "hello"})
		time.Sleep(time.Second)
		for i := range 300 {
			c.fake.Update("messages", id, map[string]any{"text": fmt.Sprint("version ", i)})
		}
		same(t, a.later(time.Minute), "eve says in #messages: hello", "bob changes *: [edited] <bob> version 299")
	})
}

// Of many items that are changed at once Directus tells no more than QUERY_LIMIT_MAX.
func TestManyMarkedAtOnce(t *testing.T) {
	for limit, changed := range map[int]int{5: 12, 1: 8} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) { testManyMarkedAtOnce(t, limit, changed) })
		})
	}
}

func testManyMarkedAtOnce(t *testing.T, limit, changed int) {
	c := newChatAt(t, directustest.FakeOptions{QueryLimitMax: limit}, nil, room("dev", nil))
	addRooms(c.fake)
	bob := c.person("bob")
	a := c.visit("ada", "#dev")
	var ids []string
	for i := range changed {
		ids = append(ids, c.fake.Insert("rooms", bob, map[string]any{"text": fmt.Sprint("line ", i), "room": "dev"}))
	}
	a.news()
	c.fake.LoseEvents(true)
	for _, id := range ids {
		c.fake.Update("rooms", id, map[string]any{"status": "archived"})
	}
	c.fake.LoseEvents(false)
	c.fake.Emit("rooms", "update", c.fake.Items("rooms")[:limit], nil)
	if got := a.later(time.Minute); len(got) != len(ids) {
		t.Errorf("%d of %d deletions: %q", len(got), len(ids), got)
	}
}

// What pretends to be of the future does not make the feed forget the present.
func TestFutureIsNotRemembered(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		bob := c.person("bob")
		a := c.visit("ada", "#messages")
		for range 6 {
			for range 50 {
				c.fake.Insert("messages", bob, map[string]any{"text": "future", "date_created": "2099-01-01T00:00:00.000Z"})
			}
			a.later(time.Second)
		}
		id := c.fake.Insert("messages", bob, map[string]any{"text": "now"})
		same(t, a.news(), "bob says in #messages: now")
		c.fake.Remove("messages", id)
		same(t, a.news(), "bob deletes *: now")
	})
}

// A reaction that comes while its message waits to be shown is shown behind it.
func TestReactionBehindItsMessage(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil, lively())
		addReactions(c.fake)
		bob := c.person("bob")
		a := c.visit("ada", "#messages")
		a.later(time.Second)
		c.slowNames(3 * time.Second)
		c.fake.Insert("messages", c.person("eve"), map[string]any{"text": "hello"})
		time.Sleep(time.Second)
		id := c.fake.Insert("messages", bob, map[string]any{"text": "hi"})
		c.fake.Insert("reactions", bob, map[string]any{"message": id, "text": "👍"})
		same(t, a.later(time.Minute), "eve says *", "bob says in #messages: hi", "bob reacts "+id+".*: 👍")
	})
}
