package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// Many who come at once are let in one after the other, as many at a time as are
// wanted; who cannot wait is told that it is not the password.
func TestLoginsAtOnce(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, b := fakeBackendWith(t, directustest.FakeOptions{}, func(o *bridge.Options) { o.LoginsAtOnce = 4 })
		var now, most atomic.Int64
		fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
			if r.Path != "/auth/login" {
				return directustest.RESTVerdict{}
			}
			most.Store(max(most.Load(), now.Add(1)))
			time.AfterFunc(500*time.Millisecond, func() { now.Add(-1) })
			return directustest.RESTVerdict{Delay: 500 * time.Millisecond}
		})
		var wg sync.WaitGroup
		var in, later atomic.Int64
		for i := range 100 {
			name := fmt.Sprintf("user%d", i)
			addFake(fake, name)
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				s, err := full(b.Login(ctx, ircd.Credentials{Account: name + "@example.com", Secret: name}))
				if err == nil {
					in.Add(1)
					closeSession(t, s)
					return
				}
				var refusal *ircd.LoginError
				if errors.As(err, &refusal) && refusal.Reason == ircd.Unavailable {
					later.Add(1)
				}
			})
		}
		wg.Wait()
		if most.Load() != 4 {
			t.Errorf("%d logins at once", most.Load())
		}
		if in.Load() < 70 || in.Load()+later.Load() != 100 {
			t.Errorf("%d are in, %d are to come again", in.Load(), later.Load())
		}
	})
}

// The users of one gateway, who all come from one address and at once after a restart,
// wait for each other: the limit is one of failures.
func TestLoginsOfOneAddress(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, b := fakeBackendWith(t, directustest.FakeOptions{}, func(o *bridge.Options) {
			o.LoginsAtOnce, o.LoginAttemptsPerMinute = 8, 10
		})
		fake.OnREST(func(r directustest.RESTRequest) (v directustest.RESTVerdict) {
			if r.Path == "/auth/login" {
				v.Delay = 500 * time.Millisecond
			}
			return v
		})
		var wg sync.WaitGroup
		for i := range 100 {
			name := fmt.Sprintf("user%d", i)
			addFake(fake, name)
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				s, err := full(b.Login(ctx, ircd.Credentials{Account: name + "@example.com", Secret: name, Remote: "192.0.2.1"}))
				if err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
				closeSession(t, s)
			})
		}
		wg.Wait()
		// Guesses have the same limit, however many wait at once.
		var asked atomic.Int64
		fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
			if r.Path == "/auth/login" {
				asked.Add(1)
			}
			return directustest.RESTVerdict{}
		})
		for i := range 100 {
			wg.Go(func() {
				_, _ = b.Login(t.Context(), ircd.Credentials{Account: fmt.Sprintf("user%d@example.com", i), Secret: "guess", Remote: "192.0.2.1"})
			})
		}
		wg.Wait()
		if n := asked.Load(); n > 10 {
			t.Errorf("%d guesses reached Directus", n)
		}
	})
}

// Of the clients of a user that come back at once, as after a restart, Directus is asked about the password of one.
func TestManyClientsOfEach(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		const users, clients, width = 50, 3, 4
		fake, b := fakeBackendWith(t, directustest.FakeOptions{}, func(o *bridge.Options) { o.LoginsAtOnce = width })
		fake.OnREST(func(r directustest.RESTRequest) (v directustest.RESTVerdict) {
			if r.Path == "/auth/login" {
				v.Delay = 500 * time.Millisecond
			}
			return v
		})
		var wg sync.WaitGroup
		for i := range users * clients {
			name := fmt.Sprintf("user%d", i%users)
			if i < users {
				addFake(fake, name)
			}
			wg.Go(func() {
				s, err := full(b.Login(t.Context(), ircd.Credentials{Account: name + "@example.com", Secret: name}))
				if err != nil {
					t.Error(err)
					return
				}
				closeSession(t, s)
			})
		}
		wg.Wait()
		for _, question := range []string{"POST /auth/login", "GET /permissions/me"} {
			if n := fake.Count(question); n > users+width*clients { // some of a user are in the gate together
				t.Errorf("%s: %d for %d users", question, n, users)
			}
		}
	})
}

