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

// So it is with the very first lines of a collection, whose keys go on where those of deleted
// items have ended.
func TestFirstLinesInDisorder(t *testing.T) {
	for _, deleted := range []int{0, 100} {
		t.Run(fmt.Sprintf("%d deleted", deleted), func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				fake, listener, _ := fakeStack(t, directustest.FakeOptions{}, nil, messages("messages"))
				fake.AddCollection("messages", directustest.FakeCollection{Fields: []string{"text", "nonce"}, Unique: []string{"nonce"}})
				author := fake.AddUser(directustest.FakeUser{Email: "kevin@example.com"})
				for range deleted {
					fake.Remove("messages", fake.Insert("messages", author, map[string]any{"text": "gone"}))
				}
				reader, ada := enter(t, fake, listener, "ada")
				fake.HoldEvents()
				for _, text := range []string{"one", "two", "three"} {
					fake.Insert("messages", ada, map[string]any{"text": text})
				}
				fake.ReleaseEvents(true)
				for _, text := range []string{"one", "two", "three"} {
					reader.Expect("* PRIVMSG #messages :" + text)
				}
			})
		})
	}
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

// Of two messages that are written at the same time, the one with the later date may get the lower key. What comes first is
// shown at once, and what comes together in the order of the history, which goes by dates. Nothing is lost or doubled, for
// those who leave in between neither.
func TestDatesAgainstKeys(t *testing.T) {
	for name, test := range map[string]struct {
		apart   time.Duration // the events
		reverse bool          // theirs is not the order of the keys
		leaves  bool          // between the two
		want    []string      // live
	}{
		"one by one":            {apart: 5 * time.Millisecond, want: []string{"later", "earlier"}},
		"reversed":              {apart: 5 * time.Millisecond, reverse: true, want: []string{"earlier", "later"}},
		"together, reversed":    {reverse: true, want: []string{"earlier", "later"}},
		"while a device is out": {apart: 5 * time.Millisecond, leaves: true, want: []string{"later", "earlier"}},
	} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				r := newRemembering(t, nil)
				v, _ := r.device("ada", "laptop")
				other := r.visit("bob", "#messages")
				r.insert("before")
				same(t, v.texts(), "before")
				time.Sleep(time.Minute)
				begin := time.Now().UTC()
				insert := func(text string, after time.Duration) {
					r.fake.Insert("messages", r.person("walt"), map[string]any{"text": text, "date_created": begin.Add(after).Format("2006-01-02T15:04:05.000Z")})
				}
				if test.reverse || test.apart == 0 {
					r.fake.HoldEvents()
				}
				insert("later", 18*time.Millisecond)
				var got []string
				if test.apart > 0 && !test.reverse {
					got = v.texts()
					same(t, got, "later")
				}
				if test.leaves {
					v.receive()
					v.leave()
				}
				time.Sleep(test.apart)
				insert("earlier", 0)
				r.fake.ReleaseEvents(test.reverse)
				if test.leaves {
					var lines []string
					v, lines = r.device("ada", "laptop")
					got = append(got, lines...)
				}
				got = append(got, v.texts()...)
				same(t, got, test.want...)
				var backlog []string
				for _, m := range r.visit("eve", "#messages").backlog {
					backlog = append(backlog, m.Text)
				}
				same(t, backlog, "before", "earlier", "later")
				time.Sleep(20 * time.Minute)
				same(t, v.texts())
				same(t, other.texts(), append([]string{"before"}, test.want...)...)
			})
		})
	}
}
