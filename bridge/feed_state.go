package bridge

import (
	"time"

	"directus-ircd/bridge/collection"
)

// setState tells those who wait in status.
func (f *feed) setState(ready bool, err error) {
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
func (f *feed) setFailures(n int) {
	f.mu.Lock()
	changed := (n >= troubleAfter) != (f.failing >= troubleAfter)
	f.failing = n
	f.mu.Unlock()
	if changed {
		f.journal.ring()
	}
}

func (f *feed) trouble() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failing >= troubleAfter
}

// readAt is when the last complete catch-up began.
func (f *feed) readAt() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.current
}

// extent is up to where a collection is known.
type extent struct {
	date time.Time           // up to which it has been read; zero if it has not
	come collection.Bookmark // up to which what came late was told
}

// readTo is up to where the feed knows its collection.
func (f *feed) readTo() extent {
	f.mu.Lock()
	defer f.mu.Unlock()
	return extent{f.reached, f.group.Dates.Late.Bookmark()}
}

// status tells whether the feed has read its collection, or why it cannot.
func (f *feed) status() (ready bool, changed <-chan struct{}, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ready, f.changed, f.err
}
