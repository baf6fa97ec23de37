package bridge_test

import (
	"testing"

	"directus-ircd/bridge"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// The account name is the nick: people can read it, it stays over restarts, and is never
// another's.
func TestAccountNames(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		r := newRemembering(t, nil)
		const first, second = "11111111-aaaa-4aaa-8aaa-000000000001", "22222222-bbbb-4bbb-8bbb-000000000002"
		for id, email := range map[string]string{first: "one@example.com", second: "two@example.com"} {
			r.fake.AddUser(directustest.FakeUser{ID: id, Email: email, Password: "x", FirstName: "Kevin"})
		}
		account := func(email, want string) {
			t.Helper()
			s, err := full(r.backend.Login(t.Context(), ircd.Credentials{Account: email, Secret: "x"}))
			if err != nil {
				t.Fatal(err)
			}
			if u := s.User(); u.Account != want || u.Nick != want {
				t.Errorf("the account of %s is %q, the nick %q, want %q", email, u.Account, u.Nick, want)
			}
			closeSession(t, s)
		}
		for range 2 {
			account("one@example.com", "Kevin-1111")
			account("two@example.com", "Kevin-2222")
			r.restart()
		}
		// With the name, the nick and the account change at the next login.
		v := r.login("ada", "")
		if u := v.session.User(); u.Account != "ada" {
			t.Errorf("the account is %q", u.Account)
		}
		r.fake.EditUser(v.id, func(u *directustest.FakeUser) { u.FirstName = "Augusta" })
		v.texts()
		if u := v.session.User(); u.Account != "ada" {
			t.Errorf("the account changed to %q while its user is connected", u.Account)
		}
		v.leave()
		r.restart()
		again := r.login("ada", "")
		if u := again.session.User(); u.Account != "Augusta" || u.Nick != u.Account {
			t.Errorf("the account is %q, the nick %q", u.Account, u.Nick)
		}
	})
}

// With users.account the account name comes from Directus, for those who have one that they and
// others may read; see people.IsAccountName for what it may be.
func TestAccountField(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		r := newRemembering(t, func(o *bridge.Options) { o.AccountField = "username" })
		for email, username := range map[string]any{"one@example.com": "first.one", "two@example.com": nil, "three@example.com": "three@example.com"} {
			r.fake.AddUser(directustest.FakeUser{Email: email, Password: "x", FirstName: email[:3], Extra: map[string]any{"username": username}})
		}
		for _, u := range []struct{ email, nick, account string }{
			{"one@example.com", "one", "first.one"}, {"two@example.com", "two", "two"}, {"three@example.com", "thr", "thr"},
		} {
			s, err := full(r.backend.Login(t.Context(), ircd.Credentials{Account: u.email, Secret: "x"}))
			if err != nil {
				t.Fatal(err)
			}
			if got := s.User(); got.Account != u.account || got.Nick != u.nick || got.Realname != u.nick {
				t.Errorf("%s: %+v, want the nick %s and the account %s", u.email, got, u.nick, u.account)
			}
			closeSession(t, s)
		}
	})
}
