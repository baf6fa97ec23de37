package bridge_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// A history imported with one date must not make a feed read for ever.
func TestBulkImport(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		ch := messages("messages")
		fake, l, _ := fakeStack(t, directustest.FakeOptions{}, nil, ch)
		ada := addFake(fake, "ada")
		for i := range 2100 {
			fake.Insert("messages", ada, map[string]any{"text": fmt.Sprint(i), "date_created": "2000-01-01T00:00:00.000Z"})
		}
		var reads atomic.Int64
		fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
			if r.Path == "/items/messages" && reads.Add(1) > 300 {
				return directustest.RESTVerdict{Delay: time.Second}
			}
			return directustest.RESTVerdict{}
		})
		c := rejoin(t, l, "ada")
		time.Sleep(2 * time.Minute)
		before := reads.Load()
		time.Sleep(60 * time.Second)
		after := reads.Load()
		t.Logf("reads %d then %d", before, after)
		if after-before > 5+probesInAMinute {
			t.Errorf("idle, yet %d more reads in a minute", after-before)
		}
		c.Close()
	})
}

// The backlog fails at first, a live message is shown, then the backlog comes.
func TestLateBacklogDoublesNothing(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, l, _ := fakeStack(t, directustest.FakeOptions{}, nil)
		ada := addFake(fake, "ada")
		fake.Insert("messages", ada, map[string]any{"text": "older"})
		first := rejoin(t, l, "ada") // the feed is ready
		fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
			if r.Path == "/items/messages" {
				return directustest.RESTVerdict{Status: 503, Code: "SERVICE_UNAVAILABLE"}
			}
			return directustest.RESTVerdict{}
		})
		c := l.Dial(t)
		c.LoginPass("x", "ada@example.com:ada")
		c.Send("JOIN #messages")
		c.Expect("* 366 *")
		c.Sync()
		fake.Insert("messages", ada, map[string]any{"text": "live"})
		synctest.Wait()
		c.Send("PRIVMSG #messages :mine")
		first.Expect("* PRIVMSG #messages :mine")
		got := c.Sync()
		fake.OnREST(nil)
		time.Sleep(20 * time.Second)
		got = append(got, c.Sync()...)
		n := 0
		for _, s := range texts(got) {
			if strings.HasSuffix(s, "live") {
				n++
			}
			if strings.HasSuffix(s, "mine") {
				t.Errorf("what was sent is shown again")
			}
		}
		if n != 1 {
			t.Errorf("live is shown %d times: %q", n, texts(got))
		}
		first.Close()
		c.Close()
	})
}

// REST is back before the socket: a client that joins then sees the newest
// messages, and the feed catches up on older ones later.
func TestJoinBeforeCatchUp(t *testing.T) {
	for _, gap := range []time.Duration{time.Minute, 20 * time.Minute} {
		t.Run(gap.String(), func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				ch := messages("messages")
				ch.Backlog = 10
				fake, l, _ := fakeStack(t, directustest.FakeOptions{}, nil, ch)
				ada := addFake(fake, "ada")
				fake.Insert("messages", ada, map[string]any{"text": "older"})
				first := rejoin(t, l, "ada")
				fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
					if r.Path == "/websocket" {
						return directustest.RESTVerdict{Status: 503, Code: "SERVICE_UNAVAILABLE"}
					}
					return directustest.RESTVerdict{}
				})
				fake.Cut()
				for i := range 30 {
					fake.Insert("messages", ada, map[string]any{"text": fmt.Sprintf("m%02d", i)})
					time.Sleep(10 * time.Millisecond)
				}
				time.Sleep(time.Second)
				second := l.Dial(t)
				second.LoginPass("x", "ada@example.com:ada")
				second.Send("JOIN #messages")
				second.Expect("* 366 *")
				got := second.Sync()
				time.Sleep(gap)
				fake.OnREST(nil)
				time.Sleep(5 * time.Minute)
				got = append(got, second.Sync()...)
				var list []string
				for _, s := range texts(got) {
					list = append(list, s[strings.Index(s, "m"):])
				}
				if !slices.IsSorted(list) {
					t.Errorf("reordered: %q", list)
				}
				slices.Sort(list)
				if n := len(list); len(slices.Compact(list)) != n {
					t.Errorf("doubled")
				}
				first.Close()
				second.Close()
			})
		})
	}
}

// One row dated in the future must not blind the catch-up.
func TestFutureDate(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, l, _ := fakeStack(t, directustest.FakeOptions{}, nil)
		ada := addFake(fake, "ada")
		fake.Insert("messages", ada, map[string]any{"text": "future", "date_created": "2099-01-01T00:00:00.000Z"})
		c := rejoin(t, l, "ada")
		fake.LoseEvents(true)
		fake.Insert("messages", ada, map[string]any{"text": "missed"})
		fake.LoseEvents(false)
		time.Sleep(20 * time.Minute)
		if got := texts(c.Sync()); len(got) != 1 {
			t.Errorf("got %q", got)
		}
		c.Close()
	})
}

