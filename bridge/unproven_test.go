package bridge_test

import (
	"strings"
	"testing"
	"time"

	"directus-ircd/directus/directustest"
)

// Whoever may not read a channel is not in it for the time that Directus takes to refuse its messages either: not told
// who is in it, and not seen there.
func TestJoinOfTheForbiddenOnSlowDirectus(t *testing.T) {
	withExiles(t, "12.4.0", func(t *testing.T, e *exiles) {
		bob := e.client("bob")
		e.join(bob, "#others")
		e.fake.Deny(e.ada, "others", "read")
		ada := e.client("ada")
		slow := 20 * time.Second
		e.fake.OnFrame(func(f directustest.FakeFrame) (v directustest.FrameVerdict) {
			if f.Type == "items" || f.Type == "subscribe" {
				v.Delay = slow
			}
			return v
		})
		e.fake.OnREST(func(r directustest.RESTRequest) (v directustest.RESTVerdict) {
			if strings.HasPrefix(r.Path, "/items/") {
				v.Delay = slow
			}
			return v
		})
		ada.Send("JOIN #others")
		ada.Expect("* 473 ada #others :Cannot join*")
		time.Sleep(3 * slow)
		for _, line := range append(syncSlowly(ada), syncSlowly(bob)...) {
			if strings.Contains(line, "#others") {
				t.Error(line)
			}
		}
	})
}
