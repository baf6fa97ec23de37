package directus

import (
	"context"
	"errors"
	"math"
	"net/http"
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
