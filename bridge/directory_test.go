package bridge_test

import (
	"strings"
	"testing"

	"directus-ircd/bridge"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// Which fields of a name may be read Directus has said with the rights, which every
// login asks for: they are tried only where it has not said so plainly.
func TestNamesByRights(t *testing.T) {
	for name, test := range map[string]struct {
		version string
		limit   func(f *directustest.Fake, user string)
		asked   int    // SEARCH /users in one login
		as      string // the nick of Bob Builder
	}{
		"all":          {limit: allUsers, asked: 1, as: "Bob"},
		"first names":  {limit: readUsers("id", "first_name"), asked: 1, as: "Bob"},
		"last names":   {limit: readUsers("id", "last_name"), asked: 1, as: "Builder"},
		"no names":     {limit: readUsers("id"), asked: 0, as: "user-*"},
		"nobody":       {limit: noUsers, asked: 0, as: "user-*"},
		"by a rule":    {limit: usersByRule, asked: 3, as: "Bob"},
		"not told":     {version: "10.13.4", limit: allUsers, asked: 3, as: "Bob"},
		"not told two": {version: "10.13.4", limit: readUsers("id", "last_name"), asked: 3, as: "Builder"},
	} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				fake, listener, _ := fakeStack(t, directustest.FakeOptions{Version: test.version}, nil)
				ada := addFake(fake, "ada")
				bob := fake.AddUser(directustest.FakeUser{FirstName: "Bob", LastName: "Builder"})
				test.limit(fake, ada)
				c := rejoin(t, listener, "ada")
				if n := fake.Count("SEARCH /users"); n != test.asked {
					t.Errorf("Directus was asked %d times for names, want %d", n, test.asked)
				}
				fake.Insert("messages", bob, map[string]any{"text": "hello"})
				c.Expect(":" + test.as + "!* PRIVMSG #messages :hello")
			})
		})
	}
}

func allUsers(*directustest.Fake, string) {}

func noUsers(f *directustest.Fake, user string) { f.Deny(user, "directus_users", "read") }

func usersByRule(f *directustest.Fake, user string) {
	f.Restrict(user, "directus_users", map[string]any{"id": map[string]any{"_nnull": true}})
}

func readUsers(fields ...string) func(f *directustest.Fake, user string) {
	return func(f *directustest.Fake, user string) { f.OnlyFields(user, "directus_users", "read", fields...) }
}

// Directus may refuse what it said a moment ago: then the fields are tried, and who has
// a name that may be read is shown by it.
func TestNamesRefused(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, listener, _ := fakeStack(t, directustest.FakeOptions{}, nil)
		ada := addFake(fake, "ada")
		bob := fake.AddUser(directustest.FakeUser{FirstName: "Bob", LastName: "Builder"})
		c := rejoin(t, listener, "ada")
		fake.OnlyFields(ada, "directus_users", "read", "id", "last_name")
		fake.Insert("messages", bob, map[string]any{"text": "one"})
		c.Expect(":Builder!* PRIVMSG #messages :one")
		fake.Insert("messages", bob, map[string]any{"text": "two"})
		c.Expect(":Builder!* PRIVMSG #messages :two")
	})
}

// Directus says that all fields may be read, also of those that there are not.
func TestNamesOfAFieldThatIsNot(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, func(o *bridge.Options) { o.NickFields = []string{"display_name", "first_name"} })
		c.fake.AddUser(directustest.FakeUser{FirstName: "ada"})
		a := c.visit("ada", "#messages")
		if nick := a.session.User().Nick; !strings.HasPrefix(nick, "ada-") {
			t.Errorf("of two of one name, the first to come is %s", nick)
		}
		c.write("hello")
		same(t, a.news(), "walt says in #messages: hello")
	})
}
