package bridge_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/bridge/collection"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// timesOf lists when messages are shown, by msgid.
func timesOf(messages []*ircd.Message) map[string]string {
	times := map[string]string{}
	for _, m := range messages {
		times[m.ID] = m.Time.Format(time.RFC3339Nano) + " " + m.Text
	}
	return times
}

// open is login for the length of the test.
func open(t *testing.T, b *bridge.Backend, name string) fullSession {
	t.Helper()
	s := login(t, b, name)
	t.Cleanup(func() { closeSession(t, s) })
	return s
}

func history(t *testing.T, s fullSession, q ircd.HistoryQuery) []*ircd.Message {
	t.Helper()
	page, err := s.History(t.Context(), q)
	if err != nil {
		t.Fatalf("%+v: %v", q, err)
	}
	var list []*ircd.Message
	for _, e := range append(page.Events, rest(t, page.More)...) {
		list = append(list, e.(*ircd.Message))
	}
	return list
}

// rest reads the parts of a history that follow the first.
func rest(t *testing.T, more ircd.More) (events []ircd.Event) {
	t.Helper()
	for more != nil {
		part, err := more(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(part) == 0 {
			break
		}
		events = append(events, part...)
	}
	return events
}

// Where dates come in whole seconds, a message has one time and no other has it:
// live, as echo, in the backlog and in history, wherever its page begins.
func TestTimesWithinASecond(t *testing.T) {
	for name, kind := range map[string]directustest.DateKind{"seconds": directustest.WholeSeconds, "dateTime": directustest.DateTime} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				fake, b := fakeBackend(t, nil, messages("coarse"))
				fake.AddCollection("coarse", directustest.FakeCollection{Fields: []string{"text", "nonce"}, Dates: kind})
				ada := addFake(fake, "ada")
				addFake(fake, "bob")
				for i := range 3 {
					fake.Insert("coarse", ada, map[string]any{"text": fmt.Sprint("before ", i)})
				}
				alice, bob := open(t, b, "ada"), open(t, b, "bob")
				var sent []*ircd.Message
				for _, s := range []fullSession{alice, bob} {
					if _, err := s.Join(t.Context(), "#messages", ircd.JoinOptions{}); err != nil {
						t.Fatal(err)
					}
				}
				for i := range 12 {
					if i%4 == 0 {
						time.Sleep(700 * time.Millisecond)
					}
					if i%2 == 0 {
						fake.Insert("coarse", ada, map[string]any{"text": fmt.Sprint("web ", i)})
						continue
					}
					m, err := bob.Send(t.Context(), ircd.Outgoing{Target: "#messages", Text: fmt.Sprint("irc ", i)})
					if err != nil {
						t.Fatal(err)
					}
					sent = append(sent, m)
				}
				heard := timesOf(polled[*ircd.Message](t, alice))
				own := timesOf(append(sent, polled[*ircd.Message](t, bob)...))
				past := timesOf(history(t, bob, ircd.HistoryQuery{Target: "#messages", Limit: 100}))
				shown := map[string]bool{}
				for _, at := range past {
					shown[at[:23]] = true
				}
				if len(past) != 15 || len(shown) != 15 {
					t.Errorf("%d messages at %d times: %v", len(past), len(shown), past)
				}
				again, err := open(t, b, "bob").Join(t.Context(), "#messages", ircd.JoinOptions{Backlog: true})
				if err != nil {
					t.Fatal(err)
				}
				if backlog := timesOf(again.Backlog); !maps.Equal(backlog, past) {
					t.Errorf("backlog %v\nhistory %v", backlog, past)
				}
				maps.DeleteFunc(past, func(_, text string) bool { return text[len(text)-8:len(text)-2] == "before" })
				if !maps.Equal(heard, past) {
					t.Errorf("live %v\nhistory %v", heard, past)
				}
				if !maps.Equal(own, past) {
					t.Errorf("echo %v\nhistory %v", own, past)
				}
			})
		})
	}
}

