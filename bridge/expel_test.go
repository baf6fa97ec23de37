package bridge_test

import (
	"errors"
	"testing"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// Two connections of one user are not equally far when the user is taken off the
// shared feed: each goes on where it was.
func TestExpelledInTheMiddle(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		bob := c.visit("bob", "#messages")
		quick, slow := c.visit("ada", "#messages"), c.visit("ada", "#messages")
		c.write("one")
		same(t, quick.news(), "walt says in #messages: one")
		same(t, bob.news(), "walt says in #messages: one") // so that nobody but slow is behind
		c.fake.Deny(quick.id, "directus_users", "read")    // reads all the same
		time.Sleep(5 * time.Minute)
		c.write("two")
		same(t, quick.news(), "user-* says in #messages: two")
		same(t, slow.news(), "user-* says in #messages: one", "user-* says in #messages: two")
	})
}

// What the backlog has shown is not shown again by the feed of one's own, which reads once more what the session had not
// yet read of the shared one.
func TestExpelledBehindTheBacklog(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		c.visit("bob", "#messages")
		time.Sleep(time.Minute)
		c.fake.HoldEvents()
		c.write("one")
		ada := c.visit("ada", "#messages")
		if len(ada.backlog) != 1 {
			t.Fatalf("%d messages of backlog", len(ada.backlog))
		}
		c.fake.ReleaseEvents(false)
		time.Sleep(10 * time.Second)
		c.fake.Send("", map[string]any{"type": "subscribe", "status": "error", "error": map[string]any{"code": "FORBIDDEN", "message": "no"}})
		time.Sleep(10 * time.Second) // the shared feed has read the collection again
		c.fake.Deny(ada.id, "directus_users", "read")
		c.fake.OnREST(func(r directustest.RESTRequest) (v directustest.RESTVerdict) {
			if r.Path == "/items/messages" {
				v.Delay = 2 * time.Second
			}
			return v
		})
		c.visit("ada") // has Directus asked for the rights
		same(t, ada.news())
		same(t, ada.later(time.Minute))
	})
}

// Who has lost the right to read since Directus was last asked about it is refused
// at once.
func TestJoinWithoutTheRight(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		ada := c.visit("ada", "#messages")
		if err := ada.session.Part(t.Context(), "#messages"); err != nil {
			t.Fatal(err)
		}
		c.fake.Deny(ada.id, "messages", "read")
		begun := time.Now()
		_, err := ada.session.Join(t.Context(), "#messages", ircd.JoinOptions{Backlog: true})
		if told := new(ircd.Error); !errors.As(err, &told) || told.Numeric != "473" {
			t.Errorf("joined: %v", err)
		}
		if took := time.Since(begun); took > time.Second {
			t.Errorf("took %v", took)
		}
	})
}
