package directus_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
)

// onPath is a hook that judges the calls of one path.
func onPath(path string, v directustest.RESTVerdict) func(directustest.RESTRequest) directustest.RESTVerdict {
	return func(q directustest.RESTRequest) directustest.RESTVerdict {
		if q.Path == path {
			return v
		}
		return directustest.RESTVerdict{}
	}
}

// A token is renewed when a third of its life is left, or 30 s if that is
// more and the life allows it; many callers cost one refresh.
func TestTokenIsRenewedInTime(t *testing.T) {
	tests := []struct{ ttl, before, after time.Duration }{
		{15 * time.Minute, 598 * time.Second, 600 * time.Second},
		{time.Minute, 28 * time.Second, 30 * time.Second},
		{10 * time.Second, 4 * time.Second, 5 * time.Second},
		{3 * time.Second, 900 * time.Millisecond, 1100 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.ttl.String(), func(t *testing.T) {
			bubble(t, directustest.FakeOptions{AccessTTL: tt.ttl}, func(r *rig) {
				a := r.login()
				first, expires, err := a.Token(r.t.Context())
				must(r.t, err)
				if left := time.Until(expires); left > tt.ttl || left < tt.ttl-time.Second {
					r.t.Errorf("valid for %v of %v", left, tt.ttl)
				}
				time.Sleep(tt.before)
				if second, _, _ := a.Token(r.t.Context()); second != first {
					r.t.Errorf("renewed after %v already", tt.before)
				}
				time.Sleep(tt.after - tt.before)
				var wg sync.WaitGroup
				for range 50 {
					wg.Go(func() {
						if token, _, err := a.Token(context.Background()); err != nil || token == first {
							r.t.Errorf("the old token, error %v", err)
						}
					})
				}
				wg.Wait()
				if n := r.fake.Count("POST /auth/refresh"); n != 1 {
					r.t.Errorf("%d refreshes, want 1", n)
				}
			})
		})
	}
}

// While refreshing is impossible the old token serves until its end, and
// Directus is not asked at every call.
func TestTokenWhileUnavailable(t *testing.T) {
	bubble(t, directustest.FakeOptions{AccessTTL: time.Minute}, func(r *rig) {
		a := r.login()
		first, _, _ := a.Token(r.t.Context())
		r.fake.OnREST(onPath("/auth/refresh", directustest.RESTVerdict{Status: 500, Code: "INTERNAL_SERVER_ERROR"}))
		time.Sleep(40 * time.Second)
		for range 100 {
			token, _, err := a.Token(r.t.Context())
			if err != nil || token != first {
				r.t.Fatalf("before the end: %v", err)
			}
		}
		time.Sleep(30 * time.Second)
		for range 100 {
			if _, _, err := a.Token(r.t.Context()); !errors.Is(err, directus.ErrUnavailable) || errors.Is(err, directus.ErrLoggedOut) {
				r.t.Fatalf("after the end: %v", err)
			}
		}
		if n := r.fake.Count("POST /auth/refresh"); n != 2 {
			r.t.Errorf("%d refreshes, want 2", n)
		}
		r.fake.OnREST(nil)
		time.Sleep(time.Second)
		if token, _, err := a.Token(r.t.Context()); err != nil || token == first {
			r.t.Errorf("afterwards: %v", err)
		}
	})
}

// A refused refresh ends the account and its link, for good.
func TestRefusedRefresh(t *testing.T) {
	for name, end := range map[string]func(*rig){
		"password changed": func(r *rig) { r.fake.SetPassword(r.kevin, "another") },
		"suspended":        func(r *rig) { r.fake.Suspend(r.kevin) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, directustest.FakeOptions{}, func(r *rig) {
				a := r.login()
				l := run(r.t, a)
				l.up()
				end(r)
				time.Sleep(11 * time.Minute) // no socket notices before
				if err := l.end(patience); !errors.Is(err, directus.ErrLoggedOut) {
					r.t.Errorf("Run: %v", err)
				}
				if err := l.Ready(r.t.Context()); !errors.Is(err, directus.ErrLoggedOut) {
					r.t.Errorf("Ready: %v", err)
				}
				if _, _, err := a.Token(r.t.Context()); !errors.Is(err, directus.ErrLoggedOut) {
					r.t.Errorf("Token: %v", err)
				}
				if n := r.fake.Count("POST /auth/login") + r.fake.Count("POST /auth/refresh"); n != 2 {
					r.t.Errorf("%d attempts, want one login and one refresh", n)
				}
			})
		})
	}
}