// The moment of a JOIN lies between what was said before and what is said after,
// by the clock of Directus.
func TestMomentOfJoin(t *testing.T) {
	for name, kind := range map[string]directustest.DateKind{"ms": directustest.Milliseconds, "s": directustest.WholeSeconds, "dateTime": directustest.DateTime} {
		for _, ahead := range []time.Duration{0, 90*time.Minute + 123*time.Millisecond, -42*time.Hour - 987*time.Millisecond} {
			t.Run(fmt.Sprint(name, " ", ahead), func(t *testing.T) {
				ircdtest.Bubble(t, func(t *testing.T) {
					fake, b := fakeBackendWith(t, directustest.FakeOptions{Ahead: ahead}, nil, messages("clock"))
					fake.AddCollection("clock", directustest.FakeCollection{Fields: []string{"text", "nonce"}, Dates: kind})
					ada := addFake(fake, "ada")
					say := func(text string) { fake.Insert("clock", ada, map[string]any{"text": text}) }
					say("first")
					fake.Insert("clock", ada, map[string]any{"text": "future", "date_created": "2099-01-01T00:00:00.000Z"})
					for i := range 10 {
						time.Sleep(1370 * time.Millisecond)
						say("last")
						s := login(t, b, "ada")
						time.Sleep(time.Duration(i+1) * 110 * time.Millisecond)
						say("before")
						synctest.Wait()
						c, err := s.Join(t.Context(), "#messages", ircd.JoinOptions{Backlog: i%2 == 0})
						if err != nil {
							t.Fatal(err)
						}
						if kind == directustest.Milliseconds { // no time is between two equal ones
							time.Sleep(time.Millisecond)
						}
						say("after")
						newest := history(t, s, ircd.HistoryQuery{Target: "#messages", Mode: ircd.HistoryLatest, Limit: 3})
						before, after := newest[0], newest[1]
						if before.Text != "before" || after.Text != "after" || !c.At.After(before.Time) || c.At.After(after.Time) {
							t.Errorf("%s %v, JOIN %v, %s %v", before.Text, before.Time, c.At, after.Text, after.Time)
						}
						if i%3 > 0 {
							closeSession(t, s)
						} else {
							t.Cleanup(func() { closeSession(t, s) })
						}
					}
				})
			})
		}
	}
}

// Messages that share one date are all there for a client that pages by msgid,
// however many they are, and up to a page by time.
func TestCrowdedDate(t *testing.T) {
	for name, kind := range map[string]directustest.DateKind{"ms": directustest.Milliseconds, "s": directustest.WholeSeconds} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				const total = 1300
				fake, b := fakeBackend(t, nil, messages("import"))
				fake.AddCollection("import", directustest.FakeCollection{Fields: []string{"text", "nonce"}, Dates: kind})
				ada := addFake(fake, "ada")
				for i := range total {
					fake.Insert("import", ada, map[string]any{"text": fmt.Sprint("line ", i), "date_created": "2000-01-01T00:00:00.000Z"})
				}
				if kind == directustest.Milliseconds { // which is seen by a fraction only
					fake.Insert("import", ada, map[string]any{"text": "one more", "date_created": "2000-01-01T00:00:01.001Z"})
				}
				s := open(t, b, "ada")
				for _, down := range []bool{true, false} {
					q := ircd.HistoryQuery{Target: "#messages", Mode: ircd.HistoryLatest, Limit: 500}
					if !down {
						q.Mode, q.From.Time = ircd.HistoryAfter, time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)
					}
					seen := map[string]bool{}
					for page := history(t, s, q); len(page) > 0; page = history(t, s, q) {
						at := page[len(page)-1]
						if q.Mode = ircd.HistoryAfter; down {
							at, q.Mode = page[0], ircd.HistoryBefore
						}
						for _, m := range page {
							if seen[m.ID] {
								t.Fatalf("%s twice", m.Text)
							}
							seen[m.ID] = true
						}
						q.From = ircd.Position{MsgID: at.ID}
					}
					if len(seen) < total {
						t.Errorf("%d of %d, down %v", len(seen), total, down)
					}
				}
			})
		})
	}
}

// Messages that were deleted or hold nothing do not make a page short.
func TestHistoryFillsPages(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		ch := messages("rooms")
		ch.SoftDelete = &collection.SoftDelete{Field: "status", Values: []string{"archived"}}
		fake, b := fakeBackend(t, nil, ch)
		fake.AddCollection("rooms", directustest.FakeCollection{Fields: []string{"text", "nonce", "status"}})
		ada := addFake(fake, "ada")
		for i := range 1200 {
			item := map[string]any{"text": fmt.Sprint("line ", i), "date_created": time.Now().Add(time.Duration(i-2000) * time.Minute).UTC().Format("2006-01-02T15:04:05.000Z")}
			if i%100 > 0 {
				item["status"] = "archived"
			}
			fake.Insert("rooms", ada, item)
		}
		s := open(t, b, "ada")
		var got []string
		for _, m := range history(t, s, ircd.HistoryQuery{Target: "#messages", Mode: ircd.HistoryLatest, Limit: 5}) {
			got = append(got, m.Text)
		}
		if want := []string{"line 700", "line 800", "line 900", "line 1000", "line 1100"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if n := fake.Count("SEARCH /items/rooms"); n > 12 {
			t.Errorf("%d reads for a page of 5", n)
		}
	})
}
