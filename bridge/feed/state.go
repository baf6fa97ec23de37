package feed

import (
	"time"

	"directus-ircd/bridge/collection"
)

// SetState records whether the collection was read, or why it cannot be, and wakes those who
// wait on the channel of Status.
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

// setFailures records how many readings have failed in a row, and wakes the readers when
// Trouble changes.
func (f *Feed) setFailures(n int) {
	f.mu.Lock()
	changed := (n >= troubleAfter) != (f.failing >= troubleAfter)
	f.failing = n
	f.mu.Unlock()
	if changed {
		f.journal.ring()
	}
}

// Trouble reports that several readings have failed in a row.
func (f *Feed) Trouble() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failing >= troubleAfter
}

// ReadAt is when, by our clock, the last complete reading began.
func (f *Feed) ReadAt() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.current
}

// Extent is how far a feed knows its collection.
type Extent struct {
	Date time.Time           // up to which it has been read; zero if it has not
	Come collection.Bookmark // up to which late rows were told
}

// ReadTo is how far the feed knows its collection.
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
