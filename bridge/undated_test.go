package bridge_test

import (
	"fmt"
	"testing"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// Rows whose date cannot be read have no place in the history, and keep no other
// rows out of it, nor anybody busy.
func TestDatesBeyondReason(t *testing.T) {
	// What a date is made into does not depend on the limit: it matters only whether such rows sort first or last.
	const first, negative, last = "0001-01-01T00:00:00.000Z", "-000001-01-01T00:00:00.000Z", "+012345-01-01T00:00:00.000Z"
	for _, c := range []struct {
		date  string
		limit int
	}{{first, 0}, {negative, 0}, {last, 0}, {first, 1}, {last, 7}} {
		t.Run(fmt.Sprint(c.date, c.limit), func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) { testDatesBeyondReason(t, c.date, c.limit) })
		})
	}
}

func testDatesBeyondReason(t *testing.T, date string, limit int) {
	c := newChatAt(t, directustest.FakeOptions{QueryLimitMax: limit}, nil)
	bob := c.person("bob")
	many, dated := 600, 60
	switch limit {
	case 1: // each row is a question
		many, dated = 12, 20
	case 7:
		many = 12
	}
	for range many {
		c.fake.Insert("messages", bob, map[string]any{"text": "undated", "date_created": date})
	}
	for i := range dated {
		c.fake.Insert("messages", bob, map[string]any{"text": fmt.Sprint(i)})
		time.Sleep(time.Second)
	}
	a := c.visit("ada", "#messages")
	if n := min(dated, 50); len(a.backlog) != n || a.backlog[n-1].Text != fmt.Sprint(dated-1) {
		t.Errorf("%d messages of backlog", len(a.backlog))
	}
	var got []*ircd.Message
	q := ircd.HistoryQuery{Target: "#messages", Mode: ircd.HistoryLatest, Limit: 25}
	for pages := 0; ; pages++ {
		page := history(t, a.session, q)
		if len(page) == 0 || pages > 10 {
			break
		}
		got = append(page, got...)
		q.Mode, q.From.MsgID = ircd.HistoryBefore, page[0].ID
	}
	if len(got) != dated || got[0].Text != "0" || got[dated-1].Text != fmt.Sprint(dated-1) {
		t.Errorf("%d messages of history", len(got))
	}
	id := c.fake.Insert("messages", bob, map[string]any{"text": "news"})
	same(t, a.news(), "bob says in #messages: news")
	c.fake.Cut()
	same(t, a.later(time.Hour))
	c.fake.Remove("messages", id)
	same(t, a.news(), "bob deletes "+id+".*: news")
}
