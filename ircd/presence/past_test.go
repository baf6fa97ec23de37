package presence

import (
	"fmt"
	"testing"
	"time"

	"directus-ircd/ircd/bell"
	"directus-ircd/ircd/ircdtest"
)

// TestPastIsBounded: in all, and for one user.
func TestPastIsBounded(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		r := NewRoster()
		leave := func(name string) {
			m := r.Attach(User{ID: name, Nick: name}, NewInbox(bell.New()), "", false)
			r.Join(m, "#messages", nil)
			r.Detach(m, "", false)
		}
		for range 3 * maxPastUser {
			leave("alice")
			time.Sleep(time.Second)
		}
		if n := len(r.Departures("alice")); n != maxPastUser {
			t.Errorf("%d departures of one user", n)
		}
		for i := range maxPast {
			leave(fmt.Sprintf("u%d", i))
		}
		if n := len(r.past); n != maxPast || len(r.Departures("alice")) != 0 || len(r.Departures("u0")) != 1 {
			t.Errorf("%d departures in all, %d and %d of those looked at", n, len(r.Departures("alice")), len(r.Departures("u0")))
		}
		time.Sleep(pastAge + time.Second)
		leave("bob")
		if n := len(r.past); n != 1 {
			t.Errorf("%d departures after all others were forgotten", n)
		}
	})
}
