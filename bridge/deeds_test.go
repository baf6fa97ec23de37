package bridge_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// changedBy lists by whom the news say that something was changed; "?" is not known.
func (v *visitor) changedBy() (who []string) {
	v.t.Helper()
	synctest.Wait()
	events, err := v.poll()
	if err != nil {
		v.t.Fatal(err)
	}
	for _, ev := range events {
		var by ircd.User
		switch ev := ev.(type) {
		case *ircd.Redaction:
			by = ev.By
		case *ircd.Message:
			if by = ev.By; ev.Edits == "" {
				continue
			}
		}
		if by.ID == "" {
			by.Nick = "?"
		}
		who = append(who, by.Nick)
	}
	return who
}

// Who has changed a message is told where the daemon knows it, to readers of any feed,
// and otherwise nobody is named.
func TestWhoChangedIt(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil, room("dev", func(c *collection.Config) { c.Corrections = true }))
		addRooms(c.fake)
		c.people["root"] = c.fake.AddUser(directustest.FakeUser{Email: "root@example.com", Password: "root", FirstName: "root", Admin: true})
		c.fake.Restrict(c.person("ada"), "rooms", map[string]any{"text": map[string]any{"_neq": "hidden"}}) // a feed of her own
		a, b, root := c.visit("ada", "#dev"), c.visit("bob", "#dev"), c.visit("root", "#dev")
		all := []*visitor{a, b, root}
		told := func(by *visitor, want ...string) {
			t.Helper()
			time.Sleep(10 * time.Second) // until a new text has settled
			for _, v := range all {
				if got := v.changedBy(); v != by { // whose news are the answers
					same(t, got, want...)
				}
			}
		}
		id := b.send("#dev", "one two")
		row := originalRow(id)
		b.say("#dev", "s/one/1/")
		told(b, "bob")
		c.fake.Update("rooms", row, map[string]any{"text": "1 2"})
		told(nil, "?")
		b.redact("#dev", id, "")
		told(b, "bob", "bob", "bob")

		id = b.send("#dev", "by an administrator")
		told(nil)
		root.redact("#dev", id, "")
		told(root, "root")

		id = b.send("#dev", "in the web page")
		told(nil)
		c.fake.Remove("rooms", originalRow(id))
		told(nil, "?")
	})
}

// originalRow is the key in a msgid.
func originalRow(msgid string) string {
	row, _, _ := strings.Cut(msgid, ".")
	return row
}
