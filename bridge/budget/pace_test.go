package budget

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// What is read now and then is not waited for, and nobody waits for long.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pace
		waits := func(n int, took time.Duration, bytes int64) time.Duration {
			begun := time.Now()
			for range n {
				if err := p.wait(t.Context()); err != nil {
					t.Fatal(err)
				}
				p.took(took, bytes)
			}
			return time.Since(begun)
		}
		for _, test := range []struct {
			what  string
			n     int
			took  time.Duration
			bytes int64
			want  time.Duration
		}{
			{"a few", 10, 20 * time.Millisecond, 400_000, 0},
			{"ordinary pages", 50, time.Second, 30_000, 0},
			{"many", 101, 20 * time.Millisecond, 400_000, 3 * time.Second},
			{"a long one, and then", 2, time.Minute, 20 << 20, paceDebt},
			{"from a slow Directus", 14, time.Second, 512 << 10, 13*time.Second/2 - paceBurst},
		} {
			time.Sleep(time.Minute)
			if got := waits(test.n, test.took, test.bytes); got.Round(100*time.Millisecond) != test.want {
				t.Errorf("%s: waited for %v, want %v", test.what, got, test.want)
			}
		}
		p.took(time.Minute, 20<<20)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if p.wait(ctx) == nil {
			t.Error("waited longer than the context")
		}
	})
}
