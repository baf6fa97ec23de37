package bridge_test

import (
	"strings"
	"testing"

	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// A password that was right a moment ago lets nobody in any more when it has been
// changed, and ends who is in by it; the new one lets in at once.
func changedPassword(t *testing.T, dx *directustest.Server) {
	s := start(t, dx, nil)
	ada := dx.CreateUser("Pia", "")
	first, _ := s.join(ada, "#messages")
	second, nick := s.join(ada, "#messages")
	if nick != "Pia" {
		t.Errorf("the second connection is called %s", nick)
	}
	dx.UpdateUser(ada, map[string]any{"password": "another one"})
	late := ircdtest.Dial(t, s.address)
	late.Send("PASS "+ada.Email+":"+ada.Password, "NICK x", "USER x 0 * x")
	late.Expect("* 464 *")
	for _, c := range []*ircdtest.Client{first, second} {
		if last := c.Closed(); !strings.Contains(last[len(last)-1], "ended your session") {
			t.Errorf("the last line is %q", last[len(last)-1])
		}
	}
	ada.Password = "another one"
	third, _ := s.join(ada, "#messages")
	third.Send("PRIVMSG #messages :back")
	third.Refute("* 404 *")
}
