package feed

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// probesPerSecond is how often the feeds of single users together ask Directus for what was
	// stored lately, as long as all events seem to come.
	probesPerSecond = 5
	// lossLife is how long it counts that a row without an event was found, and for how long
	// no more is logged of such rows.
	lossLife = time.Hour
)

// watch is what the feeds of a Set know together of rows without events. Shared feeds are few,
// and each asks for such rows every probePeriod. A feed of one user, for private messages or
// where a rule limits what that user reads, must ask by itself, and everybody may have one:
// these ask the more rarely the more of them there are, until one of all feeds has found such
// a row. From then on they ask every probePeriod, as the reason is hardly one of a single
// collection. What one finds makes those ask at once that read the same collection.
type watch struct {
	mu    sync.Mutex         // a leaf lock
	feeds map[*Feed]struct{} // that run; guarded by mu
	alone int                // those of feeds that are not shared; guarded by mu
	lost  time.Time          // when a row without an event was found last; guarded by mu
	total int64              // how many were found, counted in each feed; guarded by mu

	recovered, misplaced atomic.Int64 // see Set.Recovered and Set.Misplaced
}

// add makes a feed known.
func (w *watch) add(f *Feed) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.feeds == nil {
		w.feeds = map[*Feed]struct{}{}
	}
	w.feeds[f] = struct{}{}
	if !f.Key.IsShared() {
		w.alone++
	}
}

// remove makes a feed unknown. It may be called again.
func (w *watch) remove(f *Feed) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, known := w.feeds[f]; known && !f.Key.IsShared() {
		w.alone--
	}
	delete(w.feeds, f)
}

// period is the time between two probes of a feed that is not in doubt.
func (w *watch) period(f *Feed) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if f.Key.IsShared() || !w.lost.IsZero() && time.Since(w.lost) < lossLife {
		return probePeriod
	}
	return max(probePeriod, time.Duration(w.alone)*time.Second/probesPerSecond)
}

// alarm makes the other feeds of a collection ask within a second.
func (w *watch) alarm(f *Feed) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for other := range w.feeds {
		if other != f && other.Group.Collection == f.Group.Collection {
			other.alarmed.Ring()
		}
	}
}

// count counts rows without events that a feed has found. first says that none was found for
// long.
func (w *watch) count(n int) (first bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	first = w.lost.IsZero() || time.Since(w.lost) >= lossLife
	w.lost = time.Now()
	w.total += int64(n)
	return first
}

// Unannounced is how many rows were found of which Directus did not tell, counted in each feed
// that found them. It may be called from any goroutine.
func (fs *Set) Unannounced() int64 {
	fs.watch.mu.Lock()
	defer fs.watch.mu.Unlock()
	return fs.watch.total
}

// Recovered is how many new messages a reading has found before an event told of them, counted
// in each feed. It may be called from any goroutine.
func (fs *Set) Recovered() int64 { return fs.watch.recovered.Load() }

// Misplaced is how often a row with a lower key did not come in time, so that the collection was
// read for it. It may be called from any goroutine.
func (fs *Set) Misplaced() int64 { return fs.watch.misplaced.Load() }

// spread is a time up to an eighth shorter than a period, so that feeds do not ask together.
func spread(period time.Duration) time.Duration { return period - rand.N(period/8) }
