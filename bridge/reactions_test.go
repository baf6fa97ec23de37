package bridge_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/bridge/collection"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// lively is a channel of the fake's messages with a place for reactions.
func lively() collection.Config {
	c := messages("messages")
	c.Reactions = &collection.Reactions{Collection: "reactions", Message: "message", Text: "text", Author: "user_created", Date: "date_created"}
	return c
}

func addReactions(fake *directustest.Fake) {
	fake.AddCollection("reactions", directustest.FakeCollection{
		Fields: []string{"message", "text"}, Relations: map[string]string{"message": "messages"},
	})
}

// react reacts and says what the client is shown; "" if nothing has changed.
func (v *visitor) react(channel, msgid, text string, remove bool) string {
	v.t.Helper()
	ev, err := v.session.React(v.t.Context(), ircd.Reacting{Target: channel, MsgID: msgid, Text: text, Remove: remove})
	if refusal, ok := errors.AsType[*ircd.Error](err); ok {
		return refusal.Code + ": " + refusal.Text
	}
	if err != nil {
		v.t.Fatal(err)
	}
	if ev == nil {
		return ""
	}
	return describe(ev)
}

func TestReactions(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil, lively(), room("dev", nil))
		addReactions(c.fake)
		addRooms(c.fake)
		bob := c.person("bob")
		c.fake.Insert("messages", bob, map[string]any{"text": "old"})
		time.Sleep(time.Hour)
		a, other, b := c.visit("ada", "#messages", "#dev"), c.visit("ada", "#messages"), c.visit("bob", "#messages")
		all := []*visitor{a, other, b}
		expect := func(who []*visitor, want ...string) {
			t.Helper()
			for _, v := range who {
				same(t, v.news(), want...)
			}
		}
		id := b.send("#messages", "hello")
		expect([]*visitor{a, other}, "bob says in #messages: hello")
		row, _, _ := strings.Cut(id, ".")
		oldID := a.backlog[0].ID

		yes := "ada reacts " + id + " in #messages, removed false: 👍"
		same(t, []string{a.react("#messages", id, "👍", false)}, yes)
		expect([]*visitor{other, b}, yes)
		same(t, []string{a.react("#messages", id, "👍", false)}, "")
		same(t, []string{a.react("#messages", id, "👎", true)}, "")
		same(t, []string{b.react("#messages", id, "👍", true)}, "") // not one's own
		if n := len(c.fake.Items("reactions")); n != 1 {
			t.Errorf("%d are stored", n)
		}
		no := "ada reacts " + id + " in #messages, removed true: 👍"
		same(t, []string{a.react("#messages", id, "👍", true)}, no)
		expect([]*visitor{other, b}, no)
		expect(all)

		same(t, []string{a.react("#messages", oldID, "✓", false)}, "ada reacts "+oldID+"*: ✓")
		expect([]*visitor{other, b}, "ada reacts "+oldID+"*: ✓")
		web := c.fake.Insert("reactions", bob, map[string]any{"message": row, "text": "♥"})
		expect(all, "bob reacts "+id+"*, removed false: ♥")
		c.fake.Remove("reactions", web)
		expect(all, "nobody known reacts "+id+"*, removed true: ♥")
		c.fake.Insert("reactions", bob, map[string]any{"message": "999", "text": "♥"})
		c.fake.Insert("reactions", bob, map[string]any{"message": row, "text": strings.Repeat("♥", 100)})
		c.fake.Insert("reactions", bob, map[string]any{"message": nil, "text": nil})
		c.fake.Emit("reactions", "delete", nil, []any{web, "77"})
		expect(all)

		late := c.visit("ada")
		page, err := late.session.History(t.Context(), ircd.HistoryQuery{Target: "#messages", Limit: 10, Reactions: true})
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, ev := range page.Events {
			lines = append(lines, describe(ev))
		}
		same(t, lines, "bob says in #messages: old", "ada reacts "+oldID+"*: ✓", "bob says in #messages: hello")

		same(t, []string{a.react("#messages", "999.0", "x", false)}, "UNKNOWN_MSGID: *")
		same(t, []string{a.react("#dev", id, "x", false)}, "INVALID_TARGET: Not reacted: no reactions are stored for #dev")
		same(t, []string{a.react("#messages", id, " ", false)}, "INVALID_REACTION: *")
		c.fake.Deny(a.id, "reactions", "create")
		same(t, []string{a.react("#messages", id, "x", false)}, "REACT_FORBIDDEN: *")
		expect(all)

		tick := c.fake.Items("reactions")[0]["id"]
		eve := c.visit("eve", "#messages")
		if _, err := eve.session.History(t.Context(), ircd.HistoryQuery{Target: "#messages", Limit: 10, Reactions: true}); err != nil {
			t.Fatal(err)
		}
		c.fake.Remove("reactions", fmt.Sprint(tick))
		expect([]*visitor{a, other, b, eve}, "nobody known reacts "+oldID+"*, removed true: ✓")
	})
}