// A second connection of a user costs Directus no second look at the password, but
// only as long as that can have changed in no way.
func TestRejoin(t *testing.T) {
	for name, test := range map[string]struct {
		meanwhile func(c *chat, ada *visitor)
		secret    string // default: the right one
		logins    int    // in all
		refused   bool
	}{
		"at once":            {logins: 1},
		"some minutes later": {logins: 2, meanwhile: func(*chat, *visitor) { time.Sleep(6 * time.Minute) }},
		"another password":   {logins: 2, refused: true, meanwhile: func(c *chat, v *visitor) { c.fake.SetPassword(v.id, "another") }},
		"suspended":          {logins: 2, refused: true, meanwhile: func(c *chat, v *visitor) { c.fake.Suspend(v.id) }},
		"nobody is left":     {logins: 1, meanwhile: leave},
		"all left long ago": {logins: 2, meanwhile: func(c *chat, v *visitor) {
			leave(c, v)
			time.Sleep(time.Minute)
		}},
		"a guess":               {logins: 2, refused: true, secret: "guess"},
		"Directus cannot renew": {logins: 2, meanwhile: func(c *chat, _ *visitor) { c.fake.OnREST(noRefresh) }},
	} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				c := newChat(t, nil)
				ada := c.visit("ada", "#messages")
				if test.meanwhile != nil {
					test.meanwhile(c, ada)
				}
				secret := "ada"
				if test.secret != "" {
					secret = test.secret
				}
				s, err := full(c.backend.Login(t.Context(), ircd.Credentials{Account: "ada@example.com", Secret: secret}))
				if (err != nil) != test.refused {
					t.Errorf("login: %v", err)
				}
				if n := c.fake.Count("POST /auth/login"); n != test.logins {
					t.Errorf("%d looks at the password, want %d", n, test.logins)
				}
				if err == nil {
					if nick := s.User().Nick; nick != "ada" {
						t.Errorf("the second connection is called %s", nick)
					}
					closeSession(t, s)
				}
			})
		})
	}
}

// Who logs in anew beside a connection that is there is asked about no more than that one.
func TestSecondLoginIsCheap(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		c.visit("ada", "#messages")
		time.Sleep(6*time.Minute + 7*time.Second)
		questions := map[string]int{"POST /auth/login": 1, "POST /auth/refresh": 1, "GET /permissions/me": 1, "GET /users/me": 0, "SEARCH /users": 0, "POST /auth/logout": 1}
		before := map[string]int{}
		for question := range questions {
			before[question] = c.fake.Count(question)
		}
		if nick := c.visit("ada").session.User().Nick; nick != "ada" {
			t.Errorf("the second connection is called %s", nick)
		}
		for question, want := range questions {
			if n := c.fake.Count(question) - before[question]; n != want {
				t.Errorf("%s: %d times, want %d", question, n, want)
			}
		}
	})
}

func leave(c *chat, v *visitor) { _ = v.session.Close(c.t.Context()) }

func noRefresh(r directustest.RESTRequest) directustest.RESTVerdict {
	if strings.HasSuffix(r.Path, "/refresh") {
		return directustest.RESTVerdict{Status: 503, Code: "SERVICE_UNAVAILABLE"}
	}
	return directustest.RESTVerdict{}
}

// What goes wrong once Directus has accepted the credentials is not told as wrong
// credentials: the client may come again, with the same ones.
func TestSessionEndsDuringLogin(t *testing.T) {
	expired := directustest.RESTVerdict{Status: 401, Code: "TOKEN_EXPIRED"}
	for name, test := range map[string]struct {
		cred  ircd.Credentials
		asked int // which question about the user is the first after the login
		fault func(c *chat, ada string) directustest.RESTVerdict
		say   string
	}{
		"ended": {
			cred: ircd.Credentials{Account: "ada@example.com", Secret: "ada"}, asked: 1, say: "ended the session",
			fault: func(c *chat, ada string) directustest.RESTVerdict { c.fake.EndSessions(ada); return expired },
		},
		"another token": {
			cred: ircd.Credentials{Account: "token", Secret: "static"}, asked: 2, say: "ended the session",
			fault: func(c *chat, ada string) directustest.RESTVerdict { c.fake.SetToken(ada, "another"); return expired },
		},
		"no answer": {
			cred: ircd.Credentials{Account: "ada@example.com", Secret: "ada"}, asked: 1, say: "temporarily unavailable",
			fault: func(*chat, string) directustest.RESTVerdict {
				return directustest.RESTVerdict{Status: 503, Code: "SERVICE_UNAVAILABLE"}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				c := newChat(t, nil)
				ada, asked := c.person("ada"), 0
				c.fake.SetToken(ada, "static")
				c.fake.OnREST(func(r directustest.RESTRequest) (v directustest.RESTVerdict) {
					if r.Path == "/users/me" {
						if asked++; asked == test.asked {
							v = test.fault(c, ada)
						}
					}
					return v
				})
				_, err := c.backend.Login(t.Context(), test.cred)
				refusal, ok := errors.AsType[*ircd.LoginError](err)
				if !ok || refusal.Reason != ircd.Unavailable || !strings.Contains(refusal.Text, test.say) {
					t.Errorf("told %+v", err)
				}
			})
		})
	}
}