// Sockets notice nothing of what becomes of their user. Check does, and they
// authenticate anew behind it.
func TestCheck(t *testing.T) {
	for name, static := range map[string]bool{"password": false, "static token": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, directustest.FakeOptions{}, func(r *rig) {
				a := r.login()
				if static {
					var err error
					a, err = r.LoginToken(r.t.Context(), kevinToken)
					must(r.t, err)
				}
				l := run(r.t, a)
				l.up()
				for n := range 3 {
					time.Sleep(time.Minute)
					must(r.t, a.Check(r.t.Context()))
					synctest.Wait()
					if got := r.fake.Count("ws auth"); got != n+2 || r.fake.Count("upgrade") != 1 {
						r.t.Errorf("after %d checks the sockets have authenticated %d times", n+1, got)
					}
				}
				r.fake.OnREST(func(directustest.RESTRequest) directustest.RESTVerdict {
					return directustest.RESTVerdict{Status: 503, Code: "SERVICE_UNAVAILABLE"}
				})
				if err := a.Check(r.t.Context()); !errors.Is(err, directus.ErrUnavailable) {
					r.t.Errorf("in an outage: %v", err)
				}
				if !l.State().Up {
					r.t.Error("an outage ended the link")
				}
				r.fake.OnREST(nil)
				time.Sleep(time.Minute)
				r.fake.Suspend(r.kevin)
				if err := a.Check(r.t.Context()); !errors.Is(err, directus.ErrLoggedOut) {
					r.t.Errorf("of a suspended user: %v", err)
				}
				if err := l.end(time.Second); !errors.Is(err, directus.ErrLoggedOut) {
					r.t.Errorf("Run: %v", err)
				}
			})
		})
	}
}

// A login whose caller is gone leaves no session behind, even if Directus had
// answered it.
func TestAbandonedLogin(t *testing.T) {
	bubble(t, directustest.FakeOptions{LoginStall: 500 * time.Millisecond}, func(r *rig) {
		ctx, cancel := context.WithTimeout(r.t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := r.Login(ctx, kevinEmail, kevinPassword, ""); !errors.Is(err, context.DeadlineExceeded) {
			r.t.Errorf("login: %v", err)
		}
		if n := r.fake.Count("POST /auth/login"); n != 1 || r.fake.Sessions() != 0 {
			r.t.Errorf("%d logins, %d sessions left", n, r.fake.Sessions())
		}
	})
}

// A refresh is not cut off by a caller that gives up, or the session were lost.
func TestAbandonedRefresh(t *testing.T) {
	bubble(t, directustest.FakeOptions{AccessTTL: time.Minute}, func(r *rig) {
		a := r.login()
		r.fake.OnREST(onPath("/auth/refresh", directustest.RESTVerdict{Delay: time.Second}))
		time.Sleep(40 * time.Second)
		ctx, cancel := context.WithTimeout(r.t.Context(), 100*time.Millisecond)
		defer cancel()
		_, _, _ = a.Token(ctx)
		if _, _, err := a.Token(r.t.Context()); err != nil {
			r.t.Errorf("afterwards: %v", err)
		}
		must(r.t, a.Logout(r.t.Context()))
		if n := r.fake.Sessions(); n != 0 {
			r.t.Errorf("%d sessions left", n)
		}
	})
}

// A refresh and a logout at the same time leave no session behind, whichever
// way they are interleaved.
func TestLogoutDuringRefresh(t *testing.T) {
	for name, limit := range map[string]time.Duration{"waits": time.Minute, "does not wait": 100 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			bubble(t, directustest.FakeOptions{AccessTTL: time.Minute}, func(r *rig) {
				a := r.login()
				r.fake.OnREST(onPath("/auth/refresh", directustest.RESTVerdict{Delay: time.Second}))
				time.Sleep(40 * time.Second)
				done := make(chan struct{})
				go func() {
					defer close(done)
					_, _, _ = a.Token(context.Background())
				}()
				synctest.Wait()
				ctx, cancel := context.WithTimeout(r.t.Context(), limit)
				defer cancel()
				must(r.t, a.Logout(ctx))
				if name != "waits" {
					<-done
				}
				if n := r.fake.Sessions(); n != 0 {
					r.t.Errorf("%d sessions left", n)
				}
				if _, _, err := a.Token(r.t.Context()); !errors.Is(err, directus.ErrLoggedOut) {
					r.t.Errorf("Token: %v", err)
				}
				must(r.t, a.Logout(r.t.Context()))
				<-done
			})
		})
	}
}