// A private message has no reactions, whatever the channels have, and who reacts is told why.
func TestReactionToPrivateMessage(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, func(o *bridge.Options) { o.Private = &privateMessages }, lively())
		addReactions(c.fake)
		c.fake.AddCollection("private_messages", directustest.FakeCollection{
			Fields: []string{"text", "recipient", "nonce"}, Unique: []string{"nonce"}, Relations: map[string]string{"recipient": "directus_users"},
		})
		a := c.visit("ada")
		c.visit("bob")
		if err := a.session.Start(t.Context(), ircd.JoinOptions{}); err != nil {
			t.Fatal(err)
		}
		id := a.send("bob", "psst")
		same(t, []string{a.react("bob", id, "x", false)}, "INVALID_TARGET: Not reacted: reactions are stored for messages in channels only, not for private ones")
	})
}

// The answer to a reaction is lost, or does not come.
func TestReactionInDoubt(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil, lively())
		addReactions(c.fake)
		a, other := c.visit("ada", "#messages"), c.visit("ada", "#messages")
		id := a.send("#messages", "hello")
		other.news()
		for _, test := range []struct {
			method, text string
			remove       bool
			verdict      directustest.RESTVerdict
			want         string
			stored       int
		}{
			{"POST", "1", false, directustest.RESTVerdict{Lose: true}, "ada reacts *, removed false: 1", 1},
			{"POST", "2", false, directustest.RESTVerdict{Status: 503, Code: "SERVICE_UNAVAILABLE"}, "TEMPORARILY_UNAVAILABLE: *Try again when*", 1},
			{"POST", "2", false, directustest.RESTVerdict{Hang: true}, "TEMPORARILY_UNAVAILABLE: *perhaps done*", 1},
			{"POST", "2", false, directustest.RESTVerdict{Drop: true}, "TEMPORARILY_UNAVAILABLE: *perhaps done*", 1},
			{"DELETE", "1", true, directustest.RESTVerdict{Status: 503, Code: "SERVICE_UNAVAILABLE"}, "TEMPORARILY_UNAVAILABLE: *Try again when*", 1},
			{"DELETE", "1", true, directustest.RESTVerdict{Hang: true}, "TEMPORARILY_UNAVAILABLE: *perhaps done*", 1},
			{"DELETE", "1", true, directustest.RESTVerdict{Drop: true}, "TEMPORARILY_UNAVAILABLE: *perhaps done*", 1},
			{"DELETE", "1", true, directustest.RESTVerdict{Lose: true}, "ada reacts *, removed true: 1", 0},
		} {
			c.fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
				if r.Method == test.method {
					return test.verdict
				}
				return directustest.RESTVerdict{}
			})
			same(t, []string{a.react("#messages", id, test.text, test.remove)}, test.want)
			if n := len(c.fake.Items("reactions")); n != test.stored {
				t.Errorf("%s %s: %d are stored", test.method, test.text, n)
			}
			time.Sleep(time.Minute)
		}
		same(t, a.news())
		same(t, other.news(), "ada reacts *, removed false: 1", "ada reacts *, removed true: 1")
	})
}

