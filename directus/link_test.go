package directus_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
)

// What a socket sends after its token has expired reaches nobody: Directus 11
// would deliver what the user may not read.
func TestNothingOfAnExpiredSocketIsDelivered(t *testing.T) {
	for _, version := range []string{"10.13.4", "11.17.4", "12.4.0"} {
		t.Run(version, func(t *testing.T) {
			bubble(t, directustest.FakeOptions{Version: version}, func(r *rig) {
				l := run(r.t, r.login())
				tl := follow(r.t, l.Realtime, "messages", directus.EventCreate, directus.EventDelete)
				tl.active()
				r.fake.Restrict(r.kevin, "messages", map[string]any{"text": map[string]any{"_neq": "not for kevin"}})
				r.fake.ExpireSockets()
				id := r.fake.Insert("messages", "", map[string]any{"text": "not for kevin"})
				r.fake.Insert("messages", "", map[string]any{"text": "lost"})
				r.fake.Remove("messages", id)
				tl.until("gap", func() bool { return tl.gaps == 2 && tl.sub.Active() })
				if len(tl.events) != 0 {
					r.t.Errorf("delivered %v", tl.events)
				}
				r.fake.Insert("messages", "", map[string]any{"text": "after"})
				tl.until("event", func() bool { return slices.Equal(tl.texts(), []string{"after"}) })
				if n := r.fake.Count("upgrade"); n != 2 {
					r.t.Errorf("%d sockets were opened, want 2", n)
				}
				if n := r.fake.Count("POST /auth/refresh"); n != 1 {
					r.t.Errorf("%d refreshes, want 1: the new socket needs a new token", n)
				}
			})
		})
	}
}

func TestAuthErrorInMidLifeDropsTheLink(t *testing.T) {
	bubble(t, directustest.FakeOptions{}, func(r *rig) {
		l := run(r.t, r.login())
		tl := follow(r.t, l.Realtime, "messages")
		tl.active()
		r.fake.Send(r.kevin, map[string]any{"type": "auth", "status": "error",
			"error": map[string]any{"code": "AUTH_FAILED", "message": "x"}})
		tl.until("gap", func() bool { return tl.gaps == 2 })
	})
}

// A live socket is authenticated anew over many lifetimes of its token, and
// stays the same socket.
func TestReauthentication(t *testing.T) {
	for _, ttl := range []time.Duration{3 * time.Second, time.Minute, 15 * time.Minute} {
		t.Run(ttl.String(), func(t *testing.T) {
			bubble(t, directustest.FakeOptions{AccessTTL: ttl}, func(r *rig) {
				l := run(r.t, r.login())
				tl := follow(r.t, l.Realtime, "messages")
				tl.active()
				want := numbered(200)
				for _, text := range want {
					time.Sleep(ttl / 5) // the time of the bubble
					r.fake.Insert("messages", r.kevin, map[string]any{"text": text})
				}
				tl.until("events", func() bool { return len(tl.events) >= len(want) })
				if got := tl.texts(); !slices.Equal(got, want) {
					r.t.Errorf("got %q", got)
				}
				if n := r.fake.Count("upgrade"); n != 1 {
					r.t.Errorf("%d sockets were opened, want 1", n)
				}
				if n := r.fake.Count("ws auth"); n < 40 || n > 200 {
					r.t.Errorf("%d authentications in 40 lifetimes", n)
				}
			})
		})
	}
}

// While Directus cannot refresh, the link lives to the end of its token and
// not a moment longer: its own clock ends it before Directus' does.
func TestLinkEndsWithItsToken(t *testing.T) {
	bubble(t, directustest.FakeOptions{Version: "11.17.4", AccessTTL: time.Minute}, func(r *rig) {
		l := run(r.t, r.login())
		tl := follow(r.t, l.Realtime, "messages")
		tl.active()
		r.fake.OnREST(func(q directustest.RESTRequest) directustest.RESTVerdict {
			if q.Path == "/auth/refresh" {
				return directustest.RESTVerdict{Status: 503, Code: "SERVICE_UNAVAILABLE"}
			}
			return directustest.RESTVerdict{}
		})
		time.Sleep(57 * time.Second)
		if !l.State().Up {
			r.t.Fatalf("down before the token's end: %v", l.State().Err)
		}
		time.Sleep(3 * time.Second)
		if l.State().Up {
			r.t.Fatal("up after the token's end")
		}
		if err := create(r.t, l.Realtime, "x"); !errors.Is(err, directus.ErrNotConnected) {
			r.t.Errorf("create: %v", err)
		}
		r.fake.OnREST(nil)
		l.up()
		tl.until("gap", func() bool { return tl.gaps == 2 })
	})
}

