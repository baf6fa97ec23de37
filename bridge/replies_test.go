package bridge_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// threads is a room whose messages can answer others.
func threads(name string, change func(*collection.Config)) collection.Config {
	return room(name, func(c *collection.Config) {
		c.Fields.Reply = "reply"
		if change != nil {
			change(c)
		}
	})
}

func addThreads(fake *directustest.Fake) {
	fake.AddCollection("rooms", directustest.FakeCollection{
		Fields: []string{"text", "nonce", "room", "status", "reply"}, Unique: []string{"nonce"}, Relations: map[string]string{"reply": "rooms"},
	})
}

// quoted takes the one message that there is and says what it answers.
func (v *visitor) quoted() string {
	v.t.Helper()
	time.Sleep(time.Second)
	events, err := v.poll()
	if err != nil || len(events) != 1 {
		v.t.Fatalf("%d events, %v", len(events), err)
	}
	return quote(events[0].(*ircd.Message))
}

func quote(m *ircd.Message) string {
	if m.Quote == nil {
		return m.Text + m.ReplyTo
	}
	return fmt.Sprintf("%s to %s: <%s> %s", m.Text, m.ReplyTo, m.Quote.Nick, m.Quote.Text)
}

func TestReplies(t *testing.T) {
	for name, filter := range map[string]map[string]any{
		"told apart here": {"room": map[string]any{"_eq": "dev"}},
		"by Directus":     {"room": map[string]any{"_in": []string{"dev", "div"}}},
	} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				testReplies(t, threads("dev", func(c *collection.Config) { c.Filter = filter }))
			})
		})
	}
}

func testReplies(t *testing.T, dev collection.Config) {
	c := newChat(t, nil, dev, threads("ops", nil), room("plain", nil))
	addThreads(c.fake)
	a, b := c.visit("ada", "#dev", "#ops", "#plain"), c.visit("bob", "#dev", "#ops")
	answer := func(channel, msgid, text string) (*ircd.Message, error) {
		m, err := b.session.Send(t.Context(), ircd.Outgoing{Target: channel, Text: text, ReplyTo: msgid})
		time.Sleep(time.Second)
		return m, err
	}
	first := b.send("#dev", "what is \x02this\n about?")
	a.news()
	m, err := answer("#dev", first, "yes")
	if err != nil {
		t.Fatal(err)
	}
	want := "yes to " + first + ": <bob> what is this about?"
	if quote(m) != want {
		t.Errorf("the sender sees %q", quote(m))
	}
	if got := a.quoted(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	late := c.visit("eve", "#dev")
	if got := quote(late.backlog[1]); got != want {
		t.Errorf("backlog: %q, want %q", got, want)
	}
	key, _, _ := strings.Cut(first, ".")
	if items := c.fake.Items("rooms"); fmt.Sprint(items[1]["reply"]) != key {
		t.Errorf("stored %v", items[1])
	}
	// What may not be quoted, or not be answered.
	ops := c.fake.Insert("rooms", b.id, map[string]any{"text": "of ops", "room": "ops"})
	a.later(time.Second)
	for _, item := range []map[string]any{
		{"text": "to elsewhere", "room": "dev", "reply": ops},
		{"text": "elsewhere", "room": "ops", "reply": key},
		{"text": "to nothing", "room": "dev", "reply": nil},
	} {
		c.fake.Insert("rooms", b.id, item)
		if got := a.quoted(); got != item["text"] {
			t.Errorf("got %q", got)
		}
	}
	refuse := func(channel, msgid, want string) {
		t.Helper()
		if _, err := answer(channel, msgid, "no"); err == nil || !ircdtest.Match(want, err.Error()) {
			t.Errorf("answer to %s in %s: %v", msgid, channel, err)
		}
	}
	refuse("#ops", first, "*was not said here*")
	refuse("#dev", "99.0", "*gone*")
	refuse("#dev", "nonsense", "*gone*")
	c.fake.Update("rooms", key, map[string]any{"status": "spam"})
	a.news()
	refuse("#dev", first, "*gone*")
	c.fake.Insert("rooms", b.id, map[string]any{"text": "to one deleted", "room": "dev", "reply": key})
	if got := a.quoted(); got != "to one deleted" {
		t.Errorf("got %q", got)
	}
	c.fake.Down()
	time.Sleep(time.Minute)
	refuse("#dev", "99.0", "*unreachable*")
}

// A channel without a place for replies takes the text alone.
func TestReplyWithoutAPlace(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		a := c.visit("ada", "#messages")
		m, err := a.session.Send(t.Context(), ircd.Outgoing{Target: "#messages", Text: "yes", ReplyTo: "nonsense"})
		if err != nil || quote(m) != "yes" {
			t.Errorf("%v, %v", m, err)
		}
	})
}

// Who may not read the field of replies reads the messages all the same.
func TestRepliesNotReadable(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil, threads("dev", nil), threads("ops", nil))
		addThreads(c.fake)
		c.fake.OnlyFields(c.person("ada"), "rooms", "read", "id", "text", "date_created", "user_created", "room", "status")
		c.fake.Insert("rooms", c.person("bob"), map[string]any{"text": "before", "room": "dev"})
		a := c.visit("ada", "#dev", "#ops")
		c.fake.Insert("rooms", c.person("bob"), map[string]any{"text": "hello", "room": "dev"})
		same(t, a.news(), "bob says in #dev: hello")
		if n := c.fake.Subscriptions(); n != 3 {
			t.Errorf("%d subscriptions for two channels of a collection", n)
		}
	})
}
