package bridge_test

import (
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// slowReads has Directus begin to answer each question for messages only after a while, until that is zero.
func slowReads(fake *directustest.Fake) *atomic.Int64 {
	var slow atomic.Int64
	fake.OnREST(func(q directustest.RESTRequest) directustest.RESTVerdict {
		if q.Path != "/items/messages" {
			return directustest.RESTVerdict{}
		}
		return directustest.RESTVerdict{Delay: time.Duration(slow.Load())}
	})
	return &slow
}

// While a backlog is waited for, the feed reads the collection, and a message is written of which Directus tells late: the
// backlog has it, and the feed is not to show it once more.
func TestWrittenWhileABacklogIsWaitedFor(t *testing.T) {
	const wait = 2 * time.Second
	for _, due := range []bool{false, true} {
		for _, device := range []string{"", "laptop"} {
			ircdtest.Bubble(t, func(t *testing.T) {
				r := newRemembering(t, func(o *bridge.Options) { o.Edits.Merge = 0 })
				r.insert("old")
				bob := r.visit("bob", "#messages")
				v := r.login("ada", device)
				if due {
					end := outages["no answers"](r)
					v.join("#messages")
					time.Sleep(10 * time.Second)
					end()
				}
				slow := slowReads(r.fake)
				slow.Store(int64(wait))
				time.AfterFunc(wait/4, func() {
					slow.Store(0)
					r.fake.Cut()
				})
				time.AfterFunc(wait-100*time.Millisecond, func() {
					r.fake.HoldEvents()
					r.insert("new")
				})
				var got []string
				if due {
					got = v.texts()
				} else {
					got = r.enter(v)
				}
				got = append(got, v.texts()...)
				r.fake.ReleaseEvents(false)
				synctest.Wait()
				for range 20 {
					got = append(got, v.texts()...)
					time.Sleep(time.Second)
				}
				if want := []string{"old", "new"}; !slices.Equal(got, want) {
					t.Errorf("due %v, device %q: shown are %q", due, device, got)
				}
				if got := bob.texts(); !slices.Equal(got, []string{"new"}) {
					t.Errorf("bob is shown %q", got)
				}
			})
		}
	}
}
