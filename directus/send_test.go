package directus_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
)

// on is a hook that judges the frames of one type and action.
func on(kind, action string, v directustest.FrameVerdict) func(directustest.FakeFrame) directustest.FrameVerdict {
	return func(f directustest.FakeFrame) directustest.FrameVerdict {
		if f.Type == kind && f.Action == action {
			return v
		}
		return directustest.FrameVerdict{}
	}
}

func TestCreateFailures(t *testing.T) {
	refused := map[string]any{"type": "items", "status": "error",
		"error": map[string]any{"code": "FORBIDDEN", "message": "no"}}
	tests := map[string]struct {
		verdict directustest.FrameVerdict
		is      error  // in the chain
		code    string // of an *Error
		stored  int
		up      bool // afterwards, on the same socket
	}{
		"unanswered":      {verdict: directustest.FrameVerdict{Mute: true}, is: directus.ErrUnconfirmed, stored: 1, up: true},
		"ignored":         {verdict: directustest.FrameVerdict{Skip: true}, is: directus.ErrUnconfirmed, up: true},
		"cut when stored": {verdict: directustest.FrameVerdict{Mute: true, Cut: true}, is: directus.ErrUnconfirmed, stored: 1},
		"cut before":      {verdict: directustest.FrameVerdict{Skip: true, Cut: true}, is: directus.ErrUnconfirmed},
		"error, no uid":   {verdict: directustest.FrameVerdict{Skip: true, Reply: refused}, code: directus.CodeForbidden, up: true},
		"answered late":   {verdict: directustest.FrameVerdict{Delay: 9 * time.Second}, stored: 1, up: true},
		"answered too late": {verdict: directustest.FrameVerdict{Delay: 11 * time.Second}, is: directus.ErrUnconfirmed,
			stored: 1, up: true},
		"licence locked": {verdict: directustest.FrameVerdict{Skip: true, Reply: map[string]any{"type": "license",
			"status": "error", "error": map[string]any{"code": "SERVICE_UNAVAILABLE", "message": "locked"}}},
			is: directus.ErrUnavailable, code: directus.CodeServiceUnavailable, up: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, directustest.FakeOptions{}, func(r *rig) {
				l := run(r.t, r.login())
				l.up()
				r.fake.OnFrame(on("items", "create", tt.verdict))
				err := create(r.t, l.Realtime, "secret text")
				switch {
				case tt.is == nil && tt.code == "":
					must(r.t, err)
				case tt.is != nil && !errors.Is(err, tt.is), tt.code != "" && !directus.IsCode(err, tt.code):
					r.t.Errorf("got %v", err)
				case strings.Contains(err.Error(), "secret text"):
					r.t.Errorf("the error quotes the item: %v", err)
				}
				if errors.Is(err, directus.ErrNotConnected) {
					r.t.Errorf("surely not sent, it says: %v", err)
				}
				r.fake.OnFrame(nil)
				time.Sleep(time.Minute)
				if n := len(r.fake.Items("messages")); n != tt.stored {
					r.t.Errorf("%d items stored, want %d", n, tt.stored)
				}
				if got := r.fake.Count("upgrade") == 1; got != tt.up {
					r.t.Errorf("the same socket afterwards: %t, want %t", got, tt.up)
				}
				must(r.t, create(r.t, l.Realtime, "next"))
			})
		})
	}
}

// On Directus 11 an error names no request. After a request that got no answer
// a late error must not be taken for that of the next one.
func TestLateErrorIsNotTakenForAnother(t *testing.T) {
	bubble(t, directustest.FakeOptions{Version: "11.17.4"}, func(r *rig) {
		l := run(r.t, r.login())
		l.up()
		r.fake.OnFrame(on("items", "create", directustest.FrameVerdict{Skip: true}))
		if err := create(r.t, l.Realtime, "first"); !errors.Is(err, directus.ErrUnconfirmed) {
			r.t.Fatalf("got %v", err)
		}
		r.fake.OnFrame(nil)
		// Late frames of the old socket can reach nobody, for it is gone.
		l.up()
		must(r.t, create(r.t, l.Realtime, "second"))
		if n := r.fake.Count("upgrade"); n != 2 {
			r.t.Errorf("%d sockets were opened, want 2", n)
		}
	})
}

// Errors without uid belong to the request under way.
func TestErrorsWithoutUID(t *testing.T) {
	for _, version := range []string{"10.13.4", "11.17.4"} {
		t.Run(version, func(t *testing.T) {
			bubble(t, directustest.FakeOptions{Version: version}, func(r *rig) {
				r.fake.Deny(r.kevin, "messages", "create")
				l := run(r.t, r.login())
				tl := follow(r.t, l.Realtime, "messages")
				tl.active()
				start := time.Now()
				if err := create(r.t, l.Realtime, "x"); !directus.IsCode(err, directus.CodeForbidden) {
					r.t.Errorf("create: %v", err)
				}
				bad := follow(r.t, l.Realtime, "messages", "bogus")
				bad.until("refusal", func() bool { return bad.sub.Err() != nil })
				if took := time.Since(start); took > 0 {
					r.t.Errorf("took %v", took)
				}
				if !tl.sub.Active() || tl.sub.Err() != nil {
					r.t.Errorf("the other subscription suffered: %v", tl.sub.Err())
				}
			})
		})
	}
}

