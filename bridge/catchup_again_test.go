package bridge_test

import (
	"fmt"
	"testing"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// The regular readings of a channel in which an import was the last that was written do not fetch the whole of it again and
// again; what has come without an event they find all the same.
func TestReadingAgainBehindAnImport(t *testing.T) {
	const imported = 600
	for name, step := range map[string]time.Duration{"of one date": 0, "of half a minute": 50 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				c := newChat(t, nil)
				v := c.visit("ada", "#messages")
				begin := time.Now()
				row := func(i int) {
					date := begin.Add(time.Duration(i) * step).UTC().Format("2006-01-02T15:04:05.000Z")
					c.fake.Insert("messages", c.person("bulk"), map[string]any{"text": fmt.Sprint("row ", i), "date_created": date})
				}
				for i := range imported {
					row(i)
				}
				time.Sleep(15 * time.Minute) // until all of it was read
				v.news()
				before := c.fake.Counts()["SEARCH /items/messages"]
				time.Sleep(time.Hour)
				if n := c.fake.Counts()["SEARCH /items/messages"] - before; n > 60+60*probesInAMinute {
					t.Errorf("%d requests in an hour in which nothing was written", n)
				}
				c.fake.LoseEvents(true)
				row(imported / 2)
				c.fake.LoseEvents(false)
				same(t, v.later(10*time.Minute), fmt.Sprintf("bulk says in #messages: row %d", imported/2))
			})
		})
	}
}

// Who may not read a field of the messages any more is told so though nothing was written: what is read again is read with
// all fields, if only one message of it. Directus 10 does not say what may be read.
func TestRightsAreSeenBehindAnImport(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChatAt(t, directustest.FakeOptions{Version: "10.13.4"}, nil)
		v := c.visit("ada", "#messages")
		for i := range 300 {
			c.fake.Insert("messages", c.person("bulk"), map[string]any{"text": fmt.Sprint("row ", i)})
		}
		v.later(15 * time.Minute)
		c.fake.OnlyFields(c.person("ada"), "messages", "read", "id", "date_created")
		lines := v.later(6 * time.Minute)
		if len(lines) != 1 {
			t.Errorf("got %q", lines)
		}
		t.Log(lines)
	})
}