// The link answers the heartbeat and stays up for a day.
func TestHeartbeat(t *testing.T) {
	for name, opts := range map[string]directustest.FakeOptions{
		"on": {}, "off": {Heartbeat: -1}, "slow": {Heartbeat: 5 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, opts, func(r *rig) {
				l := run(r.t, r.login())
				l.up()
				time.Sleep(24 * time.Hour)
				if n := r.fake.Count("upgrade"); n != 1 {
					r.t.Errorf("%d sockets in a day", n)
				}
			})
		})
	}
}

// A socket that has gone silent is noticed within 1.5 heartbeats and the time
// limit of a request.
func TestSilentSocketIsDropped(t *testing.T) {
	for name, opts := range map[string]directustest.FakeOptions{"heartbeat": {}, "no heartbeat": {Heartbeat: -1}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, opts, func(r *rig) {
				l := run(r.t, r.login())
				l.up()
				r.fake.OnFrame(func(directustest.FakeFrame) directustest.FrameVerdict {
					return directustest.FrameVerdict{Delay: time.Hour}
				})
				// The server's own pings would count as signs of life.
				if opts.Heartbeat == 0 {
					synctest.Wait()
				}
				start := time.Now()
				for l.State().Up && time.Since(start) < 10*time.Minute {
					time.Sleep(time.Second)
				}
				if took := time.Since(start); took > 2*time.Minute {
					r.t.Errorf("noticed after %v", took)
				}
				r.fake.OnFrame(nil)
				l.up()
			})
		})
	}
}

// An outage is bridged by attempts at growing distances, told one by one.
func TestBackoff(t *testing.T) {
	bubble(t, directustest.FakeOptions{}, func(r *rig) {
		l := run(r.t, r.login())
		tl := follow(r.t, l.Realtime, "messages")
		tl.active()
		time.Sleep(2 * time.Minute)
		r.fake.Down()
		time.Sleep(10 * time.Minute)
		if tl.sub.Active() {
			r.t.Error("a subscription is active without a link")
		}
		s := l.State()
		if s.Up || s.Failures < 25 || s.Failures > 80 || !errors.Is(s.Err, directus.ErrUnavailable) {
			r.t.Errorf("after ten minutes: %+v", s)
		}
		if down := time.Since(s.Since); down < 10*time.Minute-time.Second || down > 10*time.Minute {
			r.t.Errorf("down since %v", down)
		}
		r.fake.Up()
		time.Sleep(91 * time.Second)
		if !l.State().Up {
			r.t.Errorf("not back: %+v", l.State())
		}
		if n := r.fake.Count("GET /server/info"); n != 2 {
			r.t.Errorf("asked for the server's settings %d times, want again after an outage", n)
		}
		for i, s := range l.history() {
			want := i - 1
			if s.Up {
				want = 0
			}
			if s.Failures != want {
				r.t.Errorf("state %d: %d failures, want %d", i, s.Failures, want)
			}
		}
	})
}

// The first attempt after a cut comes within half a second.
func TestQuickReconnect(t *testing.T) {
	bubble(t, directustest.FakeOptions{}, func(r *rig) {
		l := run(r.t, r.login())
		tl := follow(r.t, l.Realtime, "messages")
		tl.active()
		time.Sleep(2 * time.Minute)
		cut := time.Now()
		r.fake.Cut()
		tl.until("gap", func() bool { return tl.gaps == 2 })
		if took := time.Since(cut); took > 500*time.Millisecond {
			r.t.Errorf("back after %v", took)
		}
		if got := r.Gaps(); got != (directus.Gaps{Reconnected: 1}) {
			r.t.Errorf("counted as %+v", got)
		}
	})
}

// A link that flaps is not reopened at full speed.
func TestFlappingLinkIsSlowedDown(t *testing.T) {
	bubble(t, directustest.FakeOptions{}, func(r *rig) {
		l := run(r.t, r.login())
		r.fake.OnFrame(func(f directustest.FakeFrame) directustest.FrameVerdict {
			return directustest.FrameVerdict{Cut: f.Type == "subscribe"}
		})
		follow(r.t, l.Realtime, "messages")
		time.Sleep(10 * time.Minute)
		if n := r.fake.Count("upgrade"); n < 20 || n > 60 {
			r.t.Errorf("%d sockets in ten minutes", n)
		}
	})
}

