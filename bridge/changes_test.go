package bridge_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/bridge/collection"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// Edits and deletions of what was said since, and of what the backlog showed.
func TestChanges(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		bob := c.person("bob")
		old := c.fake.Insert("messages", bob, map[string]any{"text": "from before"})
		time.Sleep(time.Hour)
		a := c.visit("ada", "#messages")
		same(t, a.news())
		id := c.fake.Insert("messages", bob, map[string]any{"text": "first version"})
		same(t, a.news(), "bob says in #messages: first version")
		for _, text := range []string{"second", "third", "the last version"} {
			c.fake.Update("messages", id, map[string]any{"text": text})
			same(t, a.later(3*time.Second))
		}
		same(t, a.later(3*time.Second), "bob changes "+id+".* in #messages: [edited] <bob> the last version")
		c.fake.Update("messages", id, map[string]any{"text": " the  last\nversion"})
		c.fake.Update("messages", old, map[string]any{"text": "from before"})
		same(t, a.later(time.Minute))
		c.fake.Update("messages", old, map[string]any{"text": "a new text"})
		same(t, a.later(time.Minute), "bob changes "+old+".* in #messages: [edited] <bob> a new text")
		c.fake.Remove("messages", id)
		same(t, a.news(), "bob deletes "+id+".* in #messages: the last version", "bob deletes "+id+".*.e* in #messages: ")
		c.fake.Remove("messages", old)
		same(t, a.news(), "bob deletes "+old+".* in #messages: a new text", "bob deletes "+old+".*.e* in #messages: ")
		c.fake.Emit("messages", "delete", nil, []any{old, "999"})
		same(t, a.later(time.Hour))
	})
}

// Every feed and every daemon gives a version of a message the same msgid, and none gives one
// twice, whatever was written again or taken back in between.
func TestVersionsHaveOneID(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		deleting := messages("messages")
		deleting.SoftDelete = &collection.SoftDelete{Field: "status", Values: []string{"archived"}}
		change := func(o *bridge.Options) { o.OwnFeeds = true }
		c := newChat(t, change, deleting)
		c.fake.AddCollection("messages", directustest.FakeCollection{Fields: []string{"text", "status"}})
		bob := c.person("bob")
		other := *c
		other.backend = newBackend(t, c.client, func(o *bridge.Options) { o.Edits.Merge = 7 * time.Second }, deleting) // it shows them later
		readers := []*visitor{c.visit("ada", "#messages"), c.visit("eve", "#messages"), other.visit("ada", "#messages")}
		versions := func() (ids [][]string) {
			t.Helper()
			time.Sleep(10 * time.Second)
			for _, r := range readers {
				list := []string{}
				for _, m := range polled[*ircd.Message](t, r.session) {
					list = append(list, m.ID)
				}
				ids = append(ids, list)
			}
			return ids
		}
		id := c.fake.Insert("messages", bob, map[string]any{"text": "first"})
		versions()
		seen := map[string]bool{}
		set := func(field, value string) (ids [][]string) {
			t.Helper()
			c.fake.Update("messages", id, map[string]any{field: value})
			ids = versions()
			for _, list := range ids {
				if field == "text" && (len(list) != 1 || seen[list[0]]) {
					t.Errorf("%s: %v, of those known %v", value, ids, seen)
				}
			}
			for _, list := range ids {
				for _, id := range list {
					seen[id] = true
				}
			}
			return ids
		}
		for _, text := range []string{"second", "first", "second", "first", "second", "third"} {
			if ids := set("text", text); !slices.Equal(ids[0], ids[1]) || !slices.Equal(ids[0], ids[2]) {
				t.Errorf("%s: %v", text, ids)
			}
		}
		for _, text := range []string{"fourth", "fifth", "sixth", "seventh", "second", "third", "second"} { // more than are remembered
			set("text", text)
		}
		set("status", "archived")
		set("status", "published")
		set("text", "third") // its first msgid was taken back
	})
}

