// Package budget bounds what all users, and each of them, read of history and backlogs at
// once, so that however much is asked for, memory stays within what the operator has set and
// Directus has time for others. Sessions read through it. It knows no Directus and no channel,
// and imports nothing of the module.
package budget

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	// defaultMemory is what a size of 0 stands for, in bytes, and the most that is taken.
	defaultMemory = 32 << 20
	// readMemory is about what reading a part of a page takes: the answer of Directus a few
	// times, and what is kept of it, see maxPart.
	readMemory = 3 << 20
	leastReads = 4
	// readsOfUser is how many of those reads one user may have at once.
	readsOfUser = 3
	// maxPart is what the messages of a page, or of a backlog, may take that are held at once,
	// in bytes. Where there is less memory it is one partShare-th of that: each client that is
	// given a page may hold a part.
	maxPart   = 768 << 10
	partShare = 32
	leastPart = 64 << 10
)

// ErrManyReads says that others read pages until the time was over.
var ErrManyReads = errors.New("too many pages are read at once")

// Pages bounds what is read at once by all. All are served in their order, and who waits
// holds nothing but places. It may be used by any goroutine.
type Pages struct{ room atomic.Pointer[room] }

type room struct {
	turns *semaphore.Weighted
	reads int64 // of turns
	part  int64 // see Part
}

// NewPages has so many bytes; 0: as many as usual.
func NewPages(size int64) *Pages {
	p := &Pages{}
	p.Resize(size)
	return p
}

// Resize gives it another size. What is read at the moment keeps its place in the old one.
func (p *Pages) Resize(size int64) {
	if size <= 0 || size > defaultMemory {
		size = defaultMemory
	}
	r := &room{reads: max(size/readMemory, leastReads), part: max(min(size/partShare, maxPart), leastPart)}
	if old := p.room.Load(); old != nil && old.reads == r.reads && old.part == r.part {
		return
	}
	r.turns = semaphore.NewWeighted(r.reads)
	p.room.Store(r)
}

// Part is how much a part of a page may take, in bytes.
func (p *Pages) Part() int64 { return p.room.Load().part }

// User is what one user reads. It may be used by any goroutine.
type User struct {
	turns *semaphore.Weighted
	pace  pace
}

// NewUser reads nothing yet.
func NewUser() *User { return &User{turns: semaphore.NewWeighted(readsOfUser)} }

// Read waits for its turn to read a part of a page: of a long one when the user reads nothing
// else. read says how many bytes the texts had that it has read. Its error is returned, or an
// ErrManyReads when ctx ends before it is called.
func (p *Pages) Read(ctx context.Context, u *User, long bool, read func() (bytes int64, err error)) error {
	r, n := p.room.Load(), int64(1)
	if long {
		n = readsOfUser
	}
	if u.turns.Acquire(ctx, n) != nil {
		return errors.Join(ErrManyReads, ctx.Err())
	}
	defer u.turns.Release(n)
	if u.pace.wait(ctx) != nil || r.turns.Acquire(ctx, 1) != nil {
		return errors.Join(ErrManyReads, ctx.Err())
	}
	defer r.turns.Release(1)
	begun := time.Now()
	bytes, err := read()
	u.pace.took(time.Since(begun), bytes)
	return err
}
