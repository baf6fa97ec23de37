package bridge_test

import (
	"fmt"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// messagesAfter polls the messages that a visitor is shown, after a while.
func (v *visitor) messagesAfter(d time.Duration) (list []*ircd.Message) {
	v.t.Helper()
	time.Sleep(d)
	synctest.Wait()
	events, err := v.session.Poll(v.t.Context())
	if err != nil {
		v.t.Fatal(err)
	}
	for _, ev := range events {
		if m, ok := ev.(*ircd.Message); ok {
			list = append(list, m)
		}
	}
	return list
}

// A message that was taken back by a mark and is restored is shown once more to
// everybody, as what it was: however it was marked, whether the events of it came or
// not, also after so many others that it is not remembered, and to who came meanwhile.
func TestRestored(t *testing.T) {
	mark := func(c *chat, _ *visitor, m *ircd.Message, id string) {
		c.fake.Update("rooms", id, map[string]any{"status": "spam"})
	}
	redact := func(_ *chat, b *visitor, m *ircd.Message, _ string) { b.redact("#dev", m.ID, "") }
	restore := func(c *chat, id string) { c.fake.Update("rooms", id, map[string]any{"status": "published"}) }
	for name, tc := range map[string]struct {
		takeBack func(c *chat, b *visitor, m *ircd.Message, id string)
		restore  func(c *chat, id string)
	}{
		"marked by somebody": {mark, restore},
		"by REDACT":          {redact, restore},
		"in an outage": {mark, func(c *chat, id string) {
			c.fake.Down()
			time.Sleep(time.Second)
			restore(c, id)
			c.fake.Up()
		}},
		"after many others": {mark, func(c *chat, id string) {
			for i := range 300 {
				c.fake.Insert("rooms", c.people["bob"], map[string]any{"text": fmt.Sprint("message ", i), "room": "ops"})
				time.Sleep(300 * time.Millisecond)
			}
			restore(c, id)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				c := newChatAt(t, directustest.FakeOptions{}, nil, room("dev", nil), room("ops", nil))
				addRooms(c.fake)
				a, b, b2 := c.visit("ada", "#dev"), c.visit("bob", "#dev"), c.visit("bob", "#dev")
				msgid := b.send("#dev", "hello")
				said := a.messagesAfter(0)
				b2.news()
				if len(said) != 1 || said[0].ID != msgid {
					t.Fatalf("said: %+v", said)
				}
				id := c.fake.Items("rooms")[0]["id"]
				time.Sleep(10 * time.Second)
				tc.takeBack(c, b, said[0], fmt.Sprint(id))
				for _, v := range []*visitor{a, b2} {
					same(t, v.news(), "bob deletes "+msgid+" in #dev: hello")
				}
				b.news()
				late := c.visit("ada", "#dev")
				if len(late.backlog) != 0 {
					t.Errorf("backlog of what was taken back: %+v", late.backlog[0])
				}
				tc.restore(c, fmt.Sprint(id))
				for i, v := range []*visitor{a, b, b2, late} {
					again := v.messagesAfter(5 * time.Minute)
					if len(again) != 1 || again[0].ID != msgid || !again[0].Time.Equal(said[0].Time) || again[0].Text != "hello" || !again[0].Replayed {
						t.Errorf("visitor %d is shown %+v, want the message once", i, again)
					}
					same(t, v.later(10*time.Minute))
				}
				if last := c.visit("ada", "#dev"); len(last.backlog) != 1 || last.backlog[0].ID != msgid {
					t.Errorf("backlog at the end: %+v", last.backlog)
				}
				if name == "after many others" {
					return // which are those whose deletions are told
				}
				c.fake.Remove("rooms", fmt.Sprint(id))
				same(t, a.news(), "bob deletes "+msgid+" in #dev: hello")
			})
		})
	}
}

// An event that comes late does not bring back a message that has been taken back since: what a reading
// has found is later than the event.
func TestLateEventOfWhatWasTakenBack(t *testing.T) {
	for name, takeBack := range map[string]map[string]any{"moved": {"room": nil}, "marked": {"status": "spam"}} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				c := newChatAt(t, directustest.FakeOptions{}, nil, room("dev", nil))
				addRooms(c.fake)
				a, b := c.visit("ada", "#dev"), c.visit("bob", "#dev")
				msgid := b.send("#dev", "hello")
				same(t, a.news(), "bob says in #dev: hello")
				id := fmt.Sprint(c.fake.Items("rooms")[0]["id"])
				c.fake.LoseEvents(true)
				c.fake.Update("rooms", id, map[string]any{"text": "hello again"})
				stale := maps.Clone(c.fake.Items("rooms")[0])
				c.fake.Update("rooms", id, takeBack)
				c.fake.LoseEvents(false)
				c.fake.Cut()
				same(t, a.later(time.Minute), "*deletes "+msgid+" in #dev: hello")
				c.fake.Emit("rooms", "update", []map[string]any{stale}, nil)
				same(t, a.later(10*time.Minute))
			})
		})
	}
}