// Who may not read reactions has none, and nothing else is the worse for it.
func TestReactionsNotReadable(t *testing.T) {
	for _, version := range []string{"12.4.0", "11.17.4"} {
		t.Run(version, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				c := newChatAt(t, directustest.FakeOptions{Version: version}, func(o *bridge.Options) { o.OwnFeeds = true }, lively())
				addReactions(c.fake)
				bob := c.person("bob")
				c.fake.Deny(c.person("ada"), "reactions", "read")
				a := c.visit("ada", "#messages")
				row := c.fake.Insert("messages", bob, map[string]any{"text": "hello"})
				same(t, a.news(), "bob says in #messages: hello")
				// The feed asks for what is newest every 8 s: right after that it asks nothing by itself.
				before := c.fake.Count("SEARCH /items/messages")
				for began := time.Now(); c.fake.Count("SEARCH /items/messages") == before && time.Since(began) < time.Minute; {
					time.Sleep(100 * time.Millisecond)
				}
				before = c.fake.Count("SEARCH /items/messages")
				c.fake.Insert("reactions", bob, map[string]any{"message": row, "text": "♥"})
				time.Sleep(time.Second)
				if after := c.fake.Count("SEARCH /items/messages"); after != before {
					t.Errorf("%d reads of messages for a reaction that may not be read", after-before)
				}
				same(t, a.news())
				time.Sleep(2 * time.Hour)
				if n := c.fake.Count("SEARCH /items/reactions"); n > 10 {
					t.Errorf("asked %d times", n)
				}
				c.fake.Allow(a.id, "reactions", "read")
				time.Sleep(30 * time.Minute)
				c.fake.Insert("reactions", bob, map[string]any{"message": row, "text": "☺"})
				same(t, a.news(), "bob reacts *: ☺")
				c.fake.Deny(a.id, "reactions", "read")
				c.fake.Insert("reactions", bob, map[string]any{"message": row, "text": "1"})
				c.fake.Insert("reactions", bob, map[string]any{"message": row, "text": "2"})
				time.Sleep(time.Minute)
				same(t, a.news())
				if n := c.fake.Subscriptions(); n != 3 {
					t.Errorf("%d subscriptions", n)
				}
			})
		})
	}
}

// Two connections of a user react at the same time: one does.
func TestReactionsAtOnce(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil, lively())
		addReactions(c.fake)
		one, two, b := c.visit("ada", "#messages"), c.visit("ada", "#messages"), c.visit("bob", "#messages")
		id := b.send("#messages", "hello")
		one.news()
		two.news()
		c.fake.OnREST(func(directustest.RESTRequest) directustest.RESTVerdict {
			return directustest.RESTVerdict{Delay: time.Second}
		})
		first := make(chan string)
		go func() { first <- one.react("#messages", id, "👍", false) }()
		second := two.react("#messages", id, "👍", false)
		if other := <-first; (other == "") == (second == "") {
			t.Errorf("shown %q and %q", other, second)
		}
		same(t, b.news(), "ada reacts "+id+" in #messages, removed false: 👍")
	})
}

