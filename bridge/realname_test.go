package bridge_test

import (
	"testing"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// Who has got another real name, and comes back before the Directus session has ended, is
// called by that, and keeps the nick.
func TestRealNameOfWhoComesBack(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		ada := c.visit("ada", "#messages")
		c.fake.EditUser(ada.id, func(u *directustest.FakeUser) { u.FirstName = "Augusta" })
		ada.later(6 * time.Minute)
		if u := ada.session.User(); u.Nick != "ada" || u.Realname != "Augusta" {
			t.Fatalf("renamed: %v", u)
		}
		closeSession(t, ada.session)
		time.Sleep(10 * time.Second)
		again := c.visit("ada", "#messages")
		if u := again.session.User(); u.Nick != "ada" || u.Realname != "Augusta" {
			t.Errorf("back again: %v", u)
		}
	})
}
