package presence

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/ircd/bell"
	"directus-ircd/ircd/ircdtest"
)

// TestManyEventsWakeOnce: a JOIN after a quiet time wakes the others in a large channel at once;
// many that follow each other wake them now and then, and nobody sees one later than within a
// tenth of a second. None is lost, and their order stays.
func TestManyEventsWakeOnce(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		r := NewRoster()
		in := NewInbox(bell.New())
		r.Join(r.Attach(User{ID: "watcher", Nick: "watcher"}, in, "", false), "#messages", nil)
		var seen []string
		look := func() {
			for _, ev := range in.Take(false) {
				seen = append(seen, ev.User.Nick)
			}
		}
		var joined []string
		join := func() {
			name := fmt.Sprintf("user%d", len(joined))
			joined = append(joined, name)
			r.Join(r.Attach(User{ID: name, Nick: name}, NewInbox(bell.New()), "", false), "#messages", nil)
		}
		for range 3 * manyWakes / 4 {
			join()
		}
		time.Sleep(time.Second)
		if look(); !in.Rung() {
			t.Fatal("nobody is woken")
		}
		time.Sleep(time.Second)
		if join(); !in.Rung() {
			t.Fatal("the first JOIN after a quiet time wakes nobody")
		}
		look()
		woken, oldest := 0, time.Time{}
		for range 300 { // as many milliseconds
			if join(); oldest.IsZero() {
				oldest = time.Now()
			}
			time.Sleep(time.Millisecond)
			synctest.Wait()
			if in.Rung() {
				woken++
				look()
				if late := time.Since(oldest); late > 100*time.Millisecond {
					t.Fatalf("a JOIN is seen after %v", late)
				}
				oldest = time.Time{}
			}
		}
		if woken < 3 || woken > 10 {
			t.Errorf("woken %d times", woken)
		}
		time.Sleep(100 * time.Millisecond)
		if look(); !slices.Equal(seen, joined) {
			t.Errorf("%d of %d JOINs are seen, or in another order", len(seen), len(joined))
		}
	})
}
