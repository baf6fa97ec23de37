package budget

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// readAtOnce is how many reads there are at once of some users, of which each takes a second.
func readAtOnce(t *testing.T, p *Pages, users []*User) int {
	var mu sync.Mutex
	reading, most := 0, 0
	count := func(n int) {
		mu.Lock()
		defer mu.Unlock()
		reading += n
		most = max(most, reading)
	}
	var all sync.WaitGroup
	for _, u := range users {
		all.Go(func() {
			err := p.Read(t.Context(), u, false, func() (int64, error) {
				count(1)
				time.Sleep(time.Second)
				count(-1)
				return 0, nil
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
		p := NewPages(18 << 20)
		others, one := make([]*User, 40), NewUser()
		same := make([]*User, 40)
		for i := range others {
			others[i], same[i] = NewUser(), one
		}
		if n := readAtOnce(t, p, others); n != 6 {
			t.Errorf("%d users read at once", n)
		}
		if n := readAtOnce(t, p, same); n != readsOfUser {
			t.Errorf("one user reads %d at once", n)
		}
		refused := errors.New("refused")
		for _, long := range []bool{false, true} {
			for range 10 {
				if err := p.Read(t.Context(), one, long, func() (int64, error) { return 0, refused }); err != refused {
					t.Error(err)
				}
			}
		}
		if !p.room.Load().turns.TryAcquire(6) {
			t.Error("not all came back")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.Read(ctx, one, false, func() (int64, error) { return 0, nil }); !errors.Is(err, ErrManyReads) {
			t.Errorf("without a turn: %v", err)
		}
	})
}

// Another size holds for what is read from then on.
func TestPagesResized(t *testing.T) {
	p := NewPages(30 << 20)
	old := p.room.Load()
	if p.Resize(31 << 20); p.room.Load() != old {
		t.Error("room for as many reads is another room")
	}
	if p.Resize(24 << 20); !p.room.Load().turns.TryAcquire(8) || p.room.Load().turns.TryAcquire(1) {
		t.Error("no room for 8 reads")
	}
	for size, want := range map[int64]struct{ reads, part int64 }{
		0: {10, maxPart}, 1: {leastReads, leastPart}, 10 << 20: {leastReads, 320 << 10}, 12 << 20: {4, 384 << 10}, 24 << 20: {8, maxPart}, 1 << 40: {10, maxPart},
	} {
		if r := NewPages(size).room.Load(); r.reads != want.reads || r.part != want.part {
			t.Errorf("%d bytes: %d reads at once, of parts of %d bytes", size, r.reads, r.part)
		}
	}
}
