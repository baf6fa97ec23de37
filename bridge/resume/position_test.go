package resume

import (
	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/state"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"go.etcd.io/bbolt"
)

// dated returns a row with a date, which is all that a position looks at.
func dated(id int, at time.Time) collection.Row {
	return collection.Row{ID: fmt.Sprint(id), Date: at, RawDate: "some"}
}

// upTo returns the horizon of a clock that was not set back.
func upTo(at time.Time) collection.Horizon { return collection.Horizon{Now: at, Ever: at} }

// ourClock is a Directus whose clock agrees with ours.
func ourClock() (now time.Time, known bool) { return time.Now(), true }

// A position knows what was delivered, in whatever order and however much.
func TestTrail(t *testing.T) {
	now := time.Now().Add(-time.Hour)
	const n = 5 * maxDelivered
	for _, step := range []time.Duration{0, time.Millisecond, time.Second} {
		var whole, delta Position
		for i := range n {
			at := i ^ 1 // two come the wrong way round
			delta.Add(dated(at, now.Add(time.Duration(at)*step)), upTo(time.Now()))
			if rand.IntN(50) == 0 {
				whole.Merge(delta, upTo(time.Now()))
				whole.Reach(now.Add(time.Duration(i)*step), upTo(time.Now()))
				delta = Position{}
			}
		}
		whole.Merge(delta, upTo(time.Now()))
		whole.Reach(now.Add(n*step), upTo(time.Now()))
		whole.trim(upTo(time.Now()))
		if len(whole.Delivered) > maxDelivered || len(delta.Delivered) > 2*maxDelivered {
			t.Errorf("%v: %d steps", step, len(whole.Delivered))
		}
		received, bound := whole.Received(), whole.Bound()
		for i := range n {
			r := dated(i, now.Add(time.Duration(i)*step))
			if bound.IsInFrontOf(r) && !received(r) {
				t.Fatalf("%v: row %d of %d is not known", step, i, n)
			}
		}
		if next := dated(n, now.Add(n*step)); !bound.IsInFrontOf(next) || received(next) {
			t.Errorf("%v: the next row is taken for received", step)
		}
	}
}

// Rows dated in the future hide no rows of the present.
func TestTrailOfTheFuture(t *testing.T) {
	var tr Position
	tr.Reach(time.Now().Add(time.Hour), upTo(time.Now()))
	for i := range 3 * maxDelivered {
		tr.Add(dated(i, time.Now().Add(1000*time.Hour)), upTo(time.Now()))
	}
	tr.Merge(Position{Date: time.Now().Add(2000 * time.Hour)}, upTo(time.Now()))
	if r := dated(9999, time.Now()); !tr.Bound().IsInFrontOf(r) || tr.Received()(r) {
		t.Error("a row of now is taken for received")
	}
	before := len(tr.Delivered)
	if tr.Add(collection.Row{ID: "1", Date: time.Now()}, upTo(time.Now())); len(tr.Delivered) != before {
		t.Error("a row without a date is noted")
	}
}

// If the clock of Directus was set back, a device has received all rows dated after the time that
// it shows now, and those delivered since; it has missed other rows written since.
func TestTrailWhileTheClockIsSetBack(t *testing.T) {
	before := time.Now()
	now := before.Add(-time.Hour)
	var tr Position
	tr.Merge(Position{Date: before, Delivered: []Delivery{DeliveryOf(dated(1, before.Add(-time.Second)))}}, upTo(before))
	tr.Merge(Position{Date: before, Delivered: []Delivery{DeliveryOf(dated(2, now.Add(-time.Second)))}}, collection.Horizon{Now: now, Ever: before})
	busy := tr
	busy.Floor = DeliveryOf(dated(5, before.Add(-10*time.Second)))
	for _, c := range []struct {
		what     string
		position Position
		row      collection.Row
		received bool
	}{
		{"shown in front of that", tr, dated(1, before.Add(-time.Second)), true},
		{"shown since", tr, dated(2, now.Add(-time.Second)), true},
		{"written since", tr, dated(3, now.Add(-2*time.Second)), false},
		{"of the time ahead", tr, dated(4, now.Add(time.Second)), true},
		{"written last in front of that", tr, dated(4, before.Add(-10*time.Second)), false},
		{"written since, behind too many", busy, dated(3, now.Add(-2*time.Second)), false},
		{"one of the too many", busy, dated(4, before.Add(-10*time.Second)), true},
		{"behind them", busy, dated(6, before.Add(-10*time.Second)), false},
	} {
		had := c.position.AsOf(now)
		if got := had.Received()(c.row); got != c.received || !had.Bound().IsInFrontOf(c.row) {
			t.Errorf("%s: received %v, read %v", c.what, got, had.Bound().IsInFrontOf(c.row))
		}
	}
}

