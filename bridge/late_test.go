package bridge_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// storedLater has Directus take the creates of a text, break the connection, and store them a moment later.
func storedLater(fake *directustest.Fake, author, text string, after time.Duration) {
	fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
		late := r.Method == "POST" && r.Path == "/items/messages"
		if late {
			time.AfterFunc(after, func() { fake.Insert("messages", author, map[string]any{"text": text}) })
		}
		return directustest.RESTVerdict{Drop: late}
	})
}

// What Directus has taken before the link broke is stored a moment later, behind the first look for it. Nothing makes the
// message known, so it cannot be sent again: it is looked for again.
func TestStoredBehindTheFirstLook(t *testing.T) {
	for after, stored := range map[time.Duration]bool{50 * time.Millisecond: true, 2 * time.Second: true, time.Minute: false} {
		t.Run(after.String(), func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				fake, ada, c := unmarked(t)
				storedLater(fake, ada, "late", after)
				begin := time.Now()
				c.Send("PRIVMSG #messages :late")
				lines := strings.Join(c.Sync(), "\n")
				if told := strings.Contains(lines, "perhaps sent"); told == stored || strings.Contains(lines, "Not sent") {
					t.Errorf("stored after %v, and the sender hears %q", after, lines)
				}
				if took := time.Since(begin); took > 6*time.Second { // 3 s and two pauses with jitter
					t.Errorf("that took %v", took)
				}
				c.Close()
			})
		})
	}
}

// A link that breaks says nothing about the next one: whoever loses a message now and then is not told that Directus is
// unreachable while it answers everything else.
func TestLostNowAndThen(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, _, c := unmarked(t)
		for i := range 5 {
			fake.OnREST(lostCreate)
			c.Send(fmt.Sprintf("PRIVMSG #messages :lost %d", i))
			if lines := strings.Join(c.Sync(), "\n"); !strings.Contains(lines, "perhaps sent") {
				t.Errorf("lost, and the sender hears %q", lines)
			}
			fake.OnREST(nil)
			for range 3 {
				c.Send("PRIVMSG #messages :ok")
				if lines := strings.Join(c.Sync(), "\n"); strings.Contains(lines, " 404 ") {
					t.Errorf("after %d: %q", i, lines)
				}
			}
		}
		c.Close()
	})
}

// The session ends while a message is in doubt, and that is stored behind the look for it.
func TestSessionEndsInDoubt(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, l, _ := fakeStack(t, directustest.FakeOptions{}, nil)
		ada := fake.AddUser(directustest.FakeUser{Email: "ada@example.com", Token: "token-of-ada", FirstName: "ada"})
		c := l.Dial(t)
		c.LoginPass("x", "token-of-ada")
		c.Send("JOIN #messages")
		c.Expect("* 366 *")
		c.Sync()
		fake.OnFrame(func(f directustest.FakeFrame) directustest.FrameVerdict {
			late := f.Action == "create"
			if data, _ := f.Message["data"].(map[string]any); late {
				time.AfterFunc(5*time.Second, func() { fake.Insert("messages", ada, data) })
			}
			return directustest.FrameVerdict{Skip: late, Cut: late}
		})
		fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
			if r.Method == "POST" && r.Path == "/items/messages" { // sent again
				fake.SetToken(ada, "another")
			}
			return directustest.RESTVerdict{}
		})
		c.Send("PRIVMSG #messages :late")
		line := c.Expect("* 404 *")
		time.Sleep(time.Minute)
		if n := len(fake.Items("messages")); n != 1 || !strings.Contains(line, "perhaps sent") {
			t.Errorf("%d stored, and the sender hears %q", n, line)
		}
		c.Close()
	})
}

// Who could read nothing at first is not shown all that there is when that changes. What is written from then on is
// found though its events are lost, however Directus writes its dates and whatever its clock shows.
func TestNothingToReadAtFirst(t *testing.T) {
	for ahead, wait := range map[time.Duration]time.Duration{-3 * time.Hour: time.Minute, 0: 8 * time.Minute, 3 * time.Hour: time.Minute} {
		for _, dates := range []directustest.DateKind{directustest.Milliseconds, directustest.WholeSeconds, directustest.DateTime} {
			for _, old := range []int{0, 200} {
				t.Run(fmt.Sprint(ahead, dates, old), func(t *testing.T) {
					ircdtest.Bubble(t, func(t *testing.T) {
						c := newChatAt(t, directustest.FakeOptions{Ahead: ahead}, nil)
						c.fake.AddCollection("messages", directustest.FakeCollection{Fields: []string{"text", "nonce"}, Dates: dates})
						for i := range old {
							c.write("old %d", i)
						}
						time.Sleep(time.Hour)
						ada := c.person("ada")
						c.fake.Restrict(ada, "messages", map[string]any{"text": map[string]any{"_eq": "nothing"}})
						a := c.visit("ada", "#messages")
						same(t, a.later(time.Minute))
						c.fake.Allow(ada, "messages", "read")
						same(t, a.later(wait)) // before and behind the regular reading
						c.fake.LoseEvents(true)
						c.write("new")
						same(t, a.later(time.Minute), "walt says in #messages: new")
					})
				})
			}
		}
	}
}
