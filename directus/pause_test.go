package directus

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Whatever time an answer names until which nothing is to be asked, be it days or more
// than a Duration holds, requests go on being made, and few of them.
func TestPauseIsBounded(t *testing.T) {
	for _, told := range []time.Duration{24 * time.Hour, math.MaxInt64} {
		t.Run(told.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, k := newPause(), call{method: http.MethodGet, path: "/users/me"}
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				asked := 0
				refuse := func() error {
					if asked++; asked > 100 {
						t.Fatal("asked again and again")
					}
					return &Error{Status: http.StatusTooManyRequests, Code: CodeRequestsExceeded, RetryAfter: told}
				}
				if err := p.through(ctx, k, refuse); !errors.Is(err, ErrUnavailable) {
					t.Errorf("a refused request: %v", err)
				}
				if asked > 1 {
					t.Errorf("asked %d times", asked)
				}
				begun := time.Now()
				if err := p.through(t.Context(), k, func() error { return nil }); err != nil {
					t.Errorf("the next request: %v", err)
				}
				if waited := time.Since(begun); waited > maxDelay {
					t.Errorf("the next request waited %v", waited)
				}
			})
		})
	}
}

// Directus tells the end of a window by its own clock, in whole milliseconds. Who asks a moment
// too early is turned away once more, which is no reason to ask for less in the next window.
func TestPauseEndsTooEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const points, requests, early = 100, 1000, 15 * time.Millisecond
		p, k := newPause(), call{method: http.MethodGet, path: "/users/me"}
		var mu sync.Mutex
		var opened time.Time // the window
		n := 0
		once := func() error {
			mu.Lock()
			defer mu.Unlock()
			if time.Since(opened) >= time.Second {
				opened, n = time.Now(), 0
			}
			if n++; n <= points {
				return nil
			}
			reset, _ := json.Marshal(opened.Add(time.Second - early).UTC().Format(time.RFC3339Nano))
			return &Error{Status: http.StatusTooManyRequests, Code: CodeRequestsExceeded, RetryAfter: resetTime(reset, time.Now())}
		}
		begun := time.Now()
		var wg sync.WaitGroup
		for range requests {
			wg.Go(func() {
				if err := p.through(Ahead(t.Context()), k, once); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if took, least := time.Since(begun), requests/points*time.Second; took > least*5/4 {
			t.Errorf("took %v, and %v by the limit", took, least)
		}
	})
}