// A device that is shown more rows than are kept one by one, before and after the clock of
// Directus was set back, has received all rows written before that, and of those written since
// the ones that it was shown.
func TestTrailOfManyWhileTheClockIsSetBack(t *testing.T) {
	before := time.Now()
	set := before.Add(-2 * time.Minute)
	for _, since := range []int{400, 3 * maxDelivered} {
		tr := Position{Date: before.Add(-30 * time.Second)}
		note := func(first, n int, at time.Time, h collection.Horizon, every time.Duration) {
			for i := 0; i < n; {
				var news Position
				for end := min(i+16, n); i < end; i++ {
					news.Add(dated(first+i, at.Add(time.Duration(i)*every)), h)
				}
				tr.Merge(news, h)
			}
		}
		const long = 100 * time.Second / (maxDelivered - 100)
		note(1, maxDelivered-100, set.Add(10*time.Second), upTo(before), long)
		note(1000, since, set, collection.Horizon{Now: set.Add(2 * time.Second), Ever: before}, time.Millisecond)
		note(5000, 100, before.Add(-time.Second), collection.Horizon{Now: set.Add(2 * time.Second), Ever: before}, time.Millisecond) // they were on their way
		for _, now := range []time.Time{set.Add(3 * time.Second), set.Add(time.Minute), before.Add(time.Second)} {
			had := tr.AsOf(now)
			received, bound := had.Received(), had.Bound()
			for _, c := range []struct {
				first, n int
				at       time.Time
				every    time.Duration
			}{{1, maxDelivered - 100, set.Add(10 * time.Second), long}, {1000, since, set, time.Millisecond}, {5000, 100, before.Add(-time.Second), time.Millisecond}} {
				for i := range c.n {
					if r := dated(c.first+i, c.at.Add(time.Duration(i)*c.every)); bound.IsInFrontOf(r) && !received(r) {
						t.Fatalf("%d since, %v behind: row %d is not known", since, before.Sub(now), c.first+i)
					}
				}
			}
			if r := dated(9999, now.Add(-time.Millisecond)); now.Before(before) && (!bound.IsInFrontOf(r) || received(r)) {
				t.Errorf("%d since, %v behind: what is written now is taken for received", since, before.Sub(now))
			}
		}
	}
}

func (s *Positions) has(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept[key] != nil
}

func (s *Positions) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.kept)
}

