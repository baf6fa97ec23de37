package bridge_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"directus-ircd/bridge"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

func TestLoginForms(t *testing.T) {
	dx := directustest.Shared(t)
	s := start(t, dx, nil)
	u := dx.CreateUser("Grace", "Hopper")
	forms := map[string]func(c *ircdtest.Client) string{
		"PASS email:password": func(c *ircdtest.Client) string { return c.LoginPass("x", u.Email+":"+u.Password) },
		"PASS token":          func(c *ircdtest.Client) string { return c.LoginPass("x", u.StaticToken) },
		"SASL":                func(c *ircdtest.Client) string { return c.LoginSASL("x", u.Email, u.Password) },
		"SASL token":          func(c *ircdtest.Client) string { return c.LoginSASL("x", "token", u.StaticToken) },
		"SASL nick, PASS form": func(c *ircdtest.Client) string {
			return c.LoginSASL("x", "grace", u.Email+":"+u.Password)
		},
	}
	for name, login := range forms {
		c := ircdtest.Dial(t, s.address)
		if nick := login(c); nick != "Grace" {
			t.Errorf("%s: nick %s", name, nick)
		}
		c.Send("QUIT")
		c.Closed()
	}
}

// Who sends a password alone is told the form that logs in, and it is not repeated to them. A
// token of whatever characters gets in, as does one that looks like the marked form.
func TestLoginWithPassForms(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		ada := c.person("Ada")
		login := func(secret string) error {
			s, err := c.backend.Login(t.Context(), ircd.Credentials{Secret: secret, Nick: "ada"})
			if err == nil {
				_ = s.Close(t.Context())
			}
			return err
		}
		for _, token := range []string{"plain", "a@b:c", "token:x", "token:a@b:c"} {
			c.fake.SetToken(ada, token)
			if err := login("token:" + token); err != nil {
				t.Errorf("token %s, marked: %v", token, err)
			}
			if token != "a@b:c" {
				if err := login(token); err != nil {
					t.Errorf("token %s: %v", token, err)
				}
			}
		}
		for _, secret := range []string{"mypassword", "my password", "my:password"} {
			var refusal *ircd.LoginError
			if err := login(secret); !errors.As(err, &refusal) || refusal.Reason != ircd.Rejected {
				t.Fatalf("%q: %v", secret, err)
			}
			said := refusal.Text + refusal.Hint
			if !strings.Contains(said, "PASS email:password") || strings.Contains(said, secret) {
				t.Errorf("%q is told %q", secret, said)
			}
		}
		var refusal *ircd.LoginError
		if err := login("Ada@example.com:wrong"); !errors.As(err, &refusal) || refusal.Hint != "" {
			t.Errorf("the form was right: %v, hint %q", err, refusal.Hint)
		}
	})
}

func TestLoginByTemplate(t *testing.T) {
	dx := directustest.Shared(t)
	u := dx.CreateUser("Tim", "")
	local, domain, _ := strings.Cut(u.Email, "@")
	s := start(t, dx, func(o *bridge.Options) { o.LoginTemplate = "{nick}@" + domain })
	c := ircdtest.Dial(t, s.address)
	if nick := c.LoginPass(local, u.Password); nick != "Tim" {
		t.Errorf("nick %s", nick)
	}
	c = ircdtest.Dial(t, s.address)
	if nick := c.LoginPass(local, u.StaticToken); nick != "Tim" {
		t.Errorf("nick by token %s", nick)
	}
}

// One wrong password is one attempt at Directus, however often the client comes
// back with it: the 26th would suspend the account.
func TestWrongPasswordIsAskedOnce(t *testing.T) {
	dx := directustest.Shared(t)
	s := start(t, dx, func(o *bridge.Options) { o.LoginAttemptsPerMinute = 0 })
	u := dx.CreateUser("Wanda", "")
	for range 30 {
		c := ircdtest.Dial(t, s.address)
		c.Send("PASS "+u.Email+":wrong", "NICK x", "USER x 0 * :x")
		c.Expect("* 464 *")
		c.Closed()
		c = ircdtest.Dial(t, s.address)
		c.Send("CAP REQ :sasl", "AUTHENTICATE PLAIN", "AUTHENTICATE "+ircdtest.Plain(u.Email, "wrong"))
		c.Expect("* 904 *")
		c.Close()
	}
	if _, nick := s.connect(u); nick != "Wanda" {
		t.Errorf("nick %s", nick)
	}
}

