package bridge

import (
	"context"
	"errors"

	"golang.org/x/sync/semaphore"

	"directus-ircd/ircd"
)

const (
	// defaultPageMemory is Options.PageMemory if that is 0, and the most that is taken.
	defaultPageMemory = 32 << 20
	leastPageMemory   = 4 << 20
	// smallPage is what a page may hold that nobody counts, in bytes.
	smallPage = 64 << 10
	// readMemory is about what reading a page takes on the way, so as to tell how many
	// may be read at once; readsOfUser is how many one user may have.
	readMemory  = 2 << 20
	leastReads  = 4
	readsOfUser = 4
)

var (
	// errNoRoom says that others' pages took all the room until the time was over.
	errNoRoom = errors.New("the pages of others take all the memory for pages")
	// errPageTooLarge says that the messages of one time alone would take more than one user may have.
	errPageTooLarge = errors.New("the messages of one time are too long for one page")
)

// pageRoom is the memory that pages of history and backlogs may take, from when they
// are read until their client has been given all of it. Who waits for room holds no
// page but the one just read, and those are few; all are served in their order.
type pageRoom struct {
	size  int64 // bytes
	reads *semaphore.Weighted
	bytes *semaphore.Weighted
}

func newPageRoom(size int64) *pageRoom {
	size = pageMemory(size)
	return &pageRoom{size: size, reads: semaphore.NewWeighted(max(size/readMemory, leastReads)), bytes: semaphore.NewWeighted(size)}
}

// pageMemory is the size of the room that Options.PageMemory asks for.
func pageMemory(asked int64) int64 {
	if asked <= 0 {
		return defaultPageMemory
	}
	return min(max(asked, leastPageMemory), defaultPageMemory)
}

// resizePages replaces the rooms if the backend's is to be of another size. Pages that
// are held keep that of the old ones. b.mu is held.
func (b *Backend) resizePages(asked int64) {
	if pageMemory(asked) == b.pages.Load().size {
		return
	}
	b.pages.Store(newPageRoom(asked))
	for _, m := range b.members {
		m.pages.Store(b.pages.Load().ofUser())
	}
}

// ofUser is what one user may have of it.
func (p *pageRoom) ofUser() *pageRoom {
	share := p.share()
	return &pageRoom{size: share, reads: semaphore.NewWeighted(readsOfUser), bytes: semaphore.NewWeighted(share)}
}

// share leaves something to others, whatever one user does.
func (p *pageRoom) share() int64 { return p.size / 4 * 3 }

// take waits until there is room for n bytes; more than all of it counts as that.
func (p *pageRoom) take(ctx context.Context, n int64, wait bool) (release func(), err error) {
	n = min(n, p.size)
	// What was read in the last moment of ctx is not thrown away where there is room.
	if !p.bytes.TryAcquire(n) && (!wait || p.bytes.Acquire(ctx, n) != nil) {
		return nil, errNoRoom
	}
	return func() { p.bytes.Release(n) }, nil
}

// hold is the room of one page. It belongs to its session.
type hold struct{ release []func() }

// readPage has a page read, which returns about how many bytes it takes, and gets the
// room for it. done gives that back, when the client has been given the page; it is
// called by the session's goroutine, any number of times. The end of the session
// calls it too.
func (s *session) readPage(ctx context.Context, read func() (bytes int64, err error)) (done func(), err error) {
	rooms := []*pageRoom{s.member.pages.Load(), s.backend.pages.Load()}
	for _, room := range rooms {
		if room.reads.Acquire(ctx, 1) != nil {
			return nil, errors.Join(errNoRoom, ctx.Err())
		}
		defer room.reads.Release(1)
	}
	bytes, err := read()
	if err != nil || bytes <= smallPage {
		return func() {}, err
	}
	h := &hold{}
	for _, room := range rooms {
		// Who has not been given a page yet would wait for itself.
		release, err := room.take(ctx, bytes, len(s.holds) == 0)
		if err != nil {
			h.end()
			return nil, errors.Join(err, ctx.Err())
		}
		h.release = append(h.release, release)
	}
	if s.holds == nil {
		s.holds = map[*hold]struct{}{}
	}
	s.holds[h] = struct{}{}
	return func() {
		delete(s.holds, h)
		h.end()
	}, nil
}

func (h *hold) end() {
	for _, release := range h.release {
		release()
	}
	h.release = nil
}

// endHolds gives back the room of pages that were never shown.
func (s *session) endHolds() {
	for h := range s.holds {
		h.end()
	}
	s.holds = nil
}

// sizeOf is about what messages take in memory, in bytes.
func sizeOf(m *ircd.Message) int64 {
	n := entryCost + len(m.Text)
	if m.Quote != nil {
		n += len(m.Quote.Text)
	}
	return int64(n)
}
