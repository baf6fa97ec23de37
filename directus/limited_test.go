package directus_test

import (
	"sync"
	"testing"
	"time"

	"directus-ircd/directus"
)

// All who ask more at once than Directus takes in a second get their answers, in the
// seconds that it takes, and the link is none of them.
func TestRateLimit(t *testing.T) {
	everywhere(t, setting{own: true, points: 10}, func(t *testing.T, w world) {
		a := enter(t, w, w.person("Ada"))
		l := run(t, a)
		l.up()
		begun := time.Now()
		var wg sync.WaitGroup
		for range 35 {
			wg.Go(func() {
				var items []any
				if err := a.Items(t.Context(), "messages", directus.Query{Limit: 1}, &items); err != nil {
					t.Errorf("after %v: %v", time.Since(begun), err)
				}
			})
		}
		wg.Wait()
		if took := time.Since(begun); took < 2*time.Second {
			t.Errorf("35 requests were answered after %v: there is no limit", took)
		}
		if s := l.State(); !s.Up {
			t.Errorf("the link is down: %v", s.Err)
		}
	})
}
