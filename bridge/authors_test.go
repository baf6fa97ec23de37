package bridge_test

import (
	"testing"
	"testing/synctest"

	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// Nobody who is known says what has no author, live and in the backlog, and its source is
// a whole mask.
func TestNoAuthor(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		c.fake.Insert("messages", "", map[string]any{"text": "old"})
		a := c.visit("ada", "#messages")
		c.fake.Insert("messages", "", map[string]any{"text": "new"})
		synctest.Wait()
		events, err := a.poll()
		if err != nil || len(events) != 1 || len(a.backlog) != 1 {
			t.Fatalf("%v, %v, backlog %v", events, err, a.backlog)
		}
		for _, m := range []*ircd.Message{a.backlog[0], events[0].(*ircd.Message)} {
			if u := m.From; u.ID != "" || u.Nick != "unknown" || u.Username == "" || u.Host == "" {
				t.Errorf("%q is said by %+v", m.Text, u)
			}
		}
	})
}