// room is a channel of a collection that several share.
func room(name string, change func(*collection.Config)) collection.Config {
	c := messages("rooms")
	c.Name = "#" + name
	c.Filter = map[string]any{"room": map[string]any{"_eq": name}}
	c.Set = map[string]any{"room": name}
	c.SoftDelete = &collection.SoftDelete{Field: "status", Values: []string{"archived", "spam"}}
	if change != nil {
		change(&c)
	}
	return c
}

func addRooms(fake *directustest.Fake) {
	fake.AddCollection("rooms", directustest.FakeCollection{Fields: []string{"text", "nonce", "room", "status"}, Unique: []string{"nonce"}})
}

// An update moves an item to another channel, marks it as deleted or restores it.
func TestItemsMove(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil, room("dev", nil), room("ops", nil))
		addRooms(c.fake)
		bob := c.person("bob")
		old := c.fake.Insert("rooms", bob, map[string]any{"text": "old", "room": "dev"})
		c.fake.Insert("rooms", bob, map[string]any{"text": "old and deleted", "room": "dev", "status": "spam"})
		a := c.visit("ada", "#dev", "#ops")
		if len(a.backlog) != 1 {
			t.Errorf("%d messages of backlog, want the one that is not deleted", len(a.backlog))
		}
		say := func(item map[string]any) string { return c.fake.Insert("rooms", bob, item) }
		set := func(id, field, value string, want ...string) {
			t.Helper()
			c.fake.Update("rooms", id, map[string]any{field: value})
			same(t, a.news(), want...)
		}
		id := say(map[string]any{"text": "hello", "room": "dev"})
		same(t, a.news(), "bob says in #dev: hello")
		set(id, "room", "ops", "bob deletes "+id+".* in #dev: hello", "bob says in #ops: hello")
		set(id, "room", "nowhere") // no event comes of that
		set(id, "room", "dev", "bob deletes "+id+".* in #ops: hello", "bob says in #dev: hello")
		set(id, "status", "draft")
		set(id, "status", "archived", "bob deletes "+id+".*.e* in #dev: hello")
		set(id, "status", "published", "bob says in #dev: hello")
		set(id, "text", "hello again")
		same(t, a.later(time.Minute), "bob changes "+id+".*.e* in #dev: [edited] <bob> … again")
		c.fake.Remove("rooms", id)
		same(t, a.news(), "bob deletes "+id+".*.e* in #dev: hello again", "bob deletes "+id+".*.e* in #dev: ")

		hidden := say(map[string]any{"text": "to be moderated", "room": "dev", "status": "spam"})
		same(t, a.news())
		set(hidden, "status", "published", "bob says in #dev: to be moderated")
		outside := say(map[string]any{"text": "outside", "room": "nowhere"})
		set(outside, "room", "dev", "bob says in #dev: outside")
		set(outside, "text", " ", "bob deletes "+outside+".* in #dev: outside")
		set(outside, "text", "outside once more", "bob says in #dev: outside once more")
		set(outside, "status", "spam", "bob deletes "+outside+".* in #dev: outside once more")
		c.fake.Remove("rooms", outside)
		same(t, a.later(10*time.Minute))

		set(old, "status", "archived", "bob deletes "+old+".* in #dev: old")
		b := c.visit("ada", "#dev", "#ops")
		if len(b.backlog) != 1 {
			t.Errorf("%d messages of backlog at the end", len(b.backlog))
		}
	})
}

// What one user may not read is not announced to them when it is deleted.
func TestNoDeletionOfTheUnread(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		ada, bob := c.person("ada"), c.person("bob")
		c.fake.Restrict(ada, "messages", map[string]any{"text": map[string]any{"_neq": "secret"}})
		a, b := c.visit("ada", "#messages"), c.visit("bob", "#messages")
		id := c.fake.Insert("messages", bob, map[string]any{"text": "secret"})
		same(t, b.news(), "bob says in #messages: secret")
		c.fake.Remove("messages", id)
		same(t, b.news(), "bob deletes *: secret")
		same(t, a.later(time.Hour))
	})
}

