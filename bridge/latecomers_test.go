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

// commit stores rows that carry dates from since on, as a transaction does that was
// begun then and ends now.
func (c *chat) commit(n int, since time.Time, step time.Duration) (texts []string) {
	for i := range n {
		text := fmt.Sprintf("row %02d", i)
		texts = append(texts, text)
		date := since.Add(time.Duration(i) * step).UTC().Format("2006-01-02T15:04:05.000Z")
		c.fake.Insert("messages", c.person("bulk"), map[string]any{"text": text, "date_created": date})
	}
	return texts
}

// fetcher is a connection that fetches history by itself.
func (c *chat) fetcher(name string) fullSession {
	c.t.Helper()
	c.person(name)
	s := login(c.t, c.backend, name)
	if _, err := s.Join(c.t.Context(), "#messages", ircd.JoinOptions{}); err != nil {
		c.t.Fatal(err)
	}
	return s
}

// pages asks for what comes after a position until there is no more.
func pages(t *testing.T, s fullSession, from ircd.Position, limit int, byTime bool) (texts []string) {
	t.Helper()
	q := ircd.HistoryQuery{Target: "#messages", Mode: ircd.HistoryAfter, From: from, Limit: limit}
	for range 200 {
		page := history(t, s, q)
		if len(page) == 0 {
			return texts
		}
		for _, m := range page {
			texts = append(texts, m.Text)
		}
		last := page[len(page)-1]
		if q.From = (ircd.Position{MsgID: last.ID}); byTime {
			q.From = ircd.Position{Time: last.Time}
		}
	}
	t.Fatal("there is no end")
	return nil
}

// A client that was away while a long transaction ended is shown its rows once, all of
// them, behind what it has seen last, though many are dated before that.
func TestRowsThatAreDatedBeforeTheyCome(t *testing.T) {
	for name, kind := range map[string]directustest.DateKind{"ms": directustest.Milliseconds, "dateTime": directustest.DateTime} {
		for _, length := range []time.Duration{1200 * time.Millisecond, 75 * time.Second} {
			t.Run(fmt.Sprint(name, " ", length), func(t *testing.T) {
				ircdtest.Bubble(t, func(t *testing.T) { testLateRows(t, kind, length) })
			})
		}
	}
}

func testLateRows(t *testing.T, kind directustest.DateKind, length time.Duration) {
	c := newChat(t, nil)
	c.fake.AddCollection("messages", directustest.FakeCollection{Fields: []string{"text", "nonce"}, Unique: []string{"nonce"}, Dates: kind})
	c.visit("ada", "#messages") // stays
	c.write("before")
	away := c.fetcher("bob")
	begun := time.Now()
	time.Sleep(length / 3)
	c.write("seen")
	var seen *ircd.Message
	for _, m := range polled[*ircd.Message](t, away) {
		seen = m
	}
	closeSession(t, away)
	time.Sleep(length / 3)
	c.write("between")
	time.Sleep(length / 3)
	want := append(c.commit(60, begun, length/60), "between")
	time.Sleep(time.Second)
	c.write("after")
	want = append(want, "after")
	time.Sleep(time.Second)
	slices.Sort(want)
	for _, limit := range []int{500, 20, 1} {
		for _, byTime := range []bool{false, true} {
			from := ircd.Position{MsgID: seen.ID}
			if byTime {
				from = ircd.Position{Time: seen.Time}
			}
			s := c.fetcher("bob")
			got := pages(t, s, from, limit, byTime)
			if slices.Sort(got); !slices.Equal(got, want) {
				t.Errorf("limit %d, by time %v: %d of %d: %q", limit, byTime, len(got), len(want), got)
			}
			again := pages(t, s, from, limit, byTime)
			if slices.Sort(again); !slices.Equal(again, got) {
				t.Errorf("limit %d, by time %v: then %q", limit, byTime, again)
			}
			for _, mode := range []ircd.HistoryMode{ircd.HistoryLatest, ircd.HistoryBetween} {
				q := ircd.HistoryQuery{Target: "#messages", Mode: mode, From: from, Limit: 500}
				if mode == ircd.HistoryBetween {
					q.To.Time = time.Now().Add(time.Minute)
				}
				if page := history(t, s, q); len(page) != len(want) {
					t.Errorf("mode %d, by time %v: %d of %d", mode, byTime, len(page), len(want))
				}
			}
			closeSession(t, s)
		}
	}
	s := c.fetcher("eve")
	c.commit(1, begun, 0)
	if got := polled[*ircd.Message](t, s); len(got) != 1 {
		t.Errorf("%d of a row that came late are shown to who is there", len(got))
	}
	if got := pages(t, s, ircd.Position{MsgID: seen.ID}, 500, false); len(got) != len(want) {
		t.Errorf("what was shown live is shown again: %q", got)
	}
	closeSession(t, s)
}

