package bridge_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/bridge/collection"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// commandsOf lists messages with the command that shows each.
func commandsOf(events []ircd.Event) []string {
	lines := []string{}
	for _, ev := range events {
		switch ev := ev.(type) {
		case *ircd.Message:
			lines = append(lines, map[ircd.Kind]string{ircd.Privmsg: "PRIVMSG ", ircd.Notice: "NOTICE ", ircd.Action: "ACTION "}[ev.Kind]+ev.Text)
		case *ircd.Backlog:
			for _, m := range ev.Messages {
				lines = append(lines, commandsOf([]ircd.Event{m})...)
			}
		}
	}
	return lines
}

// commandsOf are those of the news.
func (v *visitor) commandsOf() []string {
	v.t.Helper()
	return commandsOf(v.events())
}

// A NOTICE is one for everybody where the collection has a field for it, and else for those on
// the same daemon.
func TestNotice(t *testing.T) {
	for _, kind := range []string{"kind", ""} {
		t.Run("field "+kind, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				channel := room("dev", func(c *collection.Config) { c.Fields.Kind, c.Backlog = kind, 10 })
				private := privateMessages
				private.Fields.Kind = kind
				c := newChat(t, func(o *bridge.Options) { o.Private = &private }, channel)
				for name, field := range map[string]string{"rooms": "room", "private_messages": "recipient"} {
					c.fake.AddCollection(name, directustest.FakeCollection{
						Fields: []string{"text", "nonce", "status", "kind", field}, Unique: []string{"nonce"}, Relations: map[string]string{"recipient": "directus_users"},
					})
				}
				elsewhere := *c
				elsewhere.backend = newBackend(t, c.client, func(o *bridge.Options) { o.Private = &private }, channel)
				come := func(c *chat, name string) *visitor {
					v := c.visit(name, "#dev")
					if err := v.session.Start(t.Context(), ircd.JoinOptions{Backlog: true}); err != nil {
						t.Fatal(err)
					}
					v.news()
					return v
				}
				ada, bob, far := come(c, "ada"), come(c, "bob"), come(&elsewhere, "bob")
				for _, target := range []string{"#dev", "bob"} {
					for _, out := range []ircd.Outgoing{{Kind: ircd.Notice, Text: "pong"}, {Text: "hello"}, {Kind: ircd.Notice, Text: "/me waves"}} {
						out.Target = target
						if m, err := ada.session.Send(t.Context(), out); err != nil || m.Kind != out.Kind || m.Text != out.Text {
							t.Fatalf("the sender is shown %v, %v", m, err)
						}
						time.Sleep(time.Second)
					}
				}
				want := []string{"NOTICE pong", "PRIVMSG hello", "NOTICE /me waves"}
				otherwise := want
				if kind == "" {
					otherwise = []string{"PRIVMSG pong", "PRIVMSG hello", "ACTION waves"}
				}
				same(t, bob.commandsOf(), slices.Concat(want, want)...)
				same(t, far.commandsOf(), slices.Concat(otherwise, otherwise)...)
				elsewhere.backend = newBackend(t, c.client, func(o *bridge.Options) { o.Private = &private }, channel)
				late := elsewhere.visit("bob", "#dev")
				same(t, commandsOf([]ircd.Event{&ircd.Backlog{Messages: late.backlog}}), otherwise...)
				for _, target := range []string{"#dev", "ada"} {
					page, err := late.session.History(t.Context(), ircd.HistoryQuery{Target: target, Limit: 10})
					if err != nil {
						t.Fatal(err)
					}
					same(t, commandsOf(page.Events), otherwise...)
				}
				for i, stored := range slices.Concat(c.fake.Items("rooms"), c.fake.Items("private_messages")) {
					is := fmt.Sprint(stored["kind"])
					if (is == "notice") != (kind != "" && i%3 != 1) {
						t.Errorf("stored %v", stored)
					}
				}
			})
		})
	}
}

// The event of a NOTICE may come before the answer. An edit of it is a NOTICE too.
func TestNoticeWithoutField(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		ada, bob := c.visit("ada", "#messages"), c.visit("bob", "#messages")
		c.fake.OnREST(func(r directustest.RESTRequest) (v directustest.RESTVerdict) {
			if r.Method == "POST" && r.Path == "/items/messages" {
				synctest.Wait()
			}
			return v
		})
		say := func(kind ircd.Kind, text string) {
			t.Helper()
			if _, err := ada.session.Send(t.Context(), ircd.Outgoing{Target: "#messages", Kind: kind, Text: text}); err != nil {
				t.Fatal(err)
			}
		}
		say(ircd.Notice, "pong")
		say(ircd.Privmsg, "pong")
		same(t, bob.commandsOf(), "NOTICE pong", "PRIVMSG pong")
		c.fake.Update("messages", fmt.Sprint(c.fake.Items("messages")[0]["id"]), map[string]any{"text": "pong, pang"})
		time.Sleep(10 * time.Second)
		same(t, bob.commandsOf(), "NOTICE [edited] <ada> pong, pang")
	})
}

// Who may not read the field reads everything, and sees a NOTICE of elsewhere as a message.
func TestNoticeFieldNotReadable(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		channel := room("dev", func(c *collection.Config) { c.Fields.Kind, c.Backlog = "kind", 10 })
		c := newChat(t, nil, channel)
		c.fake.AddCollection("rooms", directustest.FakeCollection{Fields: []string{"text", "nonce", "room", "status", "kind"}, Unique: []string{"nonce"}})
		ada := c.person("ada")
		c.fake.Insert("rooms", ada, map[string]any{"text": "pong", "room": "dev", "kind": "notice"})
		c.fake.OnlyFields(c.person("eve"), "rooms", "read", "id", "text", "nonce", "room", "status", "user_created", "date_created")
		eve := c.visit("eve", "#dev")
		same(t, commandsOf([]ircd.Event{&ircd.Backlog{Messages: eve.backlog}}), "PRIVMSG pong")
	})
}

// The field of a real Directus, as setup makes it.
func TestRealNotice(t *testing.T) {
	dx := directustest.Shared(t)
	channel := messages(dx.Collection)
	channel.Fields.Kind = "irc_kind"
	s := start(t, dx, nil, channel)
	ada, bob := dx.CreateUser("Ada", ""), dx.CreateUser("Bob", "")
	a, _ := s.join(ada, "#messages")
	b, _ := s.join(bob, "#messages")
	a.Send("NOTICE #messages :pong")
	b.Expect("* NOTICE #messages :pong")
	dx.AddItem(bob, map[string]any{"text": "from a Flow", "irc_kind": "notice"})
	a.Expect("* NOTICE #messages :from a Flow")
	b.Send("PRIVMSG #messages :hello")
	a.Expect("* PRIVMSG #messages :hello")
	stored := dx.Messages("text", "irc_kind")
	got := fmt.Sprint(stored[len(stored)-3:])
	if want := "[map[irc_kind:notice text:pong] map[irc_kind:notice text:from a Flow] map[irc_kind:<nil> text:hello]]"; got != want {
		t.Errorf("stored %s", got)
	}
}