// Edits and deletions during an outage are shown behind it; a clean-up of many
// messages is not told line by line.
func TestChangesDuringOutage(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		bob := c.person("bob")
		a := c.visit("ada", "#messages")
		var ids []string
		for i := range 30 {
			ids = append(ids, c.fake.Insert("messages", bob, map[string]any{"text": fmt.Sprintf("message %d", i)}))
			time.Sleep(time.Millisecond)
		}
		a.news()
		c.fake.Down()
		c.fake.Update("messages", ids[29], map[string]any{"text": "new text"})
		c.fake.Remove("messages", ids[28])
		time.Sleep(time.Minute)
		c.fake.Up()
		time.Sleep(2 * time.Minute)
		got := slices.DeleteFunc(a.news(), func(l string) bool { return strings.HasPrefix(l, "&{") })
		same(t, got, "bob deletes "+ids[28]+".*: message 28", "bob changes "+ids[29]+".*: [edited] <bob> new text")
		var keys []any
		for _, id := range ids[:20] {
			keys = append(keys, id)
		}
		c.fake.Emit("messages", "delete", nil, keys)
		texts := 0
		for _, l := range a.news() {
			if strings.Contains(l, "message") && !strings.HasSuffix(l, ": ") {
				texts++
			}
		}
		if texts != 10 {
			t.Errorf("%d of 20 deletions are told with their texts", texts)
		}
	})
}

// What is not to be shown of edits.
func TestEditsNotShown(t *testing.T) {
	for name, edits := range map[string]collection.Edits{
		"off": {Merge: time.Second}, // updates are not even asked for
		"old": {Show: true, Merge: time.Second, MaxAge: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				c := newChat(t, func(o *bridge.Options) { o.Edits = edits })
				bob := c.person("bob")
				before := c.fake.Insert("messages", bob, map[string]any{"text": "before"})
				a := c.visit("ada", "#messages")
				id := c.fake.Insert("messages", bob, map[string]any{"text": "one"})
				a.later(2 * time.Hour)
				for id, text := range map[string]string{before: "before", id: "one"} {
					c.fake.Update("messages", id, map[string]any{"text": "two"})
					same(t, a.later(time.Minute))
					if edits.Show {
						text = "two"
					}
					c.fake.Remove("messages", id)
					same(t, a.news(), "bob deletes "+id+".* in #messages: "+text)
				}
				if n, want := c.fake.Subscriptions(), 2; !edits.Show && n != want {
					t.Errorf("%d subscriptions, want %d", n, want)
				}
			})
		})
	}
}

// An edit that has not settled when somebody joins is in the backlog already.
func TestJoinBeforeAnEditSettles(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		bob := c.person("bob")
		a := c.visit("ada", "#messages")
		id := c.fake.Insert("messages", bob, map[string]any{"text": "one"})
		a.news()
		c.fake.Update("messages", id, map[string]any{"text": "two"})
		time.Sleep(time.Second)
		late := c.visit("ada", "#messages")
		if len(late.backlog) != 1 || late.backlog[0].Text != "two" {
			t.Fatalf("backlog %v", late.backlog)
		}
		same(t, a.later(time.Minute), "bob changes *: [edited] <bob> two")
		same(t, late.news())
		c.fake.Remove("messages", id)
		same(t, a.news(), "bob deletes *: two", "bob deletes *: ")
		same(t, late.news(), "bob deletes *: two", "bob deletes *: ")
	})
}

// A deletion that comes before the creation: the message is not shown.
func TestDeletedBeforeShown(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		bob := c.person("bob")
		a := c.visit("ada", "#messages")
		c.fake.LoseEvents(true)
		id := c.fake.Insert("messages", bob, map[string]any{"text": "gone"})
		item := c.fake.Items("messages")[0]
		c.fake.Remove("messages", id)
		c.fake.LoseEvents(false)
		c.fake.Emit("messages", "delete", nil, []any{id})
		same(t, a.news())
		c.fake.Emit("messages", "create", []map[string]any{item}, nil)
		c.fake.Emit("messages", "update", []map[string]any{item}, nil)
		same(t, a.later(time.Hour))

		id = c.fake.Insert("messages", bob, map[string]any{"text": "shown"})
		same(t, a.news(), "bob says in #messages: shown")
		item = c.fake.Items("messages")[0]
		c.fake.Remove("messages", id)
		same(t, a.news(), "bob deletes "+id+".*: shown")
		item["text"] = "changed just before"
		c.fake.Emit("messages", "update", []map[string]any{item}, nil)
		same(t, a.later(time.Hour))
	})
}

