package bridge_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// What a line has overtaken is found, once, though the page behind it is long and is found with
// pauses, and though it takes several questions itself.
func TestOvertakenInFrontOfALongPage(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChatAt(t, directustest.FakeOptions{QueryLimitMax: 4}, nil)
		c.visit("ada", "#messages") // stays
		away := c.fetcher("bob")
		time.Sleep(time.Second)
		c.fake.HoldEvents()
		var want []string
		for i := range 10 {
			want = append(want, fmt.Sprint("overtaken ", i))
			c.write("%s", want[i])
			time.Sleep(10 * time.Millisecond)
		}
		own, err := away.Send(t.Context(), ircd.Outgoing{Target: "#messages", Text: "own", Echo: true})
		if err != nil {
			t.Fatal(err)
		}
		closeSession(t, away)
		c.fake.ReleaseEvents(false)
		for i := range 12 {
			want = append(want, fmt.Sprint("long ", i))
			c.write("%s", want[len(want)-1]+" "+strings.Repeat("x", 60_000))
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Minute)

		var asked atomic.Int64 // requests may come at one time
		c.fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
			if r.Path == "/items/messages" {
				asked.Add(1)
			}
			return directustest.RESTVerdict{Delay: 20 * time.Millisecond}
		})
		s := c.fetcher("bob")
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		page, err := s.History(ctx, ircd.HistoryQuery{Target: "#messages", Mode: ircd.HistoryAfter, From: ircd.Position{MsgID: own.ID}, Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for events := page.Events; ; {
			for _, e := range events {
				text, _, _ := strings.Cut(e.(*ircd.Message).Text, " x")
				got = append(got, text)
			}
			if page.More == nil {
				break
			}
			if events, err = page.More(ctx); err != nil {
				t.Fatalf("after %d questions: %v", asked.Load(), err)
			}
			if len(events) == 0 {
				break
			}
		}
		if !slices.Equal(got, want) || asked.Load() > 60 {
			t.Errorf("got %q by %d questions", got, asked.Load())
		}
	})
}
