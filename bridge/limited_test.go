package bridge_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// Twenty people come at once to a Directus that takes ten requests a second, or to an
// nginx in front of one: all get in, in less than the time that a login has, and a password
// that was right counts as wrong for nobody.
func TestLoginsUnderRateLimit(t *testing.T) {
	for name, opts := range map[string]directustest.FakeOptions{
		"directus":             {RESTLimit: directustest.RateLimit{Points: 10, Duration: time.Second}},
		"nginx":                {Nginx: directustest.NginxLimit{Rate: 10, Status: 503}},
		"nginx, 429":           {Nginx: directustest.NginxLimit{Rate: 10, Status: 429}},
		"nginx, 429 till then": {Nginx: directustest.NginxLimit{Rate: 10, Status: 429, Dated: true}},
	} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) { testLoginsUnderRateLimit(t, opts) })
		})
	}
}

func testLoginsUnderRateLimit(t *testing.T, opts directustest.FakeOptions) {
	fake, b := fakeBackendWith(t, opts, func(o *bridge.Options) { o.LoginsAtOnce = 8 })
	begun := time.Now()
	var wg sync.WaitGroup
	for i := range 20 {
		name := fmt.Sprintf("user%d", i)
		addFake(fake, name)
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
			defer cancel()
			s, err := full(b.Login(ctx, ircd.Credentials{Account: name + "@example.com", Secret: name, Remote: "192.0.2.1"}))
			if err != nil {
				t.Errorf("%s: %v", name, err)
				return
			}
			t.Logf("%s is in after %v", name, time.Since(begun))
			t.Cleanup(func() { closeSession(t, s) })
		})
	}
	wg.Wait()
	t.Logf("asked: %v", fake.Counts())
}

// A hundred people come at once to a Directus with the limiter as it is by default, by
// password or by token: all are in their channel within one and a half times the time that
// the limit alone takes for what they ask, and nobody is sent away.
func TestHundredLoginsUnderTheDefaultLimit(t *testing.T) {
	limit := directustest.RateLimit{Points: 50, Duration: time.Second}
	for name, login := range map[string]func(c *ircdtest.Client, name string){
		"password":       func(c *ircdtest.Client, name string) { c.LoginPass("x", name+"@example.com:"+name) },
		"password, SASL": func(c *ircdtest.Client, name string) { c.LoginSASL("x", name+"@example.com", name) },
		"token":          func(c *ircdtest.Client, name string) { c.LoginPass("x", "token-"+name) },
		"token, SASL":    func(c *ircdtest.Client, name string) { c.LoginSASL("x", "token", "token-"+name) },
	} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				fake, listener, _ := fakeStack(t, directustest.FakeOptions{RESTLimit: limit, LoginStall: 500 * time.Millisecond}, func(o *bridge.Options) { o.LoginsAtOnce = 8 })
				var answered atomic.Int64
				fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict { // of what is not turned away
					if r.Path != "/websocket" {
						answered.Add(1)
					}
					return directustest.RESTVerdict{Delay: 20 * time.Millisecond}
				})
				begun := time.Now()
				var wg sync.WaitGroup
				for i := range 100 {
					name := fmt.Sprintf("user%d", i)
					fake.AddUser(directustest.FakeUser{Email: name + "@example.com", Password: name, FirstName: name, Token: "token-" + name})
					c := listener.Dial(t)
					wg.Go(func() {
						login(c, name)
						c.Send("JOIN #messages")
						c.Expect("* 366 *")
					})
				}
				wg.Wait()
				took := time.Since(begun)
				least := time.Duration(answered.Load()) * limit.Duration / time.Duration(limit.Points)
				t.Logf("%d requests, %v by the limit, took %v: %v", answered.Load(), least, took, fake.Counts())
				if took > least*3/2 {
					t.Errorf("took %v, and %v by the limit", took, least)
				}
			})
		})
	}
}
