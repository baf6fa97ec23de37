package directus_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
)

// A consumer that does not drain stops nobody, and learns that it missed
// something.
func TestOverflow(t *testing.T) {
	bubble(t, directustest.FakeOptions{}, func(r *rig) {
		l := run(r.t, r.login())
		tl := follow(r.t, l.Realtime, "messages")
		tl.active()
		for _, text := range numbered(1000) {
			r.fake.Insert("messages", "", map[string]any{"text": text})
		}
		must(r.t, create(r.t, l.Realtime, "last")) // the reader still works
		events, gap := tl.sub.Drain()
		if len(events) != 256 || !gap {
			r.t.Errorf("%d events, gap %t", len(events), gap)
		}
		if got := r.Gaps(); got != (directus.Gaps{Dropped: 745}) {
			r.t.Errorf("counted as %+v", got)
		}
		r.fake.Insert("messages", "", map[string]any{"text": "next"})
		tl.until("next", func() bool { return slices.Equal(tl.texts(), []string{"next"}) })
	})
}

// Few large events fill the queue too.
func TestOverflowBySize(t *testing.T) {
	bubble(t, directustest.FakeOptions{}, func(r *rig) {
		l := run(r.t, r.login())
		tl := follow(r.t, l.Realtime, "messages")
		tl.active()
		for range 50 {
			r.fake.Insert("messages", "", map[string]any{"text": strings.Repeat("x", 1<<20)})
		}
		synctest.Wait()
		if events, gap := tl.sub.Drain(); len(events) >= 50 || len(events) == 0 || !gap {
			r.t.Errorf("%d events, gap %t", len(events), gap)
		}
	})
}

// An event with too much in it is a gap, and the link stays.
func TestEventThatIsTooLarge(t *testing.T) {
	bubble(t, directustest.FakeOptions{}, func(r *rig) {
		l := run(r.t, r.login())
		tl := follow(r.t, l.Realtime, "messages")
		tl.active()
		tl.sub.Drain() // a subscription begins with a gap
		var bulk []map[string]any
		for i := range 20 {
			bulk = append(bulk, map[string]any{"id": i, "text": strings.Repeat("x", directus.MaxString)})
		}
		r.fake.Emit("messages", "create", bulk, nil)
		time.Sleep(time.Minute)
		if events, gap := tl.sub.Drain(); len(events) > 0 || !gap {
			r.t.Errorf("%d events, gap %t", len(events), gap)
		}
		if got := r.Gaps(); got != (directus.Gaps{Lost: 1}) {
			r.t.Errorf("counted as %+v", got)
		}
		r.fake.Insert("messages", "", map[string]any{"text": "next"})
		time.Sleep(time.Minute)
		if events, gap := tl.sub.Drain(); len(events) != 1 || gap {
			r.t.Errorf("then %d events, gap %t", len(events), gap)
		}
	})
}

// An error in the place of an event is a gap, on 12 of its subscription, on 10
// and 11 of all, for those do not say which.
func TestErrorInPlaceOfAnEvent(t *testing.T) {
	for version, others := range map[string]int{"10.13.4": 1, "11.17.4": 1, "12.4.0": 0} {
		t.Run(version, func(t *testing.T) {
			bubble(t, directustest.FakeOptions{Version: version}, func(r *rig) {
				r.fake.AddCollection("other", directustest.FakeCollection{Fields: []string{"text"}})
				l := run(r.t, r.login())
				tl := follow(r.t, l.Realtime, "messages")
				other := follow(r.t, l.Realtime, "other")
				tl.active()
				other.active()
				r.fake.Deny(r.kevin, "messages", "read")
				r.fake.Insert("messages", "", map[string]any{"text": "unseen"})
				synctest.Wait()
				if events, gap := tl.sub.Drain(); len(events) != 0 || !gap {
					r.t.Errorf("events %v, gap %t", events, gap)
				}
				if _, gap := other.sub.Drain(); gap != (others == 1) {
					r.t.Errorf("the other subscription: gap %t", gap)
				}
				r.fake.Allow(r.kevin, "messages", "read")
				r.fake.Insert("messages", "", map[string]any{"text": "seen"})
				tl.until("seen", func() bool { return slices.Equal(tl.texts(), []string{"seen"}) })
			})
		})
	}
}