// The positions of one user, and of all users together, are bounded. Those of the devices that
// were away for the longest are dropped, and none of a device that is here.
func TestTrailBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, positions := positionsIn(t, t.TempDir())
		defer store.Close()
		positions.Begin(time.Hour, ourClock)
		key := func(user string, i int) string {
			return Key("http://x", user, fmt.Sprint("device", i), "messages", "#messages")
		}
		use := func(key string) {
			positions.Open(key)
			positions.Merge(key, Position{Date: time.Now()}, upTo(time.Now()))
		}
		use(key("ada", -1)) // and stays
		use(key("adam", 0)) // another user, whose id begins alike
		positions.Release(key("adam", 0))
		for i := range 2 * maxUserPositions {
			use(key("ada", i))
			positions.Release(key("ada", i))
			time.Sleep(time.Millisecond)
		}
		for _, c := range []struct {
			key  string
			kept bool
		}{
			{key("ada", -1), true}, {key("adam", 0), true}, {key("ada", 0), false}, {key("ada", maxUserPositions), false},
			{key("ada", maxUserPositions+1), true}, {key("ada", 2*maxUserPositions-1), true},
		} {
			if got := positions.has(c.key); got != c.kept {
				t.Errorf("%q: kept %v", c.key, got)
			}
		}
		positions.mu.Lock()
		for i := len(positions.kept); i < maxPositions; i++ {
			positions.kept[key(fmt.Sprint("user", i), 0)] = &keptPosition{position: &Position{}, seen: time.Now().Add(-time.Minute)}
		}
		positions.mu.Unlock()
		use(key("eve", 0))
		if n := positions.len(); n != maxPositions-maxPositions/10+1 || !positions.has(key("eve", 0)) || !positions.has(key("ada", -1)) {
			t.Errorf("%d are kept", n)
		}
		time.Sleep(3 * time.Hour)
		if n := positions.len(); n != 2 { // those in use
			t.Errorf("%d are kept after a while", n)
		}
	})
}

// A position expires exactly after the maximal age, not when Tidy is called next.
func TestTrailAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, positions := positionsIn(t, "")
		positions.Begin(10*time.Minute, ourClock)
		date := time.Now()
		positions.Open("a")
		positions.Merge("a", Position{Date: date}, upTo(time.Now()))
		for _, c := range []struct {
			away time.Duration
			kept bool
		}{{9 * time.Minute, true}, {9 * time.Minute, true}, {11 * time.Minute, false}} {
			positions.Release("a")
			time.Sleep(c.away)
			positions.Open("a")
			if got := positions.Get("a").Known(); got != c.kept {
				t.Errorf("away for %v: kept %v", c.away, got)
			}
		}
		positions.Release("a")
	})
}

// positionsIn opens the positions of a directory; without a name they are in memory.
func positionsIn(t *testing.T, directory string) (*state.Store, *Positions) {
	t.Helper()
	var kept *Positions
	store, err := state.Open(directory, func(s *state.Store) []state.Bucket {
		kept = NewPositions(s, zerolog.Nop())
		return []state.Bucket{kept}
	}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	return store, kept
}

// note adds the position of a device that has left.
func (s *Positions) note(key string, noted Position) {
	s.Open(key)
	s.Merge(key, noted, upTo(noted.Date))
	s.Release(key)
}

// A position that was not written stays in memory even if it is not open.
func TestTrailsThatAreNotWritten(t *testing.T) {
	_, positions := positionsIn(t, "")
	positions.note("a", Position{Date: time.Now()})
	for _, written := range []bool{false, true} {
		changes := map[string]any{"a": nil}
		positions.Settle(changes, written)
		if got := positions.kept["a"]; (got.position == nil) != written {
			t.Errorf("written: %v, in memory is %+v", written, got.position)
		}
	}
}

// A file of an earlier release, which holds nothing but positions, can be read.
func TestStateOfBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		db, err := bbolt.Open(filepath.Join(dir, "resume.db"), 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = db.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucket([]byte("trails 1"))
			if err != nil {
				return err
			}
			return b.Put([]byte("a"), fmt.Appendf(nil, `{"seen":%d,"trail":{"date":"2000-01-01T00:00:00Z","floor":{"id":"","at":0},"steps":[{"id":"7","at":946684800000}]}}`, time.Now().Unix()))
		})
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		store, positions := positionsIn(t, dir)
		defer store.Close()
		positions.Begin(time.Hour, ourClock)
		positions.Open("a")
		if got := positions.Get("a"); len(got.Delivered) != 1 || got.Delivered[0].ID != "7" {
			t.Errorf("got %+v", got)
		}
	})
}