func TestGuessingIsLimited(t *testing.T) {
	dx := directustest.Shared(t)
	s := start(t, dx, nil)
	u := dx.CreateUser("Gus", "")
	limited := 0
	for i := range 30 {
		c := ircdtest.Dial(t, s.address)
		c.Send(fmt.Sprintf("PASS %s:guess-%d", u.Email, i), "NICK x", "USER x 0 * :x")
		for _, l := range c.Closed() {
			if strings.Contains(l, "Too many") {
				limited++
				break
			}
		}
	}
	if limited < 15 {
		t.Errorf("only %d of 30 guesses were held back", limited)
	}
	// Not suspended: the daemon's limit is its own, Directus still says yes.
	other := start(t, dx, nil)
	if _, nick := other.connect(u); nick != "Gus" {
		t.Errorf("nick %s", nick)
	}
}

func TestDirectusDownAtLogin(t *testing.T) {
	s := startAt(t, "http://127.0.0.1:1", nil, messages("messages"))
	c := ircdtest.Dial(t, s.address)
	c.Send("PASS kevin@example.com:pw", "NICK x", "USER x 0 * :x")
	lines := strings.Join(c.Closed(), "\n")
	if !strings.Contains(lines, "temporarily unavailable") || strings.Contains(lines, " 464 ") {
		t.Errorf("PASS hears:\n%s", lines)
	}
	c = ircdtest.Dial(t, s.address)
	c.Send("CAP REQ :sasl", "AUTHENTICATE PLAIN", "AUTHENTICATE "+ircdtest.Plain("kevin@example.com", "pw"))
	c.Expect("* 904 * :*temporarily unavailable*")
}

// Two users with one first name: never one nick, and the same ones whoever
// comes first and whichever daemon they come to.
func TestNamesakes(t *testing.T) {
	dx := directustest.Shared(t)
	first, second := dx.CreateUser("Kevin", "One"), dx.CreateUser("Kevin", "Two")
	s := start(t, dx, nil)
	a, nickA := s.join(first, "#messages")
	b, nickB := s.join(second, "#messages")
	if nickA == nickB || !strings.HasPrefix(nickA, "Kevin") || !strings.HasPrefix(nickB, "Kevin") {
		t.Fatalf("nicks %s and %s", nickA, nickB)
	}
	a.Expect(":" + nickB + "!*@directus JOIN *#messages*")
	b.Send("PRIVMSG #messages :from two")
	a.Expect(":" + nickB + "!* PRIVMSG #messages :from two")
	other := start(t, dx, nil)
	if _, again := other.connect(second); again != nickB {
		t.Errorf("the second is %s here and %s elsewhere", nickB, again)
	}
	if _, again := other.connect(first); again != nickA {
		t.Errorf("the first is %s here and %s elsewhere", nickA, again)
	}
}

func TestManyConnectionsOfOneUser(t *testing.T) {
	dx := directustest.Shared(t)
	s := start(t, dx, nil)
	u, v := dx.CreateUser("Mara", ""), dx.CreateUser("Nils", "")
	w, _ := s.join(v, "#messages")
	a, nick := s.join(u, "#messages")
	w.Expect(":Mara!* JOIN *")
	b, again := s.join(u, "#messages")
	if again != nick {
		t.Errorf("nicks %s and %s", nick, again)
	}
	a.Send("PRIVMSG #messages :from the first")
	b.Expect(":Mara!* PRIVMSG #messages :from the first")
	w.Expect(":Mara!* PRIVMSG #messages :from the first")
	a.Refute("* PRIVMSG *")
	a.Send("QUIT")
	a.Closed()
	b.Send("PRIVMSG #messages :still here")
	w.Expect(":Mara!* PRIVMSG #messages :still here")
	w.Refute("* QUIT *", "* JOIN *")
	b.Send("QUIT")
	w.Expect(":Mara!* QUIT *")
}

// A server may allow fewer items at once than the daemon would ask for.
func TestLoginWithQueryLimitMax(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, l, _ := fakeStack(t, directustest.FakeOptions{QueryLimitMax: 50}, nil)
		ada := addFake(fake, "ada")
		_ = ada
		c := l.Dial(t)
		c.Send("PASS ada@example.com:ada", "NICK x", "USER x 0 * :x")
		c.Expect("* 001 *")
		c.Close()
	})
}
