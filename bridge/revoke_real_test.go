package bridge_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// often makes the daemon look at its users all the time.
func often(o *bridge.Options) { o.Recheck = 2 * time.Second }

// office stores a message of the administrator, whom no revocation concerns.
func office(dx *directustest.Server, text string) {
	dx.Do(http.MethodPost, "/items/"+dx.Collection, nil, map[string]any{"text": text}, nil)
}

const (
	revoked  = "* KICK #messages * :*does not allow you to read this channel any more*"
	restored = "* NOTICE #messages :*allows you to read this channel again*"
)

// What is taken away while somebody is connected, on one Directus, which each leaves as it was.
func TestRealRevocations(t *testing.T) {
	dx := ownServer(t)
	for _, test := range []struct {
		name string
		run  func(*testing.T, *directustest.Server)
	}{
		{"read", revokedRead}, {"read, found by an event", revokedReadFoundByEvent}, {"create", revokedCreate},
		{"names", revokedNames}, {"accounts", endedAccounts}, {"role", anotherRole}, {"password", changedPassword},
	} {
		if !t.Run(test.name, func(t *testing.T) { test.run(t, dx) }) {
			break
		}
	}
}

// The right to read a collection is taken away and given back: the user is out of the
// channel and in again, told of both without any event, and nothing is shown
// meanwhile, live or asked for.
func revokedRead(t *testing.T, dx *directustest.Server) {
	s := start(t, dx, often)
	ada := dx.CreateUser("Ada", "")
	c := s.modern(ada.Email, ada.Password, "#messages")
	office(dx, "before")
	id := tagOf(c.Expect("* PRIVMSG #messages :before"), "msgid")
	restore := dx.Revoke(dx.Collection, "read")
	c.Expect(revoked)
	office(dx, "secret")
	refuse := func() {
		t.Helper()
		c.Send("CHATHISTORY LATEST #messages * 10", "CHATHISTORY TARGETS timestamp=2020-01-01T00:00:00.000Z timestamp=2100-01-01T00:00:00.000Z 10")
		for _, line := range c.Sync() {
			if strings.Contains(line, "secret") || strings.Contains(line, "before") || strings.Contains(line, "CHATHISTORY TARGETS #messages") {
				t.Errorf("shown without the right: %s", line)
			}
		}
		second := ircdtest.Dial(t, s.address)
		nick := second.LoginPass("x", ada.Email+":"+ada.Password)
		second.Send("JOIN #messages")
		second.Expect("* 473 " + nick + " #messages *")
		second.Close()
	}
	refuse()
	c.Send("@+draft/reply=" + id + ";+draft/react=x TAGMSG #messages")
	c.Refute("* NOTICE *", "*before*", "*secret*")
	restore()
	c.Expect("* JOIN *#messages")
	c.Expect("* 366 *")
	c.Send("CHATHISTORY LATEST #messages * 10")
	c.Expect("* PRIVMSG #messages :secret")
	c.Refute("* PRIVMSG *", "* NOTICE *")
}

// An event finds the right gone before the daemon looks for it, and a deletion
// tells nothing of what was said.
func revokedReadFoundByEvent(t *testing.T, dx *directustest.Server) {
	s := start(t, dx, nil)
	ada := dx.CreateUser("Ada", "")
	c, _ := s.join(ada, "#messages")
	office(dx, "before")
	c.Expect("* PRIVMSG #messages :before")
	stored := dx.Messages("id")
	restore := dx.Revoke(dx.Collection, "read")
	office(dx, "secret")
	c.Expect(revoked)
	dx.Do(http.MethodDelete, "/items/"+dx.Collection+"/"+fmt.Sprint(stored[len(stored)-1]["id"]), nil, nil, nil)
	c.Refute("*before*", "*secret*")
	restore()
	office(dx, "after")
	c.Expect(restored)
	c.Expect("* PRIVMSG #messages :secret")
	c.Expect("* PRIVMSG #messages :after")
}

// One field of the messages may not be read any more. Directus 12 has no such
// rule without a licence.
func TestRealRevokedField(t *testing.T) {
	dx := ownServer(t, directustest.Version("11.17.4"))
	s := start(t, dx, often)
	ada := dx.CreateUser("Ada", "")
	c, _ := s.join(ada, "#messages")
	var found []map[string]any
	dx.Do(http.MethodGet, "/permissions", url.Values{
		"filter[collection][_eq]": {dx.Collection}, "filter[action][_eq]": {"read"}, "fields": {"id"},
	}, nil, &found)
	grant := func(fields ...string) {
		for _, p := range found {
			dx.Do(http.MethodPatch, "/permissions/"+fmt.Sprint(p["id"]), nil, map[string]any{"fields": fields}, nil)
		}
	}
	all := []string{"id", "text", "user_created", "date_created", "nonce"}
	for _, field := range []string{"text", "user_created", "date_created"} {
		var others []string
		for _, f := range all {
			if f != field {
				others = append(others, f)
			}
		}
		grant(others...)
		office(dx, "without "+field)
		c.Expect(revoked)
		c.Refute("* PRIVMSG *")
		grant("*")
		c.Expect(restored)
		c.Expect("* PRIVMSG #messages :without " + field)
	}
}

