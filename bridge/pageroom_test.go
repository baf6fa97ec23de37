package bridge

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"

	"directus-ircd/ircd"
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
	b.pages.Store(newPageRoom(30 << 20))
	old := b.pages.Load()
	if b.resizePages(30<<20, 31<<20); b.pages.Load() != old {
		t.Error("room for as many reads is another room")
	}
	if b.resizePages(30<<20, 24<<20); !b.pages.Load().reads.TryAcquire(8) || b.pages.Load().reads.TryAcquire(1) {
		t.Error("no room for 8 reads")
	}
	for size, want := range map[int64]int64{0: 10, 1: leastReads, 12 << 20: 4, 1 << 40: 10} {
		if n := readsAtOnce(size); n != want {
			t.Errorf("%d reads at once in %d bytes", n, size)
		}
	}
	for size, want := range map[int64]int64{0: partMemory, 1: leastPart, 10 << 20: 320 << 10, 24 << 20: partMemory, 1 << 40: partMemory} {
		if n := newPageRoom(size).part; n != want {
			t.Errorf("parts of %d bytes in %d", n, size)
		}
	}
}

// Where there is little memory a client is given smaller parts, of a page and of a backlog.
func TestPartsInLittleMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, s, _ := longChat(t, 40, longText, 30)
		const part = 200 << 10
		s.backend.pages.Store(newPageRoom(part * partShare))
		joined, err := s.Join(t.Context(), "#messages", ircd.JoinOptions{Backlog: true})
		if err != nil {
			t.Fatal(err)
		}
		page, err := s.History(t.Context(), ircd.HistoryQuery{Target: "#messages", Mode: ircd.HistoryLatest, Limit: 30})
		if err != nil {
			t.Fatal(err)
		}
		for what, events := range map[string][]ircd.Event{"backlog": {&ircd.Backlog{Messages: joined.Backlog}}, "page": page.Events} {
			if list, size := texts(events); len(list) == 0 || size > part {
				t.Errorf("the first part of a %s: %d messages of %d bytes", what, len(list), size)
			}
		}
		wantLines(t, "backlog", whole(t, []ircd.Event{&ircd.Backlog{Messages: joined.Backlog}}, joined.More), 10, 40)
		wantLines(t, "page", whole(t, page.Events, page.More), 10, 40)
	})
}
