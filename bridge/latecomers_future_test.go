package bridge_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// A client that knows last a row dated in the future is shown what has come since, all of
// it, though each row was the newest when it came and none of them is late: also what
// another dates in the future, but less so.
func TestRowsBehindARowOfTheFuture(t *testing.T) {
	for _, limit := range []int{500, 2} {
		for _, byTime := range []bool{false, true} {
			t.Run(fmt.Sprintf("limit %d, by time %v", limit, byTime), func(t *testing.T) {
				ircdtest.Bubble(t, func(t *testing.T) { testBehindTheFuture(t, limit, byTime) })
			})
		}
	}
}

func testBehindTheFuture(t *testing.T, limit int, byTime bool) {
	c := newChat(t, nil)
	c.visit("ada", "#messages") // stays, so that the rows are heard of
	c.write("before")
	away := c.fetcher("bob")
	c.commit(1, time.Now().Add(time.Hour), 0)
	time.Sleep(time.Second)
	from := lastPosition(t, away, byTime)
	closeSession(t, away)

	var want []string
	for i := range 5 {
		time.Sleep(time.Second)
		c.write("line %d", i)
		want = append(want, fmt.Sprintf("line %d", i))
	}
	c.fake.Insert("messages", c.person("bulk"), map[string]any{
		"text": "less so", "date_created": time.Now().Add(time.Minute).UTC().Format("2006-01-02T15:04:05.000Z"),
	})
	time.Sleep(time.Second)
	want = append(want, "less so")

	s := c.fetcher("bob")
	got := pages(t, s, from, limit, byTime)
	// A client that goes on from one of them comes by the row of the future once more.
	got = slices.DeleteFunc(got, func(text string) bool { return text == "row 00" })
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if again := pages(t, s, from, limit, byTime); limit == 500 && len(again) > 0 && again[0] == "before" {
		t.Errorf("what was there before is shown: %q", again)
	}
	c.write("live")
	time.Sleep(time.Second)
	if got := polled[*ircd.Message](t, s); len(got) != 1 || got[0].Text != "live" {
		t.Errorf("shown live: %v", got)
	}
	live := pages(t, s, from, limit, byTime)
	if slices.Contains(live, "live") && !slices.Contains(live, "line 0") {
		t.Errorf("what was shown live is shown as late: %q", live)
	}
	closeSession(t, s)
}

// lastPosition is that of the last message that a session was shown.
func lastPosition(t *testing.T, s fullSession, byTime bool) (p ircd.Position) {
	t.Helper()
	for _, m := range polled[*ircd.Message](t, s) {
		if p = (ircd.Position{MsgID: m.ID}); byTime {
			p = ircd.Position{Time: m.Time}
		}
	}
	return p
}

// A row that was there before the daemon is one behind which others can be late, too: here
// of the same second, with a smaller key.
func TestRowsInFrontOfHistory(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		c.fake.AddCollection("messages", directustest.FakeCollection{Fields: []string{"text", "nonce"}, Unique: []string{"nonce"}, Dates: directustest.DateTime})
		begun := time.Now()
		time.Sleep(20 * time.Second)
		c.write("seen")
		time.Sleep(time.Second)
		c.visit("ada", "#messages") // stays
		away := c.fetcher("bob")
		page := history(t, away, ircd.HistoryQuery{Target: "#messages", Mode: ircd.HistoryLatest, Limit: 10})
		if len(page) != 1 {
			t.Fatalf("%d messages", len(page))
		}
		closeSession(t, away)
		want := c.commit(3, begun, time.Second)
		time.Sleep(time.Second)
		s := c.fetcher("bob")
		got := pages(t, s, ircd.Position{MsgID: page[0].ID}, 500, false)
		got = slices.DeleteFunc(got, func(text string) bool { return text == "seen" })
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		closeSession(t, s)
	})
}
