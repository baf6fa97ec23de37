package bridge_test

import (
	"fmt"
	"testing"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// What is stored just before the JOIN of a client that fetches history, and whose event
// comes after it, is shown once, live or by a page of history, whichever is first.
func TestStoredJustBeforeAJoin(t *testing.T) {
	queries := map[string]ircd.HistoryQuery{
		"latest": {Mode: ircd.HistoryLatest}, "before": {Mode: ircd.HistoryBefore}, "after": {Mode: ircd.HistoryAfter},
	}
	for name, q := range queries {
		for _, order := range []string{"event first", "page first", "between page and poll", "read behind the join"} {
			t.Run(name+" "+order, func(t *testing.T) {
				ircdtest.Bubble(t, func(t *testing.T) { testStoredJustBefore(t, q, order) })
			})
		}
	}
}

func testStoredJustBefore(t *testing.T, q ircd.HistoryQuery, order string) {
	c := newChatAt(t, directustest.FakeOptions{}, nil)
	c.visit("ada", "#messages") // the feed is there
	c.write("old")
	time.Sleep(3 * time.Second)
	c.person("bob")
	s := open(t, c.backend, "bob")
	c.fake.HoldEvents()
	c.fake.LoseEvents(order == "read behind the join")
	for i := range 3 {
		c.write("just before %d", i)
	}
	time.Sleep(1200 * time.Millisecond)
	answer, err := s.Join(t.Context(), "#messages", ircd.JoinOptions{})
	if err != nil {
		t.Fatal(err)
	}
	q.Target, q.Limit = "#messages", 50
	switch q.Mode {
	case ircd.HistoryBefore:
		q.From.Time = answer.At
	case ircd.HistoryAfter:
		q.From.Time = answer.At.Add(-time.Hour)
	}
	shown := map[string]int{}
	take := func(list []*ircd.Message) {
		for _, m := range list {
			shown[m.Text]++
		}
	}
	switch order {
	case "event first":
		c.fake.ReleaseEvents(false)
		take(polled[*ircd.Message](t, s))
		take(history(t, s, q))
	case "page first":
		take(history(t, s, q))
		c.fake.ReleaseEvents(false)
	case "read behind the join":
		c.fake.LoseEvents(false)
		c.fake.ReleaseEvents(false)
		c.fake.Cut()
		time.Sleep(5 * time.Second)
		take(polled[*ircd.Message](t, s))
		take(history(t, s, q))
	default:
		c.fake.ReleaseEvents(false)
		time.Sleep(time.Millisecond)
		take(history(t, s, q))
	}
	time.Sleep(time.Second)
	take(polled[*ircd.Message](t, s))
	c.write("new")
	time.Sleep(10 * time.Minute)
	take(polled[*ircd.Message](t, s))
	for _, text := range []string{"old", "just before 0", "just before 1", "just before 2", "new"} {
		if shown[text] != 1 {
			t.Errorf("%s is shown %d times", text, shown[text])
		}
	}
	// A page around a message has it, whatever was shown.
	for i := range 3 {
		q := ircd.HistoryQuery{Target: "#messages", Mode: ircd.HistoryAround, Limit: 50, From: ircd.Position{Time: answer.At}}
		found := false
		for _, m := range history(t, s, q) {
			found = found || m.Text == fmt.Sprint("just before ", i)
		}
		if !found {
			t.Errorf("just before %d is not in the page around it", i)
		}
	}
}
