package markers

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
	"directus-ircd/ircd/bell"
)

const (
	// maxMarkers is the number of targets that one user may have a read marker for.
	maxMarkers = 1000
	// maxBooks is how many users may have markers in memory only. Beyond it all of them are
	// dropped; users who are connected keep theirs until they leave.
	maxBooks = 10000
	// markerPause is how long a change waits to be stored, so that a client that scrolls
	// costs one write instead of hundreds; markerRetry is the pause after a failure.
	markerPause = 3 * time.Second
	markerRetry = 30 * time.Second
)

// ErrTooMany means that the user has maxMarkers read markers already.
var ErrTooMany = errors.New("too many read markers")

// Book holds the read markers of one user, for all connections of the user. Any goroutine may
// use it.
type Book struct {
	bell bell.Bell // a marker waits to be stored

	mu     sync.Mutex         // a leaf lock
	store  *Store             // nil: kept in memory only; guarded by mu
	loaded bool               // the store has been read; guarded by mu
	asked  time.Time          // when it was last asked for news; guarded by mu
	failed error              // why the last attempt to read it failed; guarded by mu
	again  time.Time          // when to try again; guarded by mu
	marks  map[string]*marker // by target; guarded by mu
}

// marker is a read marker of one target. It is guarded by Book.mu.
type marker struct {
	at    time.Time
	item  string // key of its item in the store; empty: not known
	dirty bool   // newer than what is stored
}

// IsUnwritten reports whether a change waits for Keep to store it.
func (b *Book) IsUnwritten() bool { return len(b.bell) > 0 }

// Books holds the books without a store, which outlive the sessions of their users. The zero
// value is ready for use, by any goroutine.
type Books struct {
	mu    sync.Mutex       // taken before Book.mu
	books map[string]*Book // by user id; guarded by mu
}

// Of returns the book of a user: a new one that reads the store or, if store is nil, the one
// that is kept in memory.
func (s *Books) Of(user string, store *Store) *Book {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.books == nil || len(s.books) >= maxBooks {
		s.books = map[string]*Book{}
	}
	b := s.books[user]
	if b == nil {
		b = &Book{bell: bell.New(), marks: map[string]*marker{}}
		if store == nil {
			s.books[user] = b
		}
	}
	b.mu.Lock()
	b.store = store
	b.mu.Unlock()
	return b
}

// Move makes the book go on with another store, to which all markers are then written.
func (b *Book) Move(store *Store) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.store, b.loaded, b.failed = store, false, nil
	for _, m := range b.marks {
		m.item, m.dirty = "", true
	}
	b.bell.Ring()
}

// Get returns the marker of a target, zero if there is none. It reads the store at the first
// call; the error means that this failed, and is repeated for some seconds without trying
// again.
func (b *Book) Get(ctx context.Context, target string) (time.Time, error) {
	if err := b.load(ctx); err != nil {
		return time.Time{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if m := b.marks[target]; m != nil {
		return m.at, nil
	}
	return time.Time{}, nil
}

// Set moves a marker forward, never back, and returns where it is afterwards. Keep stores it
// later. The error is ErrTooMany, or that of Get.
func (b *Book) Set(ctx context.Context, target string, at time.Time) (now time.Time, moved bool, err error) {
	if err := b.load(ctx); err != nil {
		return time.Time{}, false, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	m := b.marks[target]
	switch {
	case m == nil && len(b.marks) >= maxMarkers:
		return time.Time{}, false, ErrTooMany
	case m == nil:
		m = &marker{}
		b.marks[target] = m
	case !at.After(m.at):
		return m.at, false, nil
	}
	m.at, m.dirty = at, true
	b.bell.Ring()
	return at, true, nil
}

// load reads the store, once. Two connections may do so at the same time; a marker that was set
// meanwhile is not moved back.
func (b *Book) load(ctx context.Context) error {
	b.mu.Lock()
	store, done, failed := b.store, b.loaded || b.store == nil, b.failed
	wait := failed != nil && time.Now().Before(b.again)
	b.mu.Unlock()
	switch {
	case done:
		return nil
	case wait: // otherwise each JOIN of a client would wait for a Directus that does not answer
		return failed
	}
	stored, err := store.load(ctx)
	b.mu.Lock()
	if b.store != store { // Move was called meanwhile
		b.mu.Unlock()
		return b.load(ctx)
	}
	defer b.mu.Unlock()
	if err != nil && !collection.IsForbidden(err) { // without the right to read, markers live in memory
		b.failed, b.again = err, time.Now().Add(markerRetry)
		return err
	}
	b.loaded, b.asked = true, time.Now()
	b.merge(stored)
	return nil
}

// merge takes over the markers of the store that are ahead of those known, and returns them. The
// caller holds mu.
func (b *Book) merge(stored map[string]*marker) (moved map[string]time.Time) {
	moved = map[string]time.Time{}
	for target, s := range stored {
		own := b.marks[target]
		switch {
		case own == nil || s.at.After(own.at):
			b.marks[target], moved[target] = s, s.at
		case own.item == "":
			own.item = s.item
		}
	}
	return moved
}

// Refresh reads the store again, unless that was tried within a time, and returns the markers
// that another daemon has moved. It reads nothing before the first Get or Set: nobody has asked
// for a marker yet.
func (b *Book) Refresh(ctx context.Context, within time.Duration) (moved map[string]time.Time, err error) {
	b.mu.Lock()
	store, due := b.store, b.loaded && b.store != nil && time.Since(b.asked) >= within
	if due {
		b.asked = time.Now()
	}
	b.mu.Unlock()
	if !due {
		return nil, nil
	}
	stored, err := store.load(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case err != nil: // the next JOINs of a client need not wait as well
		b.asked = time.Now().Add(markerRetry)
		return nil, err
	case b.store != store: // Move was called meanwhile
		return nil, nil
	}
	return b.merge(stored), nil
}

// dirty returns copies of the markers that wait to be stored.
func (b *Book) dirty() map[string]marker {
	b.mu.Lock()
	defer b.mu.Unlock()
	waiting := map[string]marker{}
	for target, m := range b.marks {
		if m.dirty {
			waiting[target] = *m
		}
	}
	return waiting
}

// stored notes that a store now holds a marker s of a target.
func (b *Book) stored(store *Store, target string, s marker) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m := b.marks[target]; m != nil && b.store == store {
		m.item = s.item
		if m.dirty = m.at.After(s.at); !m.dirty {
			m.at = s.at
		}
	}
}

// Keep stores changes until ctx ends. It blocks: the caller runs it in a goroutine and joins
// that. Changes that wait when ctx ends are left to Flush.
func (b *Book) Keep(ctx context.Context, log zerolog.Logger) {
	wait := markerPause
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.bell:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(directus.Jitter(wait)):
		}
		wait = markerPause
		if err := b.Flush(ctx); err != nil && ctx.Err() == nil {
			log.Debug().Err(err).Msg("store read markers")
			wait = markerRetry
			b.bell.Ring()
		}
	}
}

// Flush stores the changes that wait. A marker that Directus refuses stays in memory, and is not
// tried again until it moves. The error is the first one.
func (b *Book) Flush(ctx context.Context) error {
	b.mu.Lock()
	store := b.store
	b.mu.Unlock()
	if store == nil {
		return nil
	}
	for target, s := range b.dirty() {
		now, err := store.save(ctx, target, s)
		if err != nil && (errors.Is(err, directus.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil) {
			return err
		}
		b.stored(store, target, now)
		if err != nil {
			return err
		}
	}
	return nil
}
