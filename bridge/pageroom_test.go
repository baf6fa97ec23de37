package bridge

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"
)

func newReader(b *Backend) *session {
	return &session{backend: b, member: &member{reads: semaphore.NewWeighted(readsOfUser)}}
}

// readAtOnce is how many of some readers read at once, of which each takes a second.
func readAtOnce(t *testing.T, readers []*session) int {
	var mu sync.Mutex
	reading, most := 0, 0
	count := func(n int) {
		mu.Lock()
		defer mu.Unlock()
		reading += n
		most = max(most, reading)
	}
	var all sync.WaitGroup
	for _, s := range readers {
		all.Go(func() {
			err := s.reading(t.Context(), &historian{}, func(context.Context) error {
				count(1)
				time.Sleep(time.Second)
				count(-1)
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	return most
}

// No more is read at once than there is memory for, by one user or by all; who does not
// get a turn in time is told so, and what a failed read took comes back.
func TestPagesReadAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &Backend{}
		b.pages.Store(newPageRoom(18 << 20))
		others := make([]*session, 40)
		for i := range others {
			others[i] = newReader(b)
		}
		if n := readAtOnce(t, others); n != 6 {
			t.Errorf("%d users read at once", n)
		}
		one := newReader(b)
		same := make([]*session, 40)
		for i := range same {
			same[i] = &session{backend: b, member: one.member}
		}
		if n := readAtOnce(t, same); n != readsOfUser {
			t.Errorf("one user reads %d at once", n)
		}
		refused := errors.New("refused")
		for range 10 {
			if err := one.reading(t.Context(), &historian{}, func(context.Context) error { return refused }); err != refused {
				t.Error(err)
			}
		}
		if !b.pages.Load().reads.TryAcquire(6) {
			t.Error("not all came back")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := one.reading(ctx, &historian{}, func(context.Context) error { return nil }); !errors.Is(err, errManyReads) {
			t.Errorf("without a turn: %v", err)
		}
	})
}

// Another size holds for what is read from then on.
func TestPageRoomResized(t *testing.T) {
	b := &Backend{}
	b.pages.Store(newPageRoom(18 << 20))
	old := b.pages.Load()
	if b.resizePages(18<<20, 19<<20); b.pages.Load() != old {
		t.Error("room for as many reads is another room")
	}
	if b.resizePages(18<<20, 24<<20); !b.pages.Load().reads.TryAcquire(8) || b.pages.Load().reads.TryAcquire(1) {
		t.Error("no room for 8 reads")
	}
	for size, want := range map[int64]int64{0: 10, 1: leastReads, 12 << 20: 4, 1 << 40: 10} {
		if n := readsAtOnce(size); n != want {
			t.Errorf("%d reads at once in %d bytes", n, size)
		}
	}
}
