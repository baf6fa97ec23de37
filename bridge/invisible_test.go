package bridge_test

import (
	"testing"

	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// A message that the filter of its channel leaves out is stored, and the sender is told
// that nobody sees it.
func TestStoredAndFilteredOut(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		ch := messages("drafts")
		ch.Filter = map[string]any{"status": map[string]any{"_eq": "published"}}
		fake, l, _ := fakeStack(t, directustest.FakeOptions{}, nil, ch)
		fake.AddCollection("drafts", directustest.FakeCollection{Fields: []string{"text", "nonce", "status"}, Unique: []string{"nonce"}})
		addFake(fake, "ada")
		c := rejoin(t, l, "ada")
		c.Send("PRIVMSG #messages :hello")
		c.Expect("* 404 ada #messages :*stored, but not visible in #messages*")
		if n := len(fake.Items("drafts")); n != 1 {
			t.Errorf("%d stored", n)
		}
		c.Close()
	})
}
