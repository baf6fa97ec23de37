package bridge_test

import (
	"strings"
	"testing"

	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// Whatever one asks about another person, what identifies them beyond the chat
// is on nobody's screen.
func TestNothingPrivateIsShown(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, listener, _ := fakeStack(t, directustest.FakeOptions{}, nil)
		id := fake.AddUser(directustest.FakeUser{
			Email: "secret.address@example.com", Password: "secret-word", Token: "secret-token", FirstName: "Ada", LastName: "Lovelace",
		})
		fake.Insert("messages", id, map[string]any{"text": "hello"})
		watcher, _ := enter(t, fake, listener, "bob")
		watcher.Send("WHOIS Ada", "WHO Ada")
		lines := watcher.Sync()
		for _, login := range []func(c *ircdtest.Client){
			func(c *ircdtest.Client) { c.LoginPass("x", "secret.address@example.com:secret-word") },
			func(c *ircdtest.Client) { c.LoginSASL("x", "secret.address@example.com", "secret-word") },
			func(c *ircdtest.Client) { c.LoginPass("secretnick", "secret-token") },
		} {
			c := listener.Dial(t)
			login(c)
			c.Send("JOIN #messages", "PRIVMSG #messages :hi", "AWAY :gone", "QUIT :bye")
			lines = append(lines, watcher.Expect(":Ada!* PRIVMSG #messages :hi"))
			watcher.Send("WHOIS Ada", "WHO #messages", "WHO Ada %tcuihsnfdlaor,1", "NAMES #messages", "USERHOST Ada", "LIST", "WHOWAS Ada")
			lines = append(lines, watcher.Sync()...)
			c.Closed()
		}
		lines = append(lines, watcher.Sync()...)
		for _, l := range lines {
			if strings.Contains(l, "secret") || strings.Contains(l, "@example.com") {
				t.Errorf("the others see %q", l)
			}
		}
	})
}