// Writing is refused from the moment on that the right is gone.
func revokedCreate(t *testing.T, dx *directustest.Server) {
	s := start(t, dx, often)
	ada := dx.CreateUser("Ada", "")
	c, _ := s.join(ada, "#messages")
	stored := len(dx.Messages("id"))
	restore := dx.Revoke(dx.Collection, "create")
	c.Send("PRIVMSG #messages :no")
	c.Expect("* 404 * #messages :*does not allow you to write here*")
	restore()
	c.Send("PRIVMSG #messages :yes")
	c.Refute("* 404 *")
	if got := dx.Messages("text")[stored:]; len(got) != 1 || got[0]["text"] != "yes" {
		t.Errorf("stored: %v", got)
	}
}

// The names of people are not shown from memory when the right to read them is
// gone.
func revokedNames(t *testing.T, dx *directustest.Server) {
	s := start(t, dx, often)
	ada, bob := dx.CreateUser("Ada", ""), dx.CreateUser("Bob", "")
	c, _ := s.join(ada, "#messages")
	dx.AddMessage(bob, "one")
	c.Expect(":Bob!* PRIVMSG #messages :one")
	restore := dx.Revoke("directus_users", "read")
	asks := func(found bool) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); ; {
			c.Send("WHOIS Bob")
			line := c.Expect("* 311 *", "* 401 *", "* 263 *")
			if strings.Contains(line, " 311 ") == found && !strings.Contains(line, " 263 ") {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("the last answer is %s", line)
			}
			c.Expect("* 318 *")
		}
		c.Sync()
	}
	asks(false)
	dx.AddMessage(bob, "two")
	c.Expect(":user-*!* PRIVMSG #messages :two")
	restore()
	asks(true)
	dx.AddMessage(bob, "three")
	c.Expect(":Bob!* PRIVMSG #messages :three")
}

// What no open session of Directus notices ends the connection all the same, with
// the reason, and the same credentials do not open another.
func endedAccounts(t *testing.T, dx *directustest.Server) {
	s := start(t, dx, often)
	for name, change := range map[string]func(directustest.User){
		"suspended":        func(u directustest.User) { dx.UpdateUser(u, map[string]any{"status": "suspended"}) },
		"deleted":          func(u directustest.User) { dx.Do(http.MethodDelete, "/users/"+u.ID, nil, nil, nil) },
		"another password": func(u directustest.User) { dx.UpdateUser(u, map[string]any{"password": "another one"}) },
		"another token":    func(u directustest.User) { dx.UpdateUser(u, map[string]any{"token": "another of " + u.ID}) },
	} {
		for _, static := range []bool{false, true} {
			if static && name == "another password" || !static && name == "another token" {
				continue // these are not what the user has logged in with
			}
			u := dx.CreateUser("Ada", "")
			secret := u.Email + ":" + u.Password
			if static {
				secret = u.StaticToken
			}
			c := ircdtest.Dial(t, s.address)
			c.Name = name
			nick := c.LoginPass("x", secret)
			c.Send("JOIN #messages")
			c.Expect("* 366 " + nick + " *")
			change(u)
			if last := c.Closed(); !strings.Contains(last[len(last)-1], "ended your session") {
				t.Errorf("%s, static token %t: the last line is %q", name, static, last[len(last)-1])
			}
			again := ircdtest.Dial(t, s.address)
			again.Send("PASS "+secret, "NICK x", "USER x 0 * x")
			again.Expect("* 464 *")
		}
	}
}

// A user who gets another role has its rights, on the open socket too.
func anotherRole(t *testing.T, dx *directustest.Server) {
	s := start(t, dx, often)
	role := map[string]any{}
	dx.Do(http.MethodGet, "/users", url.Values{"filter[email][_eq]": {dx.CreateUser("Rob", "").Email}, "fields": {"role"}}, nil, &[]any{&role})
	for _, static := range []bool{false, true} {
		u := dx.CreateUser("Ada", "")
		c := ircdtest.Dial(t, s.address)
		if static {
			c.LoginPass("x", u.StaticToken)
		} else {
			c.LoginPass("x", u.Email+":"+u.Password)
		}
		c.Send("JOIN #messages")
		c.Expect("* 366 *")
		dx.UpdateUser(u, map[string]any{"role": nil})
		c.Expect(revoked)
		office(dx, "secret")
		c.Refute("* PRIVMSG *")
		dx.UpdateUser(u, map[string]any{"role": role["role"]})
		c.Expect(restored)
		c.Expect("* PRIVMSG #messages :secret")
		c.Close()
	}
}