// A row of a transaction of less than an hour is found without an event, and shown once,
// in a quiet channel and in a busy one. What was there before the daemon came is no news.
func TestLateRowWithoutAnEvent(t *testing.T) {
	for _, busy := range []bool{false, true} {
		t.Run(fmt.Sprint("busy ", busy), func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				c := newChat(t, nil)
				for i := range 300 {
					c.write("old %d", i)
					time.Sleep(time.Second)
				}
				a := c.visit("ada", "#messages")
				count := func(d time.Duration) map[string]int {
					shown := map[string]int{}
					for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(10 * time.Second) {
						if busy {
							c.write("line")
						}
						for _, m := range polled[*ircd.Message](t, a.session) {
							shown[m.Text]++
						}
					}
					return shown
				}
				begun := time.Now()
				count(45 * time.Minute)
				c.fake.LoseEvents(true)
				rows := c.commit(20, begun, time.Minute)
				c.fake.LoseEvents(false)
				before := c.fake.Count("SEARCH /items/messages")
				shown := count(40 * time.Minute)
				for _, text := range rows {
					if shown[text] != 1 {
						t.Errorf("%s is shown %d times", text, shown[text])
					}
				}
				for text, n := range shown {
					if n != 1 && text != "line" {
						t.Errorf("%s is shown %d times", text, n)
					}
				}
				if n := c.fake.Count("SEARCH /items/messages") - before; n > 60+40*probesInAMinute+200 { // 200 in doubt
					t.Errorf("%d reads in 40 minutes", n)
				}
			})
		})
	}
}

// A row that came late and without an event is shown once to who finds it in their backlog, and
// to those who were there, however long ago it was looked for such rows.
func TestLateRowInABacklog(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		a := c.visit("ada", "#messages")
		a.later(5 * time.Minute)
		for round := range 8 {
			c.write("line")
			begun := time.Now()
			for range 2 + round {
				c.write("line")
				a.later(time.Minute)
			}
			c.fake.LoseEvents(true)
			text := c.commit(1, begun, 0)[0]
			c.fake.LoseEvents(false)
			b := c.visit("ada", "#messages")
			if !slices.ContainsFunc(b.backlog[max(0, len(b.backlog)-4-round):], func(m *ircd.Message) bool { return m.Text == text }) {
				t.Fatal("the row is not in the backlog")
			}
			late, doubled := 0, 0
			for range 20 {
				late += len(a.later(time.Minute))
				doubled += len(b.news())
			}
			if late != 1 || doubled != 0 {
				t.Errorf("round %d: who was there was shown it %d times, and who came %d times again", round, late, doubled)
			}
			closeSession(t, b.session)
		}
	})
}

// Rows that come late and without an event, more than a page of them, are shown in order, whatever
// their keys.
func TestManyLateRowsWithoutAnEvent(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		c.fake.AddCollection("messages", directustest.FakeCollection{Fields: []string{"text", "nonce"}, Unique: []string{"nonce"}, UUIDKey: true})
		a := c.visit("ada", "#messages")
		begun := time.Now()
		for range 20 {
			c.write("line")
			a.later(time.Minute)
		}
		c.fake.LoseEvents(true)
		rows := c.commit(250, begun, time.Second)
		c.fake.LoseEvents(false)
		var shown []string
		for range 25 {
			for _, m := range polled[*ircd.Message](t, a.session) {
				shown = append(shown, m.Text)
			}
			time.Sleep(time.Minute)
		}
		if !slices.Equal(shown, rows) {
			t.Errorf("%d of %d rows are shown, or in disorder: %q", len(shown), len(rows), shown[:min(len(shown), 5)])
		}
	})
}
