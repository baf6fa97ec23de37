package bridge

import (
	"reflect"
	"testing"

	"directus-ircd/ircd"
)

func TestAttempts(t *testing.T) {
	mail := func(e, p string) attempt { return attempt{name: e, password: p} }
	token := func(t string) attempt { return attempt{token: t} }
	for _, c := range []struct {
		cred     ircd.Credentials
		template string
		want     []attempt
	}{
		{ircd.Credentials{Secret: "a@b.c:p:w d"}, "", []attempt{mail("a@b.c", "p:w d")}},
		{ircd.Credentials{Secret: "abcdef"}, "", []attempt{token("abcdef")}},
		{ircd.Credentials{Secret: "two words"}, "", nil},
		{ircd.Credentials{Secret: "a:b"}, "", []attempt{token("a:b")}},
		{ircd.Credentials{Secret: "pw", Nick: "kevin"}, "{nick}@x.y", []attempt{token("pw"), mail("kevin@x.y", "pw")}},
		{ircd.Credentials{Secret: "p w", Nick: "kevin"}, "{nick}@x.y", []attempt{mail("kevin@x.y", "p w")}},
		{ircd.Credentials{Secret: "a@b.c:pw", Nick: "kevin"}, "{nick}@x.y", []attempt{mail("a@b.c", "pw")}},
		{ircd.Credentials{Account: "a@b.c", Secret: "p:w"}, "", []attempt{mail("a@b.c", "p:w")}},
		{ircd.Credentials{Account: "token", Secret: "abc"}, "{nick}@x.y", []attempt{token("abc")}},
		{ircd.Credentials{Account: "kevin", Secret: "pw"}, "{nick}@x.y", []attempt{mail("kevin@x.y", "pw")}},
		{ircd.Credentials{Account: "kevin", Secret: "a@b.c:pw"}, "", []attempt{mail("a@b.c", "pw")}},
		{ircd.Credentials{Account: "kevin", Secret: "pw"}, "", nil},
		{ircd.Credentials{Secret: "token:t@k:n"}, "", []attempt{token("t@k:n"), token("token:t@k:n")}},
		{ircd.Credentials{Secret: "token:pw", Nick: "kevin"}, "{nick}@x.y", []attempt{token("pw"), token("token:pw"), mail("kevin@x.y", "token:pw")}},
		{ircd.Credentials{Account: "a@b.c", Secret: "token:pw"}, "", []attempt{mail("a@b.c", "token:pw")}},
		{ircd.Credentials{Secret: "token:two words"}, "", nil},
	} {
		if got := (scheme{template: c.template}).attempts(c.cred); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%+v %q: got %+v, want %+v", c.cred, c.template, got, c.want)
		}
	}
}

// With a provider, names need no "@". Nothing that may be a password is cut, and nothing is
// tried as a password twice.
func TestAttemptsWithProvider(t *testing.T) {
	name := func(n, p string) attempt { return attempt{name: n, password: p} }
	token := func(t string) attempt { return attempt{token: t} }
	for _, c := range []struct {
		cred     ircd.Credentials
		template string
		want     []attempt
	}{
		{ircd.Credentials{Secret: "kevin:p:w d", Nick: "x"}, "", []attempt{name("kevin", "p:w d")}},
		{ircd.Credentials{Secret: "kevin@corp:pw", Nick: "x"}, "", []attempt{name("kevin@corp", "pw")}},
		{ircd.Credentials{Secret: "abcdef", Nick: "x"}, "", []attempt{token("abcdef")}},
		{ircd.Credentials{Secret: ":pw", Nick: "x"}, "", []attempt{token(":pw")}},
		{ircd.Credentials{Account: "kevin", Secret: "p@w:x", Nick: "x"}, "", []attempt{name("kevin", "p@w:x")}},
		{ircd.Credentials{Account: `CORP\kevin`, Secret: "pw", Nick: "x"}, "", []attempt{name(`CORP\kevin`, "pw")}},
		{ircd.Credentials{Account: "token", Secret: "a:b", Nick: "x"}, "", []attempt{token("a:b")}},
		{ircd.Credentials{Secret: "token:abc", Nick: "x"}, "", []attempt{token("abc"), name("token", "abc")}},
		{ircd.Credentials{Secret: "p:w", Nick: "kevin"}, "{nick}", []attempt{token("p:w"), name("kevin", "p:w")}},
		{ircd.Credentials{Secret: "p w", Nick: "kevin"}, "{nick}", []attempt{name("kevin", "p w")}},
		{ircd.Credentials{Secret: "k@corp:pw", Nick: "kevin"}, "{nick}", []attempt{name("k@corp", "pw")}},
		{ircd.Credentials{Account: "kevin", Secret: "p@w:x", Nick: "x"}, "{nick}", []attempt{name("kevin", "p@w:x")}},
		{ircd.Credentials{Account: "kevin", Secret: "pw", Nick: "x"}, "{nick}@corp", []attempt{name("kevin@corp", "pw")}},
		{ircd.Credentials{Account: "k@corp", Secret: "pw", Nick: "x"}, "{nick}@example", []attempt{name("k@corp", "pw")}},
	} {
		if got := (scheme{provider: "ldap", template: c.template}).attempts(c.cred); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%+v %q: got %+v, want %+v", c.cred, c.template, got, c.want)
		}
	}
}
