package bridge

import (
	"reflect"
	"testing"

	"directus-ircd/ircd"
)

func TestAttempts(t *testing.T) {
	mail := func(e, p string) attempt { return attempt{email: e, password: p} }
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
	} {
		if got := attempts(c.cred, c.template); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%+v %q: got %+v, want %+v", c.cred, c.template, got, c.want)
		}
	}
}
