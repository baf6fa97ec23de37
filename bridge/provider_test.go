package bridge_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// corp is a Directus with an LDAP provider of that name.
var corp = directustest.FakeOptions{Version: "11.17.4", Providers: []directus.Provider{{Name: "corp", Driver: directus.DriverLDAP}, {Name: "google", Driver: "openid"}}}

// addCorp adds a user whom the directory knows as name, with the password name.
func addCorp(f *directustest.Fake, name string) (id string) {
	return f.AddUser(directustest.FakeUser{FirstName: name, Provider: "corp", Identifier: name, Password: name})
}

// A login that does not succeed is told truly, and counts as a wrong password where
// Directus counts it.
func TestProviderRefusals(t *testing.T) {
	const plain = ""
	reply := func(status int, code string) func(*directustest.Fake) {
		return func(f *directustest.Fake) {
			f.OnREST(func(r directustest.RESTRequest) (v directustest.RESTVerdict) {
				if strings.HasPrefix(r.Path, "/auth/login") {
					v.Status, v.Code = status, code
				}
				return v
			})
		}
	}
	for name, test := range map[string]struct {
		provider, account, password string
		fault                       func(*directustest.Fake)
		reason                      ircd.Refusal
		text                        string
	}{
		"wrong password":   {"corp", "ada", "wrong", nil, ircd.Rejected, "wrong user name, password or token"},
		"unknown":          {"corp", "eve", "eve", nil, ircd.Rejected, "wrong user name, password or token"},
		"another provider": {"corp", "bob@example.com", "bob", nil, ircd.Rejected, "wrong user name, password or token"},
		"own login":        {plain, "ada@example.com", "ada", nil, ircd.Rejected, "wrong e-mail, password or token"},
		"no provider":      {"ldap", "ada", "ada", nil, ircd.Unavailable, `Directus takes no passwords for "ldap" (login.provider), yours was not checked: log in with a static token`},
		"browser":          {"google", "ada", "ada", nil, ircd.Unavailable, `Directus takes no passwords for "google"`},
		"directory down":   {"corp", "ada", "ada", func(f *directustest.Fake) { f.Directory(false) }, ircd.Unavailable, `Directus gets no answer from the directory "corp" about you`},
		"locked":           {"corp", "ada", "ada", func(f *directustest.Fake) { f.Lock("ada") }, ircd.Rejected, `The directory "corp" refuses every password of this account`},
		"bind user":        {"corp", "ada", "ada", reply(503, "INVALID_PROVIDER_CONFIG"), ircd.Unavailable, `The directory "corp" refuses Directus itself`},
		"e-mail taken":     {"corp", "ada", "ada", reply(403, "INVALID_PROVIDER"), ircd.Unavailable, "another user has your e-mail address"},
		"no e-mail":        {"corp", "ada", "ada", reply(400, "FAILED_VALIDATION"), ircd.Unavailable, "Directus could not log you in (FAILED_VALIDATION). Tell whoever runs this server"},
		"Directus down":    {"corp", "ada", "ada", reply(502, ""), ircd.Unavailable, "Directus is temporarily unavailable"},
		"no account":       {"corp", "", "two words", nil, ircd.Rejected, `Log in with your name and password of "corp": PASS name:password`},
	} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				fake, b := fakeBackendWith(t, corp, func(o *bridge.Options) { o.LoginProvider, o.LoginAttemptsPerMinute = test.provider, 100 })
				addCorp(fake, "ada")
				addFake(fake, "bob")
				if test.fault != nil {
					test.fault(fake)
				}
				cred := ircd.Credentials{Account: test.account, Secret: test.password, Nick: "x"}
				_, err := b.Login(t.Context(), cred)
				refusal, _ := errors.AsType[*ircd.LoginError](err)
				if refusal == nil || refusal.Reason != test.reason || !strings.Contains(refusal.Text, test.text) {
					t.Fatalf("got %+v", err)
				}
				asked := fake.Counts()
				_, err = b.Login(t.Context(), cred)
				again := fake.Count("POST /auth/login/corp") - asked["POST /auth/login/corp"]
				if test.provider == "corp" && test.account != "" && (again == 1) != (test.reason == ircd.Unavailable) {
					t.Errorf("asked %d times again: %v", again, err)
				}
			})
		})
	}
}

// Without Directus' own login people are told so, and tokens go on.
func TestOwnLoginIsOff(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		off := corp
		off.NoDefault = true
		fake, b := fakeBackendWith(t, off, nil)
		fake.AddUser(directustest.FakeUser{Email: "ada@example.com", Password: "ada", Token: "token-of-ada"})
		_, err := b.Login(t.Context(), ircd.Credentials{Account: "ada@example.com", Secret: "ada"})
		if refusal, _ := errors.AsType[*ircd.LoginError](err); refusal == nil || !strings.Contains(refusal.Text, "AUTH_DISABLE_DEFAULT") {
			t.Errorf("got %v", err)
		}
		s, err := full(b.Login(t.Context(), ircd.Credentials{Secret: "token-of-ada"}))
		if err != nil {
			t.Fatal(err)
		}
		closeSession(t, s)
	})
}

// The wrong passwords of one person are counted together however the name is written,
// because a directory takes it for the same.
func TestNamesOfADirectoryAreCountedTogether(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, b := fakeBackendWith(t, corp, func(o *bridge.Options) { o.LoginProvider = "corp" })
		for _, name := range []string{"ada one", "Ada  One", " ada one", "ada\u00a0one", "ada o\u00adne", "ADA ONE "} {
			for range 20 {
				b.Login(t.Context(), ircd.Credentials{Account: name, Secret: name + time.Now().String()})
				time.Sleep(time.Hour)
			}
		}
		if n := fake.Count("POST /auth/login/corp"); n > 25 {
			t.Errorf("asked %d times", n)
		}
	})
}

// Directus does not say that somebody was deleted from the directory, only that it gets no
// answer. From the next check on such a person is shown nothing and told why; the others
// are shown everything, and so is who comes back.
func TestDeletedFromTheDirectory(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, listener, _ := fakeStack(t, corp, func(o *bridge.Options) { o.LoginProvider = "corp" })
		ada, bob := addCorp(fake, "ada"), addCorp(fake, "bob")
		enter := func(name string) *ircdtest.Client {
			c := listener.Dial(t)
			c.Name = name
			c.LoginPass("x", name+":"+name)
			c.Send("JOIN #messages")
			c.Expect("* 366 *")
			return c
		}
		b, a := enter("bob"), enter("ada")
		entry := func(gone bool) { fake.EditUser(ada, func(u *directustest.FakeUser) { u.NoEntry = gone }) }
		entry(true)
		time.Sleep(5*time.Minute + time.Second)
		a.Expect("* NOTICE #messages :Directus cannot say at the moment whether you may read this*")
		fake.Insert("messages", bob, map[string]any{"text": "behind her back"})
		b.Expect("* PRIVMSG #messages :behind her back")
		time.Sleep(time.Hour)
		for _, l := range a.Sync() {
			if strings.Contains(l, "PRIVMSG") {
				t.Error(l)
			}
		}
		entry(false)
		a.Expect("* NOTICE #messages :Directus is back*")
		a.ExpectNext("* PRIVMSG #messages :*behind her back")
		for _, l := range b.Sync() {
			if strings.Contains(l, "NOTICE") {
				t.Error(l)
			}
		}
	})
}
