package bridge

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	// defaultPageMemory is Options.PageMemory if that is 0, and the most that is taken.
	defaultPageMemory = 32 << 20
	// readMemory is about what reading a part of a page takes: the answer of Directus a
	// few times, see maxRowsAnswer, and what is kept of it, see partMemory.
	readMemory = 3 << 20
	leastReads = 4
	// readsOfUser is how many of those reads one user may have at once.
	readsOfUser = 3
)

// errManyReads says that others read pages until the time was over.
var errManyReads = errors.New("too many pages are read at once")

// pageRoom bounds what is read at once of history and backlogs. All are served in their
// order, and who waits holds nothing but places.
type pageRoom struct {
	reads *semaphore.Weighted
	part  int64 // what a part of a page may take, in bytes; static
}

func newPageRoom(size int64) *pageRoom {
	return &pageRoom{reads: semaphore.NewWeighted(readsAtOnce(size)), part: partOf(size)}
}

// pageMemory is what Options.PageMemory stands for.
func pageMemory(size int64) int64 {
	if size <= 0 || size > defaultPageMemory {
		return defaultPageMemory
	}
	return size
}

// readsAtOnce is for how many reads there is room in Options.PageMemory.
func readsAtOnce(size int64) int64 { return max(pageMemory(size)/readMemory, leastReads) }

// partOf is how much a part of a page may take there.
func partOf(size int64) int64 { return max(min(pageMemory(size)/partShare, partMemory), leastPart) }

// resizePages replaces the room if the backend's is to be of another size. What is read
// at the moment keeps its place in the old one. b.mu is held.
func (b *Backend) resizePages(old, size int64) {
	if readsAtOnce(old) != readsAtOnce(size) || partOf(old) != partOf(size) {
		b.pages.Store(newPageRoom(size))
	}
}

// reading waits for its turn to read a part of a history, which historyTimeout bounds: of
// a long one when its user reads nothing else. It may be called from any goroutine.
func (s *session) reading(ctx context.Context, h *historian, read func(context.Context) error) error {
	m, room, n := s.member, s.backend.pages.Load(), int64(1)
	if h.isLong() {
		n = readsOfUser
	}
	if m.reads.Acquire(ctx, n) != nil {
		return errors.Join(errManyReads, ctx.Err())
	}
	defer m.reads.Release(n)
	if m.pace.wait(ctx) != nil || room.reads.Acquire(ctx, 1) != nil {
		return errors.Join(errManyReads, ctx.Err())
	}
	defer room.reads.Release(1)
	begun, before := time.Now(), h.read
	defer func() { m.pace.took(time.Since(begun), h.read-before) }()
	ctx, cancel := context.WithTimeout(ctx, historyTimeout)
	defer cancel()
	return read(ctx)
}

const (
	// paceRest is how many times as long as Directus has read texts for a user it does not
	// have to read others for the same one, and paceRate how many bytes of them it may read
	// for a user in a second all the same, however long it takes.
	paceRest = 3
	paceRate = 1 << 20
	// paceBurst is how much of that time is not waited for: a page or a backlog now and
	// then is read as fast as it can be.
	paceBurst = 3 * time.Second
	// paceDebt is for how long a user waits at most.
	paceDebt = 2 * time.Second
)

// pace keeps a user who reads one long page after the other from taking the time of
// Directus, and of the machine, from all others: it is the generic cell rate algorithm
// (ITU-T I.371). The zero value is ready for use, by any goroutine.
type pace struct {
	mu   sync.Mutex
	rest time.Time // when the user has rested enough; guarded by mu
}

// wait waits until the user may read texts.
func (p *pace) wait(ctx context.Context) error {
	p.mu.Lock()
	left := time.Until(p.rest.Add(-paceBurst))
	p.mu.Unlock()
	if left <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// took notes how long it took to read texts of so many bytes.
func (p *pace) took(d time.Duration, bytes int64) {
	rest := min(paceRest*d, time.Duration(bytes)*time.Second/paceRate)
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if left := p.rest.Sub(now); left > 0 {
		rest += left
	}
	p.rest = now.Add(min(rest, paceBurst+paceDebt))
}