// Events of the three kinds come in one queue, in the order of arrival, with
// keys as strings.
func TestKindsOfEvents(t *testing.T) {
	bubble(t, directustest.FakeOptions{}, func(r *rig) {
		l := run(r.t, r.login())
		tl := follow(r.t, l.Realtime, "messages", directus.EventCreate, directus.EventUpdate, directus.EventDelete)
		tl.active()
		if tl.gaps != 1 {
			r.t.Errorf("%d gaps for one subscription, want 1", tl.gaps)
		}
		id := r.fake.Insert("messages", r.kevin, map[string]any{"text": "a"})
		r.fake.Update("messages", id, map[string]any{"text": "b"})
		r.fake.Remove("messages", id)
		r.fake.Emit("messages", "delete", nil, []any{7, "8", "a-b"})
		tl.until("events", func() bool { return len(tl.events) == 4 })
		var kinds []directus.EventKind
		for _, e := range tl.events {
			kinds = append(kinds, e.Kind)
		}
		want := []directus.EventKind{directus.EventCreate, directus.EventUpdate, directus.EventDelete, directus.EventDelete}
		if !slices.Equal(kinds, want) || !slices.Equal(tl.texts(), []string{"a", "b"}) {
			r.t.Errorf("kinds %q, texts %q", kinds, tl.texts())
		}
		if keys := tl.events[3].Keys; !slices.Equal(keys, []string{"7", "8", "a-b"}) {
			r.t.Errorf("keys %q", keys)
		}
	})
}

// Until a new link has subscribed to all kinds of events, those that it brings already
// may have others before them that were missed: there is a gap, from the first of them on.
func TestEventWhileSubscribing(t *testing.T) {
	kinds := []directus.EventKind{directus.EventCreate, directus.EventDelete, directus.EventUpdate}
	for _, last := range kinds {
		t.Run("last "+string(last), func(t *testing.T) {
			bubble(t, directustest.FakeOptions{}, func(r *rig) {
				l := run(r.t, r.login())
				tl := follow(r.t, l.Realtime, "messages", slices.Concat(slices.DeleteFunc(slices.Clone(kinds), func(k directus.EventKind) bool { return k == last }), []directus.EventKind{last})...)
				tl.active()
				r.fake.OnFrame(func(f directustest.FakeFrame) (v directustest.FrameVerdict) {
					if f.Type == "subscribe" && f.Message["event"] == string(last) {
						v.Delay = 5 * time.Second
					}
					return v
				})
				r.fake.Cut()
				time.Sleep(4 * time.Second) // the link is up again, and waits for its last subscription
				id := r.fake.Insert("messages", r.kevin, map[string]any{"text": "new"})
				r.fake.Update("messages", id, map[string]any{"text": "newer"})
				r.fake.Remove("messages", id)
				synctest.Wait()
				events, gap := tl.sub.Drain()
				if len(events) != 2 || !gap || tl.sub.Active() {
					r.t.Errorf("%d events, gap %t, active %t", len(events), gap, tl.sub.Active())
				}
				time.Sleep(5 * time.Second)
				if _, gap := tl.sub.Drain(); !gap || !tl.sub.Active() {
					r.t.Errorf("at the end: gap %t, active %t", gap, tl.sub.Active())
				}
			})
		})
	}
}

// Events that Directus sends out of order arrive as they are sent.
func TestEventsOutOfOrder(t *testing.T) {
	bubble(t, directustest.FakeOptions{}, func(r *rig) {
		l := run(r.t, r.login())
		tl := follow(r.t, l.Realtime, "messages")
		tl.active()
		r.fake.HoldEvents()
		for _, text := range []string{"1", "2", "3"} {
			r.fake.Insert("messages", "", map[string]any{"text": text})
		}
		r.fake.ReleaseEvents(true)
		tl.until("events", func() bool { return slices.Equal(tl.texts(), []string{"3", "2", "1"}) })
	})
}

