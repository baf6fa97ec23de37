package bridge_test

import (
	"strings"
	"testing"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/directus/directustest"
	"directus-ircd/directus/directustest/ldaptest"
	"directus-ircd/ircd/ircdtest"
)

// People of an LDAP directory log in by each way that a client has, chat beside those with a
// token, and go on when the directory was away. Directus 12 has no LDAP without a licence.
func TestRealLDAP(t *testing.T) {
	dir := ldaptest.Start(t)
	kevin := ldaptest.Person{UID: "kevin", Mail: "kevin@corp.example.com", First: "Kevin", Last: "Elder", Password: "p@ss:word"}
	dir.Put(kevin)
	opts := []directustest.Option{directustest.Version("11.17.4")}
	for name, value := range dir.Env("corp") {
		opts = append(opts, directustest.Env(name, value))
	}
	dx := ownServer(t, opts...)
	u := dx.CreateUser("Kevin", "")
	dx.UpdateUser(u, map[string]any{"provider": "corp", "external_identifier": kevin.DN(), "password": nil})
	ada := dx.CreateUser("Ada", "")
	s := start(t, dx, func(o *bridge.Options) { o.LoginProvider, o.Recheck = "corp", 5*time.Second })
	reader := ircdtest.Dial(t, s.address)
	reader.LoginPass("x", ada.StaticToken)
	reader.Send("JOIN #messages")
	reader.Expect("* 366 *")

	for name, login := range map[string]func(*ircdtest.Client) string{
		"PASS":             func(c *ircdtest.Client) string { return c.LoginPass("x", "kevin:"+kevin.Password) },
		"PASS with device": func(c *ircdtest.Client) string { return c.LoginPass("x", "Kevin/phone:"+kevin.Password) },
		"SASL":             func(c *ircdtest.Client) string { return c.LoginSASL("x", "kevin", kevin.Password) },
		"SASL with device": func(c *ircdtest.Client) string { return c.LoginSASL("x", "kevin/laptop", kevin.Password) },
	} {
		c := ircdtest.Dial(t, s.address)
		if nick := login(c); nick != "Kevin" {
			t.Errorf("%s: nick %s", name, nick)
		}
		c.Send("JOIN #messages")
		c.Expect("* 366 *")
		c.Send("PRIVMSG #messages :" + name)
		reader.Expect("* PRIVMSG #messages :" + name)
		c.Send("QUIT")
		c.Closed()
	}
	asked := dir.Binds("kevin")
	for range 5 {
		c := ircdtest.Dial(t, s.address)
		c.Send("PASS kevin:wrong", "NICK x", "USER x 0 * :x")
		c.Expect("* 464 *")
		c.Closed()
	}
	if n := dir.Binds("kevin") - asked; n != 1 {
		t.Errorf("the directory was asked %d times about one wrong password", n)
	}
	refused(t, s, ada.Email+":"+ada.Password, "* 464 *") // of Directus' own login

	c := ircdtest.Dial(t, s.address)
	c.LoginPass("x", "kevin:"+kevin.Password)
	c.Send("JOIN #messages")
	c.Expect("* 366 *")
	dir.Down()
	refused(t, s, "stuart:secret", `* NOTICE *Directus gets no answer from the directory "corp"*`)
	c.Expect("* NOTICE #messages :Directus cannot say at the moment whether you may read this*")
	office(dx, "while it is away")
	reader.Expect("* PRIVMSG #messages :while it is away")
	dir.Up()
	c.ExpectNext("* NOTICE #messages :Directus is back*")
	c.ExpectNext("* PRIVMSG #messages :while it is away")
	dir.Put(ldaptest.Person{UID: "kevin", First: "Kevin", Password: kevin.Password, Disabled: true})
	if lines := strings.Join(c.Closed(), "\n"); !strings.Contains(lines, "Directus has ended your session") {
		t.Errorf("disabled in the directory, Kevin is told:\n%s", lines)
	}
}

// refused logs in with a PASS that is refused, and expects the line that says why.
func refused(t *testing.T, s *stack, pass, line string) {
	t.Helper()
	c := ircdtest.Dial(t, s.address)
	c.Send("PASS "+pass, "NICK x", "USER x 0 * :x")
	c.Expect(line)
	c.Closed()
}
