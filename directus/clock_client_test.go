package directus_test

import (
	"testing"
	"time"

	"directus-ircd/directus/directustest"
)

// Every answer tells the clock of Directus, refusals too.
func TestServerTime(t *testing.T) {
	const ahead = -26*time.Hour + 345*time.Millisecond
	bubble(t, directustest.FakeOptions{Ahead: ahead}, func(r *rig) {
		if _, _, ok := r.ServerTime(); ok {
			r.t.Error("known before anything was asked")
		}
		for range 20 {
			if _, err := r.LoginToken(r.t.Context(), "wrong"); err == nil {
				r.t.Fatal("a wrong token is accepted")
			}
			time.Sleep(730 * time.Millisecond)
			early, late, ok := r.ServerTime()
			if truth := time.Now().Add(ahead); !ok || early.After(truth) || late.Before(truth) {
				r.t.Fatalf("%v is not between %v and %v", truth, early, late)
			}
		}
		if early, late, _ := r.ServerTime(); late.Sub(early) > 200*time.Millisecond {
			r.t.Errorf("%v apart", late.Sub(early))
		}
	})
}