// Each way of refusing the upgrade has an error that says what to do.
func TestRefusedUpgrade(t *testing.T) {
	tests := map[string]struct {
		opts    directustest.FakeOptions
		verdict directustest.RESTVerdict
		want    error
	}{
		"switched off": {opts: directustest.FakeOptions{NoWebSockets: true}, want: directus.ErrWebSocketsOff},
		"not found":    {verdict: directustest.RESTVerdict{Status: 404}, want: directus.ErrWebSocketsOff},
		"forbidden":    {verdict: directustest.RESTVerdict{Status: 403}, want: directus.ErrUpgradeRefused},
		"unanswered":   {verdict: directustest.RESTVerdict{Hang: true}, want: directus.ErrUpgradeUnanswered},
		"overloaded":   {verdict: directustest.RESTVerdict{Status: 503}, want: directus.ErrUnavailable},
		"moved":        {verdict: directustest.RESTVerdict{Status: 301}, want: directus.ErrUnavailable},
		"unauthorized": {verdict: directustest.RESTVerdict{Status: 401}, want: directus.ErrUnavailable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, tt.opts, func(r *rig) {
				r.fake.OnREST(func(q directustest.RESTRequest) directustest.RESTVerdict {
					if q.Path == "/websocket" {
						return tt.verdict
					}
					return directustest.RESTVerdict{}
				})
				l := run(r.t, r.login())
				time.Sleep(15 * time.Second)
				if s := l.State(); s.Up || !errors.Is(s.Err, tt.want) {
					r.t.Errorf("state %+v, want %v", s, tt.want)
				}
				r.fake.OnREST(nil)
				if !tt.opts.NoWebSockets {
					ctx, cancel := context.WithTimeout(r.t.Context(), 5*time.Minute)
					defer cancel()
					must(r.t, l.Ready(ctx))
				}
			})
		})
	}
}

func TestModes(t *testing.T) {
	for _, mode := range []string{directus.ModeHandshake, directus.ModeStrict, directus.ModePublic} {
		t.Run(mode, func(t *testing.T) {
			bubble(t, directustest.FakeOptions{Mode: mode, AccessTTL: time.Minute}, func(r *rig) {
				l := run(r.t, r.login())
				l.up()
				time.Sleep(10 * time.Minute)
				must(r.t, create(r.t, l.Realtime, "secret text"))
				if n := r.fake.Count("upgrade"); n != 1 {
					r.t.Errorf("%d upgrades, want 1", n)
				}
				if got := r.fake.Items("messages")[0]["user_created"]; got != r.kevin {
					r.t.Errorf("stored by %v", got)
				}
			})
		})
	}
}

// A server restarted in strict mode is found by its bare 401.
func TestModeChanges(t *testing.T) {
	bubble(t, directustest.FakeOptions{}, func(r *rig) {
		l := run(r.t, r.login())
		l.up()
		r.fake.SetMode(directus.ModeStrict)
		r.fake.Cut()
		synctest.Wait()
		l.up()
		r.fake.SetMode(directus.ModeHandshake)
		r.fake.Cut()
		synctest.Wait()
		l.up()
		for _, s := range l.history() {
			if s.Failures > 0 {
				r.t.Errorf("an attempt failed: %+v", s)
			}
		}
	})
}

// Whoever knows that Directus is back need not wait for the pause to end.
func TestRetry(t *testing.T) {
	bubble(t, directustest.FakeOptions{}, func(r *rig) {
		l := run(r.t, r.login())
		if err := l.Ready(r.t.Context()); err != nil {
			r.t.Fatal(err)
		}
		r.fake.Down()
		time.Sleep(5 * time.Minute)
		r.fake.Up()
		l.Retry()
		synctest.Wait()
		if s := l.State(); !s.Up {
			r.t.Errorf("still down at once after Retry: %+v", s)
		}
	})
}

// Whoever waits for the link does not wait for the long pauses of a long outage.
func TestReadyShortensThePauses(t *testing.T) {
	bubble(t, directustest.FakeOptions{}, func(r *rig) {
		l := run(r.t, r.login())
		r.fake.Down()
		time.Sleep(5 * time.Minute)
		back := time.Now().Add(5 * time.Second)
		time.AfterFunc(time.Until(back), r.fake.Up)
		ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Second)
		defer cancel()
		if err := l.Ready(ctx); err != nil {
			r.t.Fatal(err)
		}
		if late := time.Since(back); late > 2*time.Second {
			r.t.Errorf("connected %v after directus was back", late)
		}
	})
}

// Of what serves an idle link one goroutine stays: there may be thousands.
func TestIdleLinkHasOneGoroutine(t *testing.T) {
	bubble(t, directustest.FakeOptions{}, func(r *rig) {
		l := run(r.t, r.login())
		tl := follow(r.t, l.Realtime, "messages")
		tl.active()
		time.Sleep(10 * time.Minute) // heartbeats, and a new token
		synctest.Wait()
		all := make([]byte, 1<<20)
		all = all[:runtime.Stack(all, true)]
		var ours []string
		for _, stack := range strings.Split(string(all), "\n\n") {
			if strings.Contains(stack, "directus-ircd/directus.") && !strings.Contains(stack, "TestIdleLink") {
				ours = append(ours, stack)
			}
		}
		if len(ours) != 1 {
			r.t.Errorf("%d goroutines, want 1:\n%s", len(ours), strings.Join(ours, "\n\n"))
		}
	})
}
