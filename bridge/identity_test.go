package bridge_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// loginToken logs in by a static token and enters the channel.
func (c *chat) loginToken(token string) *visitor {
	c.t.Helper()
	s, err := full(c.backend.Login(c.t.Context(), ircd.Credentials{Account: "token", Secret: token}))
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { closeSession(c.t, s) })
	v := &visitor{t: c.t, session: s}
	if _, err := s.Join(c.t.Context(), "#messages", ircd.JoinOptions{}); err != nil {
		c.t.Fatal(err)
	}
	v.news()
	return v
}

// tokened adds a user with a static token.
func (c *chat) tokened(name string) (id string) {
	id = c.person(name)
	c.fake.SetToken(id, name)
	return id
}

// endsFor fails the test unless a session ends within a time, for the reason that its
// token is another user's.
func (v *visitor) endsFor(d time.Duration) {
	v.t.Helper()
	time.Sleep(d)
	synctest.Wait()
	if _, err := v.session.Poll(v.t.Context()); err == nil || !strings.Contains(err.Error(), "another Directus user") {
		v.t.Errorf("the session of who has no such token any more: %v", err)
	}
}

// Two users whose tokens are swapped: the sessions that are open end by the next check,
// or when the link comes back, and what a token opens anew is its new user's.
func TestSwappedTokens(t *testing.T) {
	for what, wait := range map[string]func(*chat) time.Duration{
		"check":     func(*chat) time.Duration { return 5 * time.Minute },
		"reconnect": func(c *chat) time.Duration { c.fake.Cut(); return 5 * time.Second },
	} {
		t.Run(what, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				c := newChat(t, nil)
				ada, bob := c.tokened("ada"), c.tokened("bob")
				a, b := c.loginToken("ada"), c.loginToken("bob")
				c.fake.SetToken(ada, "bob")
				c.fake.SetToken(bob, "ada")
				a.endsFor(wait(c))
				b.endsFor(0)
				for token, id := range map[string]string{"ada": bob, "bob": ada} {
					if err := send(c.loginToken(token), "from "+token); err != nil {
						t.Error(err)
					}
					if last := c.lastItem(); last["text"] != "from "+token || last["user_created"] != id {
						t.Errorf("%v was written by who has the token %q", last, token)
					}
				}
			})
		})
	}
}

// Who comes with a token that opened a session a moment ago is who has the token now.
func TestRejoinWithMovedToken(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		ada, bob := c.tokened("ada"), c.person("bob")
		a := c.loginToken("ada")
		c.fake.RemoveUser(ada)
		c.fake.SetToken(bob, "ada")
		b := c.loginToken("ada")
		if err := send(b, "hello"); err != nil {
			t.Error(err)
		}
		if last := c.lastItem(); last["user_created"] != bob {
			t.Errorf("%v was written by who has the token", last)
		}
		a.endsFor(0)
	})
}

// Somebody with another user's former e-mail address and the same password, who comes a
// moment after that user, is not taken for that user.
func TestRejoinWithMovedEmail(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		c.visit("ada", "#messages")
		bob := c.person("bob")
		c.fake.EditUser(c.person("ada"), func(u *directustest.FakeUser) { u.Email = "former@example.com" })
		c.fake.EndSessions(c.person("ada"))
		c.fake.EditUser(bob, func(u *directustest.FakeUser) { u.Email, u.Password = "ada@example.com", "ada" })
		if err := send(c.visit("ada", "#messages"), "hello"); err != nil {
			t.Error(err)
		}
		if last := c.lastItem(); last["user_created"] != bob {
			t.Errorf("%v was written by who has the e-mail address", last)
		}
	})
}

func send(v *visitor, text string) error {
	_, err := v.session.Send(v.t.Context(), ircd.Outgoing{Target: "#messages", Text: text})
	return err
}

func (c *chat) lastItem() map[string]any {
	items := c.fake.Items("messages")
	if len(items) == 0 {
		return nil
	}
	return items[len(items)-1]
}

func TestLoginAsShare(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		c.fake.AddShare("share")
		_, err := c.backend.Login(t.Context(), ircd.Credentials{Secret: "share"})
		if refusal, ok := errors.AsType[*ircd.LoginError](err); !ok || refusal.Reason != ircd.Rejected || !strings.Contains(refusal.Text, "share") {
			t.Errorf("logged in as a share: %v", err)
		}
	})
}
