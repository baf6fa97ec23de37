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