// A row becomes visible between the read of a backlog and its end, dated before
// the newest of the backlog.
func TestRowDuringBacklog(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, l, _ := fakeStack(t, directustest.FakeOptions{}, nil)
		ada := addFake(fake, "ada")
		bob := addFake(fake, "bob")
		fake.Insert("messages", bob, map[string]any{"text": "older"})
		first := rejoin(t, l, "ada")
		time.Sleep(16 * time.Minute) // names are asked for again
		fake.Insert("messages", bob, map[string]any{"text": "newest"})
		time.Sleep(16 * time.Minute)
		second := l.Dial(t)
		second.LoginPass("x", "ada@example.com:ada")
		var armed, once atomic.Bool
		fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
			if r.Path == "/users" && armed.Load() && !once.Swap(true) {
				return directustest.RESTVerdict{Delay: time.Second}
			}
			return directustest.RESTVerdict{}
		})
		armed.Store(true)
		second.Send("JOIN #messages")
		time.Sleep(500 * time.Millisecond)
		fake.Insert("messages", ada, map[string]any{"text": "late commit", "date_created": time.Now().Add(-time.Hour).UTC().Format("2006-01-02T15:04:05.000Z")})
		synctest.Wait()
		second.Expect("* PRIVMSG #messages :*newest")
		second.Expect("* PRIVMSG #messages :*late commit")
		first.Close()
		second.Close()
	})
}

// An overloaded Directus sends events minutes after their rows were read.
func TestLateEvents(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, l, _ := fakeStack(t, directustest.FakeOptions{}, nil)
		addFake(fake, "ada")
		bob := addFake(fake, "bob")
		c := rejoin(t, l, "ada")
		fake.HoldEvents()
		for i := range 20 {
			fake.Insert("messages", bob, map[string]any{"text": fmt.Sprint("line ", i)})
			time.Sleep(time.Minute)
		}
		fake.ReleaseEvents(false)
		time.Sleep(10 * time.Minute)
		if got := texts(c.Sync()); len(got) != 20 {
			t.Errorf("%d of 20: %q", len(got), got)
		}
		c.Close()
	})
}

// What is written after a JOIN is shown, though the collection can be read only
// later; what was written before, by more than the second to which the clock of
// Directus is known, is not, nor what is of the future.
func TestWrittenBeforeTheFirstRead(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		ch := messages("messages")
		ch.Backlog = 0
		fake, l, _ := fakeStack(t, directustest.FakeOptions{}, nil, ch)
		addFake(fake, "ada")
		bob := addFake(fake, "bob")
		fake.Insert("messages", bob, map[string]any{"text": "before"})
		fake.Insert("messages", bob, map[string]any{"text": "future", "date_created": "2099-01-01T00:00:00.000Z"})
		time.Sleep(2 * time.Second)
		fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
			if r.Path == "/items/messages" {
				return directustest.RESTVerdict{Status: 503, Code: "SERVICE_UNAVAILABLE"}
			}
			return directustest.RESTVerdict{}
		})
		c := rejoin(t, l, "ada")
		for i := range 3 {
			time.Sleep(time.Minute)
			fake.Insert("messages", bob, map[string]any{"text": fmt.Sprint("line ", i)})
		}
		fake.OnREST(nil)
		time.Sleep(10 * time.Minute)
		got := texts(c.Sync())
		for i := range got {
			if _, text, replayed := strings.Cut(got[i], "] "); replayed {
				got[i] = text
			}
		}
		if want := numbered("line %d", 3); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		c.Close()
	})
}

// A row that appears between two pages of a backlog doubles no other.
func TestRowBetweenPages(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, l, _ := fakeStack(t, directustest.FakeOptions{QueryLimitMax: 7}, nil)
		ada := addFake(fake, "ada")
		row := func(i int) {
			fake.Insert("messages", ada, map[string]any{"text": fmt.Sprintf("row %02d", i), "date_created": "1999-12-31T23:59:59.000Z"})
		}
		for i := range 20 {
			row(i)
		}
		first := rejoin(t, l, "ada") // the feed is ready
		var reads atomic.Int64
		fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
			if r.Path == "/items/messages" && reads.Add(1) == 2 {
				row(20)
			}
			return directustest.RESTVerdict{}
		})
		c := l.Dial(t)
		c.LoginPass("x", "ada@example.com:ada")
		c.Send("JOIN #messages")
		c.Expect("* 366 *")
		time.Sleep(time.Second)
		got := texts(c.Sync())
		all := len(got)
		slices.Sort(got)
		if different := len(slices.Compact(got)); all != 21 || different != 21 {
			t.Errorf("%d lines, %d different, want 21", all, different)
		}
		first.Close()
		c.Close()
	})
}

// Rows without an event are found though events about others never cease.
func TestReconcileWhileBusy(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, l, _ := fakeStack(t, directustest.FakeOptions{}, nil)
		ada := addFake(fake, "ada")
		c := rejoin(t, l, "ada")
		fake.LoseEvents(true)
		fake.Insert("messages", ada, map[string]any{"text": "by SQL"})
		fake.LoseEvents(false)
		for i := range 10 {
			time.Sleep(time.Minute)
			fake.Insert("messages", ada, map[string]any{"text": fmt.Sprint("line ", i)})
		}
		found := false
		for _, text := range texts(c.Sync()) {
			found = found || strings.HasSuffix(text, "by SQL")
		}
		if !found {
			t.Error("not found in ten minutes")
		}
		c.Close()
	})
}
