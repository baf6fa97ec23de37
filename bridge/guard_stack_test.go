package bridge_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"

	"github.com/rs/zerolog"
)

// An account is under attack from many networks, some of which do not wait for the answer,
// while the daemon is restarted: Directus does not suspend it, and its owner gets in at
// once. So it is for somebody with a second factor, and for one whose client has no code.
func TestAccountUnderAttack(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake := directustest.NewFake(t, directustest.FakeOptions{})
		dir := t.TempDir()
		client := directus.New(fake.URL(), directus.Options{NetDial: fake.Dial, Logger: logger(t)})
		t.Cleanup(client.Close)
		start := func() *bridge.Backend {
			state, err := bridge.OpenState(dir, zerolog.Nop())
			if err != nil {
				t.Fatal(err)
			}
			b, err := bridge.New(bridge.Options{Client: client, Channels: []collection.Config{messages("messages")},
				NickFields: []string{"first_name"}, State: state, DigestRounds: 1, LoginAttemptsPerMinute: 10, Logger: logger(t)})
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		people := map[string]string{}
		for name, otp := range map[string]string{"ada": "", "bob": "123456", "eve": "123456"} {
			people[name] = fake.AddUser(directustest.FakeUser{Email: name + "@example.com", Password: name, OTP: otp, FirstName: name})
		}
		login := func(b *bridge.Backend, name, password, otp, remote string, patience time.Duration) error {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			s, err := full(b.Login(ctx, ircd.Credentials{Account: name + "@example.com", Secret: password, OTP: otp, Remote: remote}))
			if err == nil {
				closeSession(t, s)
			}
			return err
		}
		b := start()
		for name, otp := range map[string]string{"ada": "", "bob": "123456"} {
			if err := login(b, name, name, otp, "192.0.2.1", time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		fake.OnREST(func(r directustest.RESTRequest) (v directustest.RESTVerdict) {
			if r.Path == "/auth/login" {
				v.Lose = fake.Count("POST /auth/login")%3 == 0
			}
			return v
		})
		tries := 0
		for range 6 {
			for range 20 {
				tries++
				for name := range people {
					_ = login(b, name, fmt.Sprint("guess", tries), "", fmt.Sprintf("10.0.%d.1", tries%256), time.Minute)
				}
				_ = login(b, "eve", "eve", "", "192.0.2.3", time.Minute)
				time.Sleep(5 * time.Hour)
			}
			b.Close(t.Context())
			b = start()
		}
		defer func() { b.Close(context.Background()) }()
		for name, id := range people {
			if n := fake.Attempts(id); n < 10 || n > 20 {
				t.Errorf("%s: Directus has counted %d attempts", name, n)
			}
		}
		fake.OnREST(nil)
		for name, otp := range map[string]string{"ada": "", "bob": "123456"} {
			if err := login(b, name, name, otp, "10.0.1.1", time.Minute); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if n := fake.Attempts(people[name]); n != 0 {
				t.Errorf("%s: Directus has counted %d attempts since", name, n)
			}
		}
	})
}