// A message of which no more is known than that it was shown once is not shown as
// a new one when it changes; that it did not change is still known.
func TestChangeOfAForgottenMessage(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		bob := c.person("bob")
		a := c.visit("ada", "#messages")
		time.Sleep(time.Second)
		first := c.fake.Insert("messages", bob, map[string]any{"text": "first"})
		time.Sleep(5 * time.Minute)
		var second string
		for i := range 2300 {
			id := c.fake.Insert("messages", bob, map[string]any{"text": fmt.Sprint(i)})
			if i == 1000 {
				second = id
			}
			if i%100 == 0 {
				a.later(10 * time.Second)
			}
		}
		a.later(20 * time.Minute)
		for _, id := range []string{first, second} {
			c.fake.Update("messages", id, map[string]any{"nonce": "n" + id})
		}
		same(t, a.later(time.Minute))
		for _, id := range []string{first, second} {
			c.fake.Update("messages", id, map[string]any{"text": "changed"})
		}
		// Of the first nobody knows any more what it said.
		same(t, a.later(time.Minute), "bob changes "+second+".*: [edited] <bob> changed")
	})
}

// What holds for channels holds for what two people say to each other.
func TestPrivateChanges(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, func(o *bridge.Options) {
			o.Private = &collection.Private{Collection: "letters", Fields: collection.Fields{
				Text: "text", Author: "user_created", Recipient: "recipient", Date: "date_created", Reply: "reply",
			}, Backlog: 10}
		})
		c.fake.AddCollection("letters", directustest.FakeCollection{
			Fields: []string{"text", "recipient", "reply"}, Relations: map[string]string{"reply": "letters", "recipient": "directus_users"},
		})
		a, b, e := c.visit("ada"), c.visit("bob"), c.visit("eve")
		for _, v := range []*visitor{a, b, e} {
			if err := v.session.Start(t.Context(), ircd.JoinOptions{Backlog: true}); err != nil {
				t.Fatal(err)
			}
			v.later(time.Second)
		}
		id := a.send("bob", "hello")
		same(t, b.news(), "ada says in : hello")
		row, _, _ := strings.Cut(id, ".")
		c.fake.Update("letters", row, map[string]any{"text": "hello bob"})
		same(t, a.later(time.Minute), "ada changes "+id+" in : [edited] <ada> … bob")
		same(t, b.news(), "ada changes "+id+" in : [edited] <ada> … bob")
		other := a.send("eve", "hello eve")
		same(t, e.later(time.Second), "ada says in : hello eve")
		m, err := b.session.Send(t.Context(), ircd.Outgoing{Target: "ada", Text: "yes", ReplyTo: id})
		if err != nil || m.ReplyTo != id || m.Quote == nil {
			t.Errorf("%+v, %v", m, err)
		}
		if _, err = b.session.Send(t.Context(), ircd.Outgoing{Target: "ada", Text: "no", ReplyTo: other}); err == nil {
			t.Error("an answer to what was said to somebody else")
		}
		if _, err = a.session.Send(t.Context(), ircd.Outgoing{Target: "bob", Text: "no", ReplyTo: other}); err == nil {
			t.Error("an answer to what was said to somebody else by oneself")
		}
		same(t, a.news(), "bob says in : yes")
		otherRow, _, _ := strings.Cut(other, ".")
		c.fake.Insert("letters", a.id, map[string]any{"text": "mixed up", "recipient": b.id, "reply": otherRow})
		if got := b.quoted(); got != "mixed up" {
			t.Errorf("what was said to somebody else is quoted: %q", got)
		}
		a.news()
		b.redact("ada", id, "REDACT_FORBIDDEN")
		e.redact("ada", id, "UNKNOWN_MSGID")
		a.redact("eve", id, "INVALID_TARGET")
		if _, err := a.session.Redact(t.Context(), "bob", id, ""); err != nil {
			t.Error(err)
		}
		same(t, b.news(), "ada deletes "+id+" in : hello bob", "ada deletes "+id+".e* in : ")
		same(t, e.later(time.Hour))
	})
}
