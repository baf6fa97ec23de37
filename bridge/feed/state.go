package feed

import (
	"time"

	"directus-ircd/bridge/collection"
)

// SetState tells those who wait in status.
func (f *Feed) SetState(ready bool, err error) {
	f.mu.Lock()
	changed := ready && !f.ready || (err == nil) != (f.err == nil) || err != nil
	f.ready = f.ready || ready
	f.err = err
	if changed {
		close(f.changed)
		f.changed = make(chan struct{})
	}
	f.mu.Unlock()
	if changed {
		f.journal.ring()
	}
}

// setFailures counts the reads that failed in a row; trouble tells that they
// are more than a hiccup.
func (f *Feed) setFailures(n int) {
	f.mu.Lock()
	changed := (n >= troubleAfter) != (f.failing >= troubleAfter)
	f.failing = n
	f.mu.Unlock()
	if changed {
		f.journal.ring()
	}
}

func (f *Feed) Trouble() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failing >= troubleAfter
}

// ReadAt is when the last complete catch-up began.
func (f *Feed) ReadAt() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.current
}

// Extent is up to where a collection is known.
type Extent struct {
	Date time.Time           // up to which it has been read; zero if it has not
	Come collection.Bookmark // up to which what came late was told
}

// ReadTo is up to where the feed knows its collection.
func (f *Feed) ReadTo() Extent {
	f.mu.Lock()
	defer f.mu.Unlock()
	return Extent{f.reached, f.Group.Dates.Late.Bookmark()}
}

// Status tells whether the feed has read its collection, or why it cannot.
func (f *Feed) Status() (ready bool, changed <-chan struct{}, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ready, f.changed, f.err
}