// Subscriptions made before the link, on it and closed on it.
func TestSubscribeAndClose(t *testing.T) {
	bubble(t, directustest.FakeOptions{}, func(r *rig) {
		a := r.login()
		l := run(r.t, a)
		early := follow(r.t, l.Realtime, "messages")
		early.active()
		late := follow(r.t, l.Realtime, "messages")
		late.active()
		r.fake.Insert("messages", "", map[string]any{"text": "both"})
		for _, tl := range []*tail{early, late} {
			tl.until("event", func() bool { return len(tl.events) == 1 })
		}
		early.sub.Close()
		early.sub.Close()
		synctest.Wait()
		if n := r.fake.Count("ws unsubscribe"); n != 1 {
			r.t.Errorf("%d unsubscribes", n)
		}
		if n := r.fake.Subscriptions(); n != 1 {
			r.t.Errorf("%d subscriptions are left at Directus", n)
		}
		r.fake.Insert("messages", "", map[string]any{"text": "one"})
		late.until("event", func() bool { return len(late.events) == 2 })
		if events, gap := early.sub.Drain(); len(events) != 0 || gap || early.sub.Active() {
			r.t.Errorf("a closed subscription has %v, gap %t, active %t", events, gap, early.sub.Active())
		}
		r.fake.Cut()
		late.until("gap", func() bool { return late.gaps == 2 })
		if n := r.fake.Subscriptions(); n != 1 {
			r.t.Errorf("%d subscriptions on the next socket", n)
		}
	})
}

// A refusal is told, and asked for again later.
func TestRefusedSubscription(t *testing.T) {
	for _, version := range []string{"10.13.4", "12.4.0"} {
		t.Run(version, func(t *testing.T) {
			bubble(t, directustest.FakeOptions{Version: version}, func(r *rig) {
				l := run(r.t, r.login())
				tl := follow(r.t, l.Realtime, "later")
				tl.until("refusal", func() bool { return tl.sub.Err() != nil && tl.gaps == 1 })
				if tl.sub.Active() {
					r.t.Error("active though refused")
				}
				r.fake.AddCollection("later", directustest.FakeCollection{Fields: []string{"text"}})
				start := time.Now()
				tl.until("subscription", tl.sub.Active)
				if took := time.Since(start); took > 31*time.Second {
					r.t.Errorf("asked again after %v", took)
				}
				if tl.gaps != 2 || tl.sub.Err() != nil {
					r.t.Errorf("%d gaps, err %v", tl.gaps, tl.sub.Err())
				}
			})
		})
	}
}

// A subscribe that gets no answer is repeated under the same uid.
func TestUnansweredSubscribe(t *testing.T) {
	bubble(t, directustest.FakeOptions{}, func(r *rig) {
		l := run(r.t, r.login())
		l.up()
		asked := 0
		r.fake.OnFrame(func(f directustest.FakeFrame) directustest.FrameVerdict {
			if f.Type == "subscribe" {
				asked++
				return directustest.FrameVerdict{Mute: asked == 1}
			}
			return directustest.FrameVerdict{}
		})
		tl := follow(r.t, l.Realtime, "messages")
		tl.active()
		if n := r.fake.Subscriptions(); n != 1 || r.fake.Count("upgrade") != 1 {
			r.t.Errorf("%d subscriptions, %d sockets", n, r.fake.Count("upgrade"))
		}
	})
}

// Frames that no client should meet do no harm.
func TestNonsenseFrames(t *testing.T) {
	bubble(t, directustest.FakeOptions{}, func(r *rig) {
		l := run(r.t, r.login())
		tl := follow(r.t, l.Realtime, "messages")
		tl.active()
		for _, frame := range []map[string]any{
			{}, {"type": 7}, {"type": "items"}, {"type": "items", "uid": "r1"}, {"type": "auth", "status": "ok"},
			{"type": "subscription", "event": "create", "uid": "nobody", "data": []any{}},
			{"type": "subscription", "event": "init", "uid": nil}, {"type": "pong"}, {"type": "new"},
			{"type": "subscribe", "status": "ok"}, {"type": "server", "status": "error"},
			{"type": "server", "status": "error", "error": map[string]any{"code": "INVALID_PAYLOAD", "message": "x"}},
		} {
			r.fake.Send(r.kevin, frame)
		}
		must(r.t, create(r.t, l.Realtime, "still here"))
		tl.until("event", func() bool { return len(tl.events) == 1 })
		if r.fake.Count("upgrade") != 1 {
			r.t.Error("the socket was dropped")
		}
	})
}