func TestNotConnected(t *testing.T) {
	bubble(t, directustest.FakeOptions{}, func(r *rig) {
		a := r.login()
		never := a.Realtime(directus.RealtimeOptions{})
		if err := create(r.t, never, "x"); !errors.Is(err, directus.ErrNotConnected) {
			r.t.Errorf("before Run: %v", err)
		}
		l := run(r.t, a)
		l.up()
		r.fake.Down()
		synctest.Wait()
		start := time.Now()
		if err := create(r.t, l.Realtime, "x"); !errors.Is(err, directus.ErrNotConnected) || errors.Is(err, directus.ErrUnconfirmed) {
			r.t.Errorf("while down: %v", err)
		}
		if took := time.Since(start); took > 0 {
			r.t.Errorf("took %v", took)
		}
		l.stop()
		<-l.ended
		if err := l.Ready(r.t.Context()); !errors.Is(err, directus.ErrNotConnected) {
			r.t.Errorf("Ready after the end: %v", err)
		}
	})
}

// A caller that gives up is told whether the request was sent.
func TestCallerGivesUp(t *testing.T) {
	bubble(t, directustest.FakeOptions{}, func(r *rig) {
		l := run(r.t, r.login())
		l.up()
		r.fake.OnFrame(on("items", "create", directustest.FrameVerdict{Delay: 5 * time.Second}))
		ctx, cancel := context.WithTimeout(r.t.Context(), time.Second)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := l.Create(ctx, "messages", map[string]any{"text": "first"}, nil)
			if !errors.Is(err, directus.ErrUnconfirmed) || !errors.Is(err, context.DeadlineExceeded) {
				r.t.Errorf("under way: %v", err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			_, err := l.Create(ctx, "messages", map[string]any{"text": "second"}, nil)
			if !errors.Is(err, directus.ErrNotConnected) {
				r.t.Errorf("waiting behind it: %v", err)
			}
		})
		wg.Wait()
		time.Sleep(time.Minute)
		if items := r.fake.Items("messages"); len(items) != 1 || items[0]["text"] != "first" {
			r.t.Errorf("stored %v", items)
		}
	})
}

// Creates of one Realtime are sent one after the other, in the order of the
// calls: the next only when the one before is answered.
func TestCreatesKeepTheirOrder(t *testing.T) {
	bubble(t, directustest.FakeOptions{}, func(r *rig) {
		l := run(r.t, r.login())
		l.up()
		uids := make(chan any, 1)
		r.fake.OnFrame(func(f directustest.FakeFrame) directustest.FrameVerdict {
			uids <- f.UID
			return directustest.FrameVerdict{Mute: true}
		})
		want := numbered(20)
		var wg sync.WaitGroup
		for _, text := range want {
			wg.Go(func() {
				if err := create(r.t, l.Realtime, text); err != nil {
					r.t.Error(err)
				}
			})
			synctest.Wait()
		}
		for i := range want {
			synctest.Wait()
			if n := r.fake.Count("ws items create"); n != i+1 {
				r.t.Fatalf("%d creates were sent, %d answered", n, i)
			}
			r.fake.Send(r.kevin, map[string]any{"type": "items", "uid": <-uids, "data": map[string]any{}})
		}
		wg.Wait()
		var got []string
		for _, it := range r.fake.Items("messages") {
			got = append(got, it["text"].(string))
		}
		if !slices.Equal(got, want) {
			r.t.Errorf("stored %q", got)
		}
	})
}

// Nothing is sent while a re-authentication is unanswered.
func TestNothingIsSentBehindAReauthentication(t *testing.T) {
	bubble(t, directustest.FakeOptions{AccessTTL: time.Minute}, func(r *rig) {
		l := run(r.t, r.login())
		l.up()
		var mu sync.Mutex
		var seen []string
		r.fake.OnFrame(func(f directustest.FakeFrame) directustest.FrameVerdict {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, f.Type)
			if f.Type == "auth" { // answered by the test
				return directustest.FrameVerdict{Mute: true}
			}
			return directustest.FrameVerdict{}
		})
		time.Sleep(31 * time.Second) // the renewal is due 30 s before the end
		done := make(chan error, 1)
		go func() { done <- create(r.t, l.Realtime, "behind") }()
		time.Sleep(5 * time.Second)
		mu.Lock()
		got := slices.Clone(seen)
		mu.Unlock()
		if !slices.Contains(got, "auth") || slices.Contains(got, "items") {
			r.t.Fatalf("frames %q", got)
		}
		r.fake.Send(r.kevin, map[string]any{"type": "auth", "status": "ok"})
		must(r.t, <-done)
	})
}

