package bridge

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/bridge/budget"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
)

// One user whose clients read long pages again and again leaves Directus most of its time,
// and others are served at once meanwhile.
func TestLongPagesArePaced(t *testing.T) {
	const question, period = 100 * time.Millisecond, 15 * time.Second
	synctest.Test(t, func(t *testing.T) {
		fake, s, _ := longChat(t, 40, longText, 0)
		fake.AddUser(directustest.FakeUser{Email: "bob@example.com", Password: "bob", FirstName: "Bob"})
		bob, err := s.backend.Login(t.Context(), ircd.Credentials{Account: "bob@example.com", Secret: "bob"})
		if err != nil {
			t.Fatal(err)
		}
		defer bob.Close(context.Background())
		ask := func(ctx context.Context, s ircd.Session, limit int) {
			p, err := s.(ircd.HistoryReader).History(ctx, ircd.HistoryQuery{Target: "#messages", Mode: ircd.HistoryLatest, Limit: limit})
			for err == nil && p.More != nil {
				var events []ircd.Event
				if events, err = p.More(ctx); len(events) == 0 {
					break
				}
			}
			if err != nil && ctx.Err() == nil && !strings.Contains(err.Error(), budget.ErrManyReads.Error()) {
				t.Error(err)
			}
		}
		var mu sync.Mutex
		questions := 0
		fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
			mu.Lock()
			defer mu.Unlock()
			if r.Path == "/items/messages" {
				questions++
			}
			return directustest.RESTVerdict{Delay: question}
		})
		ctx, cancel := context.WithTimeout(t.Context(), period)
		defer cancel()
		var all sync.WaitGroup
		for range 6 {
			one, err := s.backend.Login(t.Context(), ircd.Credentials{Account: "ada@example.com", Secret: "ada"})
			if err != nil {
				t.Fatal(err)
			}
			defer one.Close(context.Background())
			all.Go(func() {
				for ctx.Err() == nil {
					ask(ctx, one, 40)
				}
			})
		}
		time.Sleep(period / 2) // in the beginning they may read as fast as they can
		mu.Lock()
		questions = 0
		mu.Unlock()
		begun := time.Now()
		ask(t.Context(), bob, 5)
		if took := time.Since(begun); took > 3*question {
			t.Errorf("another user's page took %v", took)
		}
		all.Wait()
		mu.Lock()
		busy := time.Duration(questions) * question
		mu.Unlock()
		if busy > period/4 || busy < period/10 {
			t.Errorf("Directus was busy for %v of %v", busy, period/2)
		}
	})
}
