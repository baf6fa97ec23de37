package bridge_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// Where Directus takes so long with a password that it cannot check as many as are let through at a time before the daemon
// gives up, everybody gets in all the same: it goes on with those that nobody waits for any more, so that else it would check
// all of them in vain.
func TestLoginsOnSlowDirectus(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		const users, check = 40, 3 * time.Second
		const patience = 4 * users * check // a third is asked about in vain while the gate learns, by chance more
		fake, b := fakeBackendWith(t, directustest.FakeOptions{}, func(o *bridge.Options) { o.LoginsAtOnce = 8 })
		var mu sync.Mutex
		var free time.Time // when Directus has checked all passwords that it was asked about
		asked := 0
		fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
			if r.Path != "/auth/login" {
				return directustest.RESTVerdict{}
			}
			mu.Lock()
			defer mu.Unlock()
			asked++
			if now := time.Now(); free.Before(now) {
				free = now
			}
			free = free.Add(check)
			return directustest.RESTVerdict{Delay: time.Until(free)}
		})
		begin := time.Now()
		var wg sync.WaitGroup
		for i := range users {
			name := fmt.Sprintf("user%d", i)
			addFake(fake, name)
			wg.Go(func() {
				for time.Since(begin) < patience {
					ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
					s, err := full(b.Login(ctx, ircd.Credentials{Account: name + "@example.com", Secret: name}))
					cancel()
					if err == nil {
						closeSession(t, s)
						return
					}
					time.Sleep(time.Second)
				}
				t.Errorf("%s is not in after %v", name, time.Since(begin))
			})
		}
		wg.Wait()
		if took := time.Since(begin); took > patience || asked > 4*users {
			t.Errorf("%d users are in after %v and %d requests", users, took, asked)
		}
		// When it is fast again, as many are let through at a time as are wanted.
		var now, most int
		fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
			if r.Path != "/auth/login" {
				return directustest.RESTVerdict{}
			}
			mu.Lock()
			defer mu.Unlock()
			now++
			most = max(most, now)
			time.AfterFunc(check/10, func() {
				mu.Lock()
				defer mu.Unlock()
				now--
			})
			return directustest.RESTVerdict{Delay: check / 10}
		})
		for i := range 60 {
			name := fmt.Sprintf("later%d", i)
			addFake(fake, name)
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
		if most != 8 {
			t.Errorf("%d logins at a time in the end", most)
		}
	})
}