// A re-authentication that gets no answer ends the link, and what waited
// behind it was surely not sent.
func TestUnansweredReauthenticationDropsTheLink(t *testing.T) {
	bubble(t, directustest.FakeOptions{AccessTTL: time.Minute}, func(r *rig) {
		l := run(r.t, r.login())
		l.up()
		r.fake.OnFrame(on("auth", "", directustest.FrameVerdict{Mute: true}))
		time.Sleep(35 * time.Second)
		if err := create(r.t, l.Realtime, "behind"); !errors.Is(err, directus.ErrNotConnected) {
			r.t.Errorf("create: %v", err)
		}
		r.fake.OnFrame(nil)
		l.up()
		if n := len(r.fake.Items("messages")); n != 0 {
			r.t.Errorf("%d items stored", n)
		}
	})
}

// Under a rate limit the link sends slower than Directus would refuse.
func TestRateLimitIsRespected(t *testing.T) {
	bubble(t, directustest.FakeOptions{RateLimit: directustest.RateLimit{Points: 5, Duration: time.Second}}, func(r *rig) {
		l := run(r.t, r.login())
		tl := follow(r.t, l.Realtime, "messages", directus.EventCreate, directus.EventUpdate, directus.EventDelete)
		tl.active()
		start := time.Now()
		for _, text := range numbered(40) {
			must(r.t, create(r.t, l.Realtime, text))
		}
		if took := time.Since(start); took < 8*time.Second || took > 15*time.Second {
			r.t.Errorf("40 creates took %v", took)
		}
	})
}

// REQUESTS_EXCEEDED stops all sending for the time it says.
func TestRequestsExceededPauses(t *testing.T) {
	bubble(t, directustest.FakeOptions{}, func(r *rig) {
		l := run(r.t, r.login())
		l.up()
		r.fake.Send(r.kevin, map[string]any{"type": "server", "status": "error", "error": map[string]any{
			"code": "REQUESTS_EXCEEDED", "message": "Too many messages, retry after 1997ms."}})
		synctest.Wait()
		start := time.Now()
		must(r.t, create(r.t, l.Realtime, "x"))
		if took := time.Since(start); took < 1997*time.Millisecond || took > 2100*time.Millisecond {
			r.t.Errorf("sent after %v", took)
		}
	})
}

// During an outage of the database requests are unconfirmed, nothing is taken
// for a wrong password, and the same socket works again afterwards.
func TestDatabaseOutage(t *testing.T) {
	bubble(t, directustest.FakeOptions{}, func(r *rig) {
		l := run(r.t, r.login())
		tl := follow(r.t, l.Realtime, "messages")
		tl.active()
		r.fake.Database(false)
		if err := create(r.t, l.Realtime, "x"); !errors.Is(err, directus.ErrUnconfirmed) {
			r.t.Errorf("create: %v", err)
		}
		if _, err := r.Login(r.t.Context(), kevinEmail, kevinPassword, ""); !errors.Is(err, directus.ErrUnavailable) {
			r.t.Errorf("login: %v", err)
		}
		r.fake.Cut()
		time.Sleep(5 * time.Minute)
		if s := l.State(); s.Up || !errors.Is(s.Err, directus.ErrUnavailable) || errors.Is(s.Err, directus.ErrLoggedOut) {
			r.t.Errorf("state %+v", s)
		}
		r.fake.Database(true)
		time.Sleep(91 * time.Second)
		l.up()
		must(r.t, create(r.t, l.Realtime, "after"))
		tl.until("echo", func() bool { return slices.Contains(tl.texts(), "after") })
	})
}

// Without an id Directus would change up to a hundred items.
func TestChangesNeedAnID(t *testing.T) {
	bubble(t, directustest.FakeOptions{}, func(r *rig) {
		l := run(r.t, r.login())
		l.up()
		if _, err := l.Update(r.t.Context(), "messages", "", map[string]any{"text": "x"}); err == nil {
			r.t.Error("update without an id was sent")
		}
		if err := l.Delete(r.t.Context(), "messages", ""); err == nil {
			r.t.Error("delete without an id was sent")
		}
		if n := r.fake.Count("ws items update") + r.fake.Count("ws items delete"); n != 0 {
			r.t.Errorf("%d requests", n)
		}
	})
}

// A request without an answer makes the whole link suspect: it is probed at
// once, not when its silence becomes remarkable.
func TestUnansweredRequestProbesTheLink(t *testing.T) {
	bubble(t, directustest.FakeOptions{Heartbeat: 5 * time.Minute}, func(r *rig) {
		l := run(r.t, r.login())
		l.up()
		r.fake.OnFrame(func(directustest.FakeFrame) directustest.FrameVerdict {
			return directustest.FrameVerdict{Delay: time.Hour}
		})
		if err := create(r.t, l.Realtime, "x"); !errors.Is(err, directus.ErrUnconfirmed) {
			r.t.Errorf("create: %v", err)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if len(l.history()) < 2 {
			r.t.Error("the dead socket is still kept")
		}
		r.fake.OnFrame(nil)
	})
}