// What Directus tells of a reaction after it is gone shows it to nobody again.
func TestReactionToldLate(t *testing.T) {
	for _, reverse := range []bool{false, true} {
		t.Run(fmt.Sprint("reverse ", reverse), func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				c := newChat(t, nil, lively())
				addReactions(c.fake)
				a, b := c.visit("ada", "#messages"), c.visit("bob", "#messages")
				id := b.send("#messages", "hello")
				a.news()
				for range 2 { // to react again in the same minute is to react
					c.fake.HoldEvents()
					a.react("#messages", id, "x", false)
					a.react("#messages", id, "x", true)
					synctest.Wait()
					c.fake.ReleaseEvents(reverse)
					same(t, b.news(), "ada reacts *, removed false: x", "ada reacts *, removed true: x")
					same(t, a.news())
				}
				c.fake.HoldEvents()
				key := c.fake.Insert("reactions", a.id, map[string]any{"message": id, "text": "y"})
				c.fake.Remove("reactions", key)
				c.fake.ReleaseEvents(true)
				same(t, b.news())
			})
		})
	}
}

// A reaction to a private message is seen by its sender and its recipient, whoever of them has
// reacted, and by nobody else, whatever Directus would let them read or store.
func TestPrivateReactions(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		letters := privateMessages
		letters.Reactions = &collection.Reactions{Collection: "reactions", Message: "message", Text: "text", Author: "user_created", Date: "date_created"}
		c := newChat(t, func(o *bridge.Options) { o.Private = &letters })
		addPrivate(c.fake)
		c.fake.AddCollection("reactions", directustest.FakeCollection{Fields: []string{"message", "text"}, Relations: map[string]string{"message": letters.Collection}})
		if !c.backend.Features().Reactions {
			t.Error("reactions are not offered")
		}
		a, other, b, eve := c.visit("ada"), c.visit("ada"), c.visit("bob"), c.visit("eve")
		all := []*visitor{a, other, b, eve}
		for _, v := range all {
			begin(t, v.session, true)
		}
		expect := func(who []*visitor, want string) {
			t.Helper()
			for _, v := range all {
				if slices.Contains(who, v) {
					same(t, v.news(), want)
				} else {
					same(t, v.news())
				}
			}
		}
		id := a.send("bob", "psst")
		expect([]*visitor{other, b}, "ada says in : psst")
		eve.say("bob", "hi")
		b.news()
		for _, remove := range []bool{false, true} {
			heard := fmt.Sprintf("bob reacts %s in ada, removed %v: 👍", id, remove)
			same(t, []string{b.react("ada", id, "👍", remove)}, heard)
			expect([]*visitor{a, other}, heard)
			own := fmt.Sprintf("ada reacts %s in bob, removed %v: ✓", id, remove)
			same(t, []string{a.react("bob", id, "✓", remove)}, own)
			expect([]*visitor{other, b}, own)
		}
		same(t, []string{eve.react("ada", id, "👍", false)}, "UNKNOWN_MSGID: *")
		same(t, []string{eve.react("bob", id, "👍", false)}, "UNKNOWN_MSGID: *")
		same(t, []string{a.react("eve", id, "👍", false)}, "INVALID_TARGET: *not said there")

		row, _, _ := strings.Cut(id, ".")
		c.fake.Insert("reactions", eve.id, map[string]any{"message": row, "text": "!"}) // past the daemon
		expect(nil, "")
		key := c.fake.Insert("reactions", b.id, map[string]any{"message": row, "text": "☺"})
		expect([]*visitor{a, other, b}, "bob reacts "+id+" in ada, removed false: ☺")
		c.fake.Remove("reactions", key)
		expect([]*visitor{a, other, b}, "nobody known reacts "+id+" in ada, removed true: ☺")
		a.react("bob", id, "kept", false)
		expect([]*visitor{other, b}, "ada reacts * in bob, removed false: kept")

		for v, peer := range map[*visitor]string{a: "bob", b: "ada"} {
			page, err := v.session.History(t.Context(), ircd.HistoryQuery{Target: peer, Limit: 10, Reactions: true})
			if err != nil {
				t.Fatal(err)
			}
			var lines []string
			for _, ev := range page.Events {
				lines = append(lines, describe(ev))
			}
			same(t, lines, "ada says in : psst", "ada reacts "+id+" in bob, removed false: kept")
		}
	})
}
