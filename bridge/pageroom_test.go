package bridge

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/ircd"
)

func roomy(backend *Backend, m *member) *session { return &session{backend: backend, member: m} }

// withRoom makes a backend with room for pages, and its members ada and bob.
func withRoom(size int64) *Backend {
	b := &Backend{members: map[string]*member{"ada": {}, "bob": {}}}
	b.pages.Store(newPageRoom(size))
	for _, m := range b.members {
		m.pages.Store(b.pages.Load().ofUser())
	}
	return b
}

// Another size holds for the pages that are read from then on; what is held is given
// back to the room that it was taken from.
func TestPageRoomResized(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := withRoom(8 << 20)
		s := roomy(b, b.members["ada"])
		page := func(bytes int64) (func(), error) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			return s.readPage(ctx, func() (int64, error) { return bytes, nil })
		}
		old := b.pages.Load()
		done, err := page(6 << 20)
		if err != nil {
			t.Fatal(err)
		}
		b.resizePages(8 << 20)
		if b.pages.Load() != old {
			t.Error("the same size makes another room")
		}
		b.resizePages(16 << 20)
		if _, err := page(12 << 20); err != nil {
			t.Errorf("a page of the new size: %v", err)
		}
		done()
		if !old.bytes.TryAcquire(old.size) {
			t.Error("the old room did not get back all")
		}
		s.endHolds()
		if room := b.pages.Load(); room.size != 16<<20 || !room.bytes.TryAcquire(room.size) {
			t.Errorf("the new room has %d", room.size)
		}
	})
}

// What pages take is bounded, for one user and for all; who finds no room in time is
// told so, and what was taken comes back.
func TestPageRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := withRoom(8 << 20)
		ada, bob := b.members["ada"], b.members["bob"]
		page := func(s *session, bytes int64) (func(), error) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			return s.readPage(ctx, func() (int64, error) { return bytes, nil })
		}
		first, second, other := roomy(b, ada), roomy(b, ada), roomy(b, bob)
		done, err := page(first, 5<<20)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := page(second, 5<<20); !errors.Is(err, errNoRoom) {
			t.Errorf("beyond a user's share: %v", err)
		}
		if _, err := page(second, smallPage); err != nil {
			t.Errorf("a small page: %v", err)
		}
		if _, err := page(first, 5<<20); !errors.Is(err, errNoRoom) {
			t.Errorf("a session that waits for itself: %v", err)
		}
		if _, err := page(other, 2<<20); err != nil {
			t.Errorf("somebody else: %v", err)
		}
		if _, err := page(other, 2<<20); !errors.Is(err, errNoRoom) {
			t.Errorf("beyond what all may have: %v", err)
		}
		done()
		done()
		if _, err := page(second, 100<<20); !errors.Is(err, errNoRoom) {
			t.Errorf("while another one has some: %v", err)
		}
		other.endHolds()
		if _, err := page(second, 100<<20); err != nil {
			t.Errorf("alone: %v", err)
		}
		second.endHolds()
		for _, room := range []*pageRoom{b.pages.Load(), ada.pages.Load(), bob.pages.Load()} {
			if !room.bytes.TryAcquire(room.size) || !room.reads.TryAcquire(1) {
				t.Error("not all came back")
			}
		}
		refused := errors.New("refused")
		if _, err := first.readPage(t.Context(), func() (int64, error) { return 0, refused }); err != refused {
			t.Error(err)
		}
	})
}

// Reading waits in the order of those who ask, and no more are read at once than there
// is memory for.
func TestPagesReadAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := withRoom(leastPageMemory)
		var mu sync.Mutex
		reading, most := 0, 0
		count := func(n int) {
			mu.Lock()
			defer mu.Unlock()
			reading += n
			most = max(most, reading)
		}
		ended := make(chan struct{})
		for range 40 {
			m := &member{}
			m.pages.Store(b.pages.Load().ofUser())
			go func() {
				_, err := roomy(b, m).readPage(t.Context(), func() (int64, error) {
					count(1)
					time.Sleep(time.Second)
					count(-1)
					return 0, nil
				})
				if err != nil {
					t.Error(err)
				}
				ended <- struct{}{}
			}()
			synctest.Wait()
		}
		for range 40 {
			<-ended
		}
		if most != leastReads {
			t.Errorf("%d were read at once", most)
		}
	})
}

// A page that is full is not cut within one time, by which a client may go on.
func TestFullPageEndsBetweenTimes(t *testing.T) {
	at := func(seconds ...int64) (list []found) {
		for _, s := range seconds {
			list = append(list, found{message: &ircd.Message{Time: time.Unix(s, 0)}})
		}
		return list
	}
	for _, test := range []struct {
		list []found
		want int
	}{{at(1, 2, 3), 2}, {at(1, 2, 2, 2), 1}, {at(1, 1), 0}, {at(1), 0}} {
		w := &walk{historian: &historian{}, found: test.list, scan: scan{done: true}}
		if err := w.close(); (test.want == 0) != errors.Is(err, errPageTooLarge) {
			t.Errorf("%d messages: %v", len(test.list), err)
		}
		if list, end := w.take(9); test.want > 0 && (len(list) != test.want || end) {
			t.Errorf("%d messages left, want %d, the end: %v", len(list), test.want, end)
		}
	}
}