// What Directus could not answer says nothing about the credentials.
func TestUnavailableIsNotWrong(t *testing.T) {
	verdicts := map[string]directustest.RESTVerdict{
		"500": {Status: 500, Code: "INTERNAL_SERVER_ERROR"}, "503": {Status: 503, Code: "SERVICE_UNAVAILABLE"},
		"429":       {Status: 429, Code: "REQUESTS_EXCEEDED", RetryAfter: 7 * time.Second},
		"proxy 502": {Status: 502}, "proxy 401": {Status: 401}, "proxy 404": {Status: 404}, "redirect": {Status: 301},
		"no answer": {Hang: true}, "answer lost": {Lose: true},
	}
	for name, verdict := range verdicts {
		t.Run(name, func(t *testing.T) {
			bubble(t, directustest.FakeOptions{}, func(r *rig) {
				r.fake.OnREST(func(directustest.RESTRequest) directustest.RESTVerdict { return verdict })
				start := time.Now()
				_, err := r.Login(r.t.Context(), kevinEmail, kevinPassword, "")
				if !errors.Is(err, directus.ErrUnavailable) || directus.IsCode(err, directus.CodeInvalidCredentials) {
					r.t.Errorf("login: %v", err)
				}
				if _, err := r.LoginToken(r.t.Context(), kevinToken); !errors.Is(err, directus.ErrUnavailable) {
					r.t.Errorf("login by token: %v", err)
				}
				most := 21 * time.Second
				if verdict.Status == 429 {
					most = 2 * time.Minute // who is asked to wait does, for a minute at most
				}
				if took := time.Since(start); took > most {
					r.t.Errorf("took %v", took)
				}
				if refusal, ok := errors.AsType[*directus.Error](err); ok && refusal.RetryAfter != verdict.RetryAfter {
					r.t.Errorf("retry after %v, want %v", refusal.RetryAfter, verdict.RetryAfter)
				}
				for _, secret := range []string{kevinEmail, kevinPassword, kevinToken} {
					if strings.Contains(err.Error(), secret) {
						r.t.Errorf("the error holds %q: %v", secret, err)
					}
				}
			})
		})
	}
}

// A token that Directus does not accept any more is renewed once, unseen.
func TestExpiredTokenIsRenewedAndTheCallRepeated(t *testing.T) {
	bubble(t, directustest.FakeOptions{}, func(r *rig) {
		a := r.login()
		refused := false
		r.fake.OnREST(func(q directustest.RESTRequest) directustest.RESTVerdict {
			if q.Path == "/items/messages" && !refused {
				refused = true
				return directustest.RESTVerdict{Status: 401, Code: "TOKEN_EXPIRED"}
			}
			return directustest.RESTVerdict{}
		})
		var items []map[string]any
		must(r.t, a.Items(r.t.Context(), "messages", directus.Query{}, &items))
		if n := r.fake.Count("POST /auth/refresh"); n != 1 {
			r.t.Errorf("%d refreshes", n)
		}
	})
}

