package bridge_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// A backlog that takes Directus too long is shown as far as it has come, and how to see the rest is told. What is new is
// shown meanwhile, and nothing twice; a device is shown all that it misses from then on.
func TestBacklogTooSlow(t *testing.T) {
	const stored = 3000
	for _, device := range []string{"", "laptop"} {
		t.Run("device "+device, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				ch := messages("messages")
				ch.Backlog = stored
				r := newRemembering(t, nil, ch)
				r.most = stored
				r.restart()
				r.insert("first")
				first, _ := r.device("ada", "laptop")
				first.receive()
				first.leave()
				time.Sleep(time.Minute)
				for i := range stored {
					r.insert(fmt.Sprint(i))
					time.Sleep(time.Millisecond)
				}
				r.visit("bob", "#messages") // whose feed is shared
				var asked atomic.Int64      // requests may come at one time
				r.fake.OnREST(func(q directustest.RESTRequest) (v directustest.RESTVerdict) {
					if q.Path == "/items/messages" {
						asked.Add(1)
						v.Delay = 1900 * time.Millisecond
					}
					return v
				})
				var v *visitor
				var lines []string
				if device == "" {
					v = r.visit("ada", "#messages")
				} else {
					v, lines = r.device("ada", device)
				}
				same(t, lines)
				if len(v.backlog) > 0 {
					t.Fatalf("%d messages came in time", len(v.backlog))
				}
				r.insert("live")
				same(t, v.texts(), "live")
				time.Sleep(6 * time.Second)
				got := v.texts()
				if len(got) < 1000 || len(got) > stored {
					t.Fatalf("%d lines", len(got))
				}
				if !strings.Contains(got[0], "in time") {
					t.Errorf("told %q", got[0])
				}
				if want := numbered("%d", stored)[stored-len(got)+1:]; !slices.Equal(got[1:], want) {
					t.Errorf("not the latest %d in their order", len(want))
				}
				// It is more than is held at once, so all is read twice. The feed asks for keys as well, a few at
				// once: 3000 are those of the last minute.
				if n := asked.Load(); n > 15+7 {
					t.Errorf("Directus was asked %d times", n)
				}
				r.insert("more")
				time.Sleep(10 * time.Minute)
				same(t, v.texts(), "more")
				v.receive()
				v.leave()
				r.fake.OnREST(nil)
				r.insert("missed")
				if device != "" {
					_, lines = r.device("ada", device)
					same(t, lines, "missed")
				}
			})
		})
	}
}
