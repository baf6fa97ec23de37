package bridge_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// What people write at the same time is shown in the order of the collection,
// whatever the order of the events.
func TestEventsInDisorder(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, listener, _ := fakeStack(t, directustest.FakeOptions{}, nil, messages("messages"))
		fake.AddCollection("messages", directustest.FakeCollection{Fields: []string{"text", "nonce"}, Unique: []string{"nonce"}})
		reader, ada := enter(t, fake, listener, "ada")
		fake.Insert("messages", ada, map[string]any{"text": "first"})
		reader.Expect("* PRIVMSG #messages :first")
		want := numbered("text %d", 20)
		fake.HoldEvents()
		for _, text := range want {
			fake.Insert("messages", ada, map[string]any{"text": text})
		}
		fake.ReleaseEvents(true)
		var got []string
		for len(got) < len(want) {
			got = append(got, texts([]string{reader.Expect("* PRIVMSG #messages :*")})...)
		}
		if !slices.Equal(got, want) {
			t.Errorf("shown as %q", got)
		}
	})
}

// A message whose event was lost shows in the keys of the next one: the
// collection is read, and shows both in order.
func TestLostEventIsNoticed(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, listener, _ := fakeStack(t, directustest.FakeOptions{}, nil, messages("messages"))
		reader, ada := enter(t, fake, listener, "ada")
		insert := func(text string) { fake.Insert("messages", ada, map[string]any{"text": text}) }
		insert("first")
		reader.Expect("* PRIVMSG #messages :first")
		fake.LoseEvents(true)
		insert("lost")
		fake.LoseEvents(false)
		begin := time.Now()
		insert("next")
		reader.Expect("* PRIVMSG #messages :lost")
		reader.Expect("* PRIVMSG #messages :next")
		if took := time.Since(begin); took > 100*time.Millisecond {
			t.Errorf("after %v", took)
		}
	})
}

// A right that is given back is noticed by the next message, however many there
// were while it was taken away.
func TestRightIsBackAtTheNextMessage(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, listener, _ := fakeStack(t, directustest.FakeOptions{}, nil, messages("messages"))
		reader, ada := enter(t, fake, listener, "ada")
		fake.Deny(ada, "messages", "read")
		want := numbered("text %d", 100)
		for _, text := range want {
			fake.Insert("messages", ada, map[string]any{"text": text})
			time.Sleep(100 * time.Millisecond)
		}
		fake.Allow(ada, "messages", "read")
		begin := time.Now()
		fake.Insert("messages", ada, map[string]any{"text": "last"})
		reader.Expect("* PRIVMSG #messages :last")
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("after %v", took)
		}
		reads := fake.Count("SEARCH /items/messages")
		if reads > 50 {
			t.Errorf("the collection was read %d times", reads)
		}
	})
}

// What comes over a new link before that has subscribed to everything is shown behind
// what was missed in between, whatever the keys are: those that do not count say nothing
// of what lies before.
func TestNewLineBehindTheMissed(t *testing.T) {
	for name, keys := range map[string]bool{"numbers": false, "uuids": true} {
		for _, last := range []string{"create", "delete", "update"} {
			t.Run(name+", last "+last, func(t *testing.T) {
				ircdtest.Bubble(t, func(t *testing.T) {
					c := newChat(t, nil)
					c.fake.AddCollection("messages", directustest.FakeCollection{Fields: []string{"text", "nonce"}, UUIDKey: keys})
					ada := c.visit("ada", "#messages")
					var want []string
					say := func(text string) {
						c.write("%s", text)
						want = append(want, "walt says in #messages: "+text)
						time.Sleep(10 * time.Millisecond)
					}
					say("before")
					c.fake.OnFrame(func(f directustest.FakeFrame) (v directustest.FrameVerdict) {
						if f.Type == "subscribe" && f.Message["event"] == last {
							v.Delay = 5 * time.Second
						}
						return v
					})
					c.fake.LoseEvents(true)
					for i := range 80 {
						say(fmt.Sprint("missed ", i))
					}
					c.fake.LoseEvents(false)
					c.fake.Cut()
					got := ada.later(4 * time.Second)
					say("new")
					got = append(got, ada.news()...)
					say("newer")
					same(t, append(got, ada.later(time.Minute)...), want...)
				})
			})
		}
	}
}
