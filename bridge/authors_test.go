package bridge_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// Nobody who is known says what has no author, live and in the backlog, and its source is
// a whole mask.
func TestNoAuthor(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		c.fake.Insert("messages", "", map[string]any{"text": "old"})
		a := c.visit("ada", "#messages")
		c.fake.Insert("messages", "", map[string]any{"text": "new"})
		synctest.Wait()
		events, err := a.poll()
		if err != nil || len(events) != 1 || len(a.backlog) != 1 {
			t.Fatalf("%v, %v, backlog %v", events, err, a.backlog)
		}
		for _, m := range []*ircd.Message{a.backlog[0], events[0].(*ircd.Message)} {
			if u := m.From; u.ID != "" || u.Nick != "unknown" || u.Username == "" || u.Host == "" {
				t.Errorf("%q is said by %+v", m.Text, u)
			}
		}
	})
}

// Whose a message or a reaction is says what Directus has stored, also to whoever has sent
// it, and whatever order the answer and the event have.
func TestStoredAuthorIsNotTheSender(t *testing.T) {
	for _, late := range []bool{false, true} {
		t.Run(fmt.Sprint("event late ", late), func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				c := newChatAt(t, directustest.FakeOptions{EchoAfterReply: late}, nil, lively())
				addReactions(c.fake)
				eve := c.person("eve")
				a, b := c.visit("ada", "#messages"), c.visit("bob", "#messages")
				for _, author := range []string{eve, ""} {
					nick := "eve"
					c.fake.OnStore(func(_ string, item map[string]any) { item["user_created"] = author })
					if author == "" {
						nick = "unknown"
						c.fake.OnStore(func(_ string, item map[string]any) { item["user_created"] = nil })
					}
					echo, err := a.session.Send(t.Context(), ircd.Outgoing{Target: "#messages", Text: "hello", Echo: true})
					if err != nil {
						t.Fatal(err)
					}
					if echo.From.Nick != nick || echo.From.ID != author {
						t.Errorf("the sender is told of %+v", echo.From)
					}
					same(t, b.news(), nick+" says in #messages: hello")
					same(t, []string{a.react("#messages", echo.ID, "x", false)}, nick+" reacts *, removed false: x")
					same(t, b.news(), nick+" reacts *, removed false: x")
					same(t, a.news())
				}
			})
		})
	}
}

// A reaction that goes without the daemon is taken back by nobody who is known, and a
// reaction that goes through it by its author, whichever feed brings it.
func TestWhoTakesReactionsBack(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil, lively())
		addReactions(c.fake)
		c.fake.Restrict(c.person("eve"), "messages", map[string]any{"text": map[string]any{"_neq": "hidden"}}) // a feed of her own
		a, other, b, eve := c.visit("ada", "#messages"), c.visit("ada", "#messages"), c.visit("bob", "#messages"), c.visit("eve", "#messages")
		id := b.send("#messages", "hello")
		for _, v := range []*visitor{a, other, eve} {
			v.news()
		}
		for _, known := range []bool{true, false} {
			a.react("#messages", id, "x", false)
			want := "ada reacts *, removed true: x"
			if known {
				same(t, []string{a.react("#messages", id, "x", true)}, want)
			} else {
				want = "nobody known reacts *, removed true: x"
				c.fake.Remove("reactions", fmt.Sprint(c.fake.Items("reactions")[0]["id"]))
				same(t, a.news(), want)
			}
			for _, v := range []*visitor{other, b, eve} {
				same(t, v.news(), "ada reacts *, removed false: x", want)
			}
		}
	})
}