// The strict mode has the token in a URL; no error and no log line shows it.
func TestStrictModeKeepsTheTokenSecret(t *testing.T) {
	for name, verdict := range map[string]directustest.RESTVerdict{
		"unanswered": {Hang: true}, "refused": {Status: 403}, "garbage": {Lose: true}, "moved": {Status: 301},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, directustest.FakeOptions{Mode: directus.ModeStrict}, func(r *rig) {
				a, err := r.LoginToken(r.t.Context(), kevinToken)
				must(r.t, err)
				r.fake.OnREST(onPath("/websocket", verdict))
				l := run(r.t, a)
				time.Sleep(time.Minute)
				for _, s := range l.history() {
					if s.Err != nil && strings.Contains(s.Err.Error(), kevinToken) {
						r.t.Errorf("the error holds the token: %v", s.Err)
					}
				}
				if l.State().Failures == 0 {
					r.t.Errorf("state %+v", l.State())
				}
			})
		})
	}
}

// Fields that may not be read are missing, and nothing else is.
func TestMeDegrades(t *testing.T) {
	bubble(t, directustest.FakeOptions{}, func(r *rig) {
		a := r.login()
		me, err := a.Me(r.t.Context(), []string{"id", "first_name", "nickname"}) // the last one does not exist
		must(r.t, err)
		if me.ID() != r.kevin || me.String("first_name") != "Kevin" {
			r.t.Errorf("with one unreadable field: %v", me)
		}
		r.fake.Deny(r.kevin, "directus_users", "read")
		me, err = a.Me(r.t.Context(), []string{"id", "first_name"})
		must(r.t, err)
		if me.ID() != r.kevin || me.String("first_name") != "" {
			r.t.Errorf("without the right: %v", me)
		}
	})
}

// A query too long for a URL is sent in a body.
func TestLongQuery(t *testing.T) {
	bubble(t, directustest.FakeOptions{}, func(r *rig) {
		a := r.login()
		id := r.fake.Insert("messages", r.kevin, map[string]any{"text": "x"})
		ids := make([]string, 2000)
		for i := range ids {
			ids[i] = "99999"
		}
		ids[1999] = id
		var items []struct{ Text string }
		must(r.t, a.Items(r.t.Context(), "messages", directus.Query{Filter: directus.Compare("id", "_in", ids)}, &items))
		if len(items) != 1 || items[0].Text != "x" {
			r.t.Errorf("got %v", items)
		}
		if n := r.fake.Count("SEARCH /items/messages"); n != 1 {
			r.t.Errorf("%d SEARCH requests", n)
		}
	})
}

// Two tokens of one second are the same, which must neither stop the renewal
// of a socket nor end it early.
func TestRefreshWithinTheSecondOfTheLogin(t *testing.T) {
	bubble(t, directustest.FakeOptions{AccessTTL: 2 * time.Second}, func(r *rig) {
		time.Sleep(100 * time.Millisecond)
		a := r.login()
		l := run(r.t, a)
		l.up()
		first, _, _ := a.Token(r.t.Context())
		time.Sleep(600 * time.Millisecond) // the renewal is due half a second after the login
		if second, _, _ := a.Token(r.t.Context()); second != first || r.fake.Count("POST /auth/refresh") == 0 {
			r.t.Errorf("not the case that this test is about: %d refreshes", r.fake.Count("POST /auth/refresh"))
		}
		time.Sleep(time.Minute)
		if n := r.fake.Count("upgrade"); n != 1 {
			r.t.Errorf("%d sockets; states %+v", n, l.history())
		}
	})
}

// The URL of a query may hold texts and addresses; the error of a call that
// failed on the way does not show it.
func TestQueriesStayOutOfErrors(t *testing.T) {
	bubble(t, directustest.FakeOptions{}, func(r *rig) {
		a := r.login()
		r.fake.Down()
		var items []map[string]any
		err := a.Items(r.t.Context(), "messages", directus.Query{Filter: directus.Eq("text", "secret text")}, &items)
		if !errors.Is(err, directus.ErrUnavailable) || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "filter") {
			r.t.Errorf("got %v", err)
		}
	})
}
