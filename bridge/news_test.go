package bridge_test

import (
	"fmt"
	"testing"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// fractions are how far the clock of Directus may be from the machine's without that its whole seconds tell.
var fractions = []time.Duration{-900 * time.Millisecond, -600 * time.Millisecond, -300 * time.Millisecond, 0, 300 * time.Millisecond, 600 * time.Millisecond, 900 * time.Millisecond}

// What is stored around a JOIN, while the collection cannot be read, is shown once to a client that fetches history: by a page
// or live, whatever is known of the clock of Directus, and whenever it fetches. What is stored behind the page is shown live.
func TestStoredAroundAJoinInAnOutage(t *testing.T) {
	for _, dates := range []directustest.DateKind{directustest.Milliseconds, directustest.DateTime} {
		for _, ahead := range fractions {
			for _, when := range []string{"before the feed", "with the feed", "behind the feed"} {
				t.Run(fmt.Sprint(dates, ahead, when), func(t *testing.T) {
					ircdtest.Bubble(t, func(t *testing.T) { testStoredAroundAJoin(t, dates, ahead, when) })
				})
			}
		}
	}
}

func testStoredAroundAJoin(t *testing.T, dates directustest.DateKind, ahead time.Duration, when string) {
	r := newRememberingAt(t, directustest.FakeOptions{Ahead: ahead}, nil)
	r.fake.AddCollection("messages", directustest.FakeCollection{Fields: []string{"text", "nonce"}, Dates: dates})
	write := func(when string, n int) (texts []string) {
		for i := range n {
			texts = append(texts, fmt.Sprint(when, " ", i))
			r.insert(texts[i])
			time.Sleep(130 * time.Millisecond)
		}
		return texts
	}
	write("long ago", 1)
	time.Sleep(time.Minute)
	v := r.login("ada", "")
	end := outages["no answers"](r)
	r.fake.LoseEvents(true)
	before := write("before", 20)
	answer, err := v.session.Join(t.Context(), "#messages", ircd.JoinOptions{})
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]int{}
	page := func(q ircd.HistoryQuery) {
		q.Target, q.Limit = "#messages", 100
		for _, m := range history(t, v.session, q) {
			shown[m.Text]++
		}
	}
	live := func() {
		for _, text := range v.texts() {
			shown[text]++
		}
	}
	latest := ircd.HistoryQuery{Mode: ircd.HistoryLatest}
	if when == "before the feed" {
		end()
		page(latest)
	}
	after := write("after", 3)
	r.fake.LoseEvents(false)
	end()
	time.Sleep(10 * time.Second)
	if when == "with the feed" {
		page(latest)
	}
	live()
	if when == "behind the feed" { // whoever is shown it asks for what is in front of the JOIN
		page(ircd.HistoryQuery{Mode: ircd.HistoryBefore, From: ircd.Position{Time: answer.At}})
	}
	live()
	for _, text := range append(before, after...) {
		if shown[text] != 1 {
			t.Errorf("%s is shown %d times", text, shown[text])
		}
	}
}

// Where the collection is read before a JOIN is answered, all that it holds is history, by whatever clock: none of it comes live.
func TestStoredJustBeforeAFeedBegins(t *testing.T) {
	for _, ahead := range fractions {
		t.Run(ahead.String(), func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				r := newRememberingAt(t, directustest.FakeOptions{Ahead: ahead}, nil)
				v := r.login("ada", "")
				for range 20 {
					r.insert("before")
					time.Sleep(50 * time.Millisecond)
				}
				if _, err := v.session.Join(t.Context(), "#messages", ircd.JoinOptions{}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(10 * time.Second)
				same(t, v.texts())
				if n := len(history(t, v.session, ircd.HistoryQuery{Target: "#messages", Mode: ircd.HistoryLatest, Limit: 100})); n != 20 {
					t.Errorf("a page has %d", n)
				}
				r.insert("news")
				same(t, v.texts(), "news")
			})
		})
	}
}

// However much of the history a client fetches before its feed can read, what the feed brings then is shown once.
func TestMuchFetchedInAnOutage(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		r := newRememberingAt(t, directustest.FakeOptions{}, nil)
		for i := range 1500 {
			r.insert(fmt.Sprint("old ", i))
		}
		time.Sleep(time.Minute)
		v := r.login("ada", "")
		r.fake.LoseEvents(true)
		readable := outages["no answers"](r)
		if _, err := v.session.Join(t.Context(), "#messages", ircd.JoinOptions{}); err != nil {
			t.Fatal(err)
		}
		for i := range 20 {
			r.insert(fmt.Sprint("new ", i))
		}
		r.fake.LoseEvents(false)
		readable()
		shown := map[string]int{}
		q := ircd.HistoryQuery{Target: "#messages", Mode: ircd.HistoryLatest, Limit: 500}
		for {
			page := history(t, v.session, q)
			if len(page) == 0 {
				break
			}
			for _, m := range page {
				shown[m.Text]++
			}
			q.Mode, q.From = ircd.HistoryBefore, ircd.Position{MsgID: page[0].ID}
		}
		time.Sleep(time.Minute)
		for _, text := range v.texts() {
			shown[text]++
		}
		for text, n := range shown {
			if n != 1 {
				t.Errorf("%s is shown %d times", text, n)
			}
		}
		if len(shown) != 1520 {
			t.Errorf("%d messages are shown", len(shown))
		}
	})
}
