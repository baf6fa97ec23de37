package bridge

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func roomy(backend *Backend, m *member) *session { return &session{backend: backend, member: m} }

// What pages take is bounded, for one user and for all; who finds no room in time is
// told so, and what was taken comes back.
func TestPageRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &Backend{pages: newPageRoom(8 << 20)}
		ada, bob := &member{pages: b.pages.ofUser()}, &member{pages: b.pages.ofUser()}
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
		for _, room := range []*pageRoom{b.pages, ada.pages, bob.pages} {
			if !room.bytes.TryAcquire(room.size) || !room.reads.TryAcquire(1) {
				t.Error("not all came back")
			}
		}
		refused := errors.New("refused")
		ada.pages, b.pages = newPageRoom(1), newPageRoom(1)
		if _, err := first.readPage(t.Context(), func() (int64, error) { return 0, refused }); err != refused {
			t.Error(err)
		}
	})
}

// Reading waits in the order of those who ask, and no more are read at once than there
// is memory for.
func TestPagesReadAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &Backend{pages: newPageRoom(leastPageMemory)}
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
			m := &member{pages: b.pages.ofUser()}
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
