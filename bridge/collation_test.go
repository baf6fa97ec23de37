package bridge_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// Keys that are texts are in an order of the database's own, which need not be that of
// their bytes. However many rows share a date, and however small the pages are, each is
// there once, up and down, and so it is for who reads on.
func TestKeysInAnOrderOfTheDatabase(t *testing.T) {
	for _, test := range []struct {
		name         string
		total, limit int
	}{{"", 71, 0}, {"few at once", 71, 20}, {"three at once", 23, 3}} {
		t.Run(test.name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				testCollation(t, directustest.FakeOptions{QueryLimitMax: test.limit}, test.total, 0)
			})
		})
	}
	// PostgreSQL stores microseconds and orders by them; Directus gives milliseconds. These
	// rows are of two, most of them of one.
	t.Run("microseconds", func(t *testing.T) {
		ircdtest.Bubble(t, func(t *testing.T) { testCollation(t, directustest.FakeOptions{}, 71, -time.Microsecond) })
	})
}

func testCollation(t *testing.T, opts directustest.FakeOptions, total int, step time.Duration) {
	c := newChatAt(t, opts, nil, messages("texts"))
	c.fake.AddCollection("texts", directustest.FakeCollection{FoldedKeys: true, Fields: []string{"text", "nonce"}})
	ada := c.person("ada")
	now := time.Now().UTC().Truncate(time.Millisecond)
	for i := range total {
		date := now.Add(time.Duration(i-10) * step)
		key := fmt.Sprintf("%c%03d", 'a'+i%5, i*37%100)
		if i%2 == 0 {
			key = strings.ToUpper(key)
		}
		c.fake.Insert("texts", ada, map[string]any{"id": key, "text": fmt.Sprint("line ", i), "date_created": date.Format("2006-01-02T15:04:05.000000Z")})
	}
	time.Sleep(time.Minute)
	s := c.visit("ada").session
	for _, down := range []bool{true, false} {
		q := ircd.HistoryQuery{Target: "#messages", Mode: ircd.HistoryLatest, Limit: 7}
		if !down {
			q.Mode, q.From.Time = ircd.HistoryAfter, now.Add(-time.Hour)
		}
		seen := map[string]bool{}
		for page := history(t, s, q); len(page) > 0; page = history(t, s, q) {
			at := page[len(page)-1]
			if q.Mode = ircd.HistoryAfter; down {
				at, q.Mode = page[0], ircd.HistoryBefore
			}
			for _, m := range page {
				if seen[m.ID] {
					t.Fatalf("%s twice, down %v", m.Text, down)
				}
				seen[m.ID] = true
			}
			q.From = ircd.Position{MsgID: at.ID}
		}
		if len(seen) != total {
			t.Errorf("%d of %d, down %v", len(seen), total, down)
		}
	}
	if got := len(c.visit("bob", "#messages").backlog); got != min(total, 50) {
		t.Errorf("%d messages of backlog", got)
	}
}

// A page of an import that has many texts as keys costs as many questions as its keys
// take, and one for the rows.
func TestPageOfAnImportWithTextsAsKeys(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		const total = 1500
		c := newChat(t, nil, messages("texts"))
		c.fake.AddCollection("texts", directustest.FakeCollection{FoldedKeys: true, Fields: []string{"text", "nonce"}})
		ada := c.person("ada")
		for i := range total {
			c.fake.Insert("texts", ada, map[string]any{"id": fmt.Sprintf("%c%d", "aAbB"[i%4], i), "text": "line", "date_created": "2000-01-01T00:00:00.000Z"})
		}
		s := c.visit("ada").session
		q := ircd.HistoryQuery{Target: "#messages", Mode: ircd.HistoryLatest, Limit: 50}
		page := history(t, s, q)
		before := c.fake.Count("GET /items/texts") + c.fake.Count("SEARCH /items/texts")
		q.Mode, q.From = ircd.HistoryBefore, ircd.Position{MsgID: page[0].ID}
		if page = history(t, s, q); len(page) < 50 {
			t.Errorf("%d messages", len(page))
		}
		if n := c.fake.Count("GET /items/texts") + c.fake.Count("SEARCH /items/texts") - before; n > 12 {
			t.Errorf("%d questions", n)
		}
	})
}
