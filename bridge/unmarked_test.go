package bridge_test

import (
	"strings"
	"testing"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// unmarked is the daemon before a collection in which nothing makes a message known: it has no nonce, and Directus
// chooses the keys. Ada is in its channel.
func unmarked(t *testing.T) (fake *directustest.Fake, ada string, c *ircdtest.Client) {
	ch := messages("messages")
	ch.Fields.Nonce = ""
	fake, l, _ := fakeStack(t, directustest.FakeOptions{}, nil, ch)
	ada = addFake(fake, "ada")
	return fake, ada, rejoin(t, l, "ada")
}

// lostCreate loses every create on its way, together with its connection.
func lostCreate(r directustest.RESTRequest) directustest.RESTVerdict {
	return directustest.RESTVerdict{Drop: r.Method == "POST"}
}

// An item is stored, but answered FORBIDDEN as the row may not be read back.
func TestStoredButUnreadable(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, ada, c := unmarked(t)
		fake.Deny(ada, "messages", "read")
		c.Send("PRIVMSG #messages :hello")
		line := c.Expect("* 404 *")
		if n := len(fake.Items("messages")); n != 1 {
			t.Fatalf("stored %d", n)
		}
		if strings.Contains(line, "Not sent") {
			t.Errorf("stored, but the client is told %q", line)
		}
		c.Close()
	})
}

// Two equal texts: the first is stored and confirmed, its event is late; the
// second is lost on the way. It must not be taken for the first.
func TestSecondOfTwoEqualTexts(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		ch := messages("messages")
		ch.Fields.Nonce = ""
		fake, l, _ := fakeStack(t, directustest.FakeOptions{}, nil, ch)
		ada := addFake(fake, "ada")
		fake.Insert("messages", ada, map[string]any{"text": "older"})
		c := rejoin(t, l, "ada")
		fake.HoldEvents()
		c.Send("PRIVMSG #messages :ok")
		c.Sync()
		if n := len(fake.Items("messages")); n != 2 {
			t.Fatalf("stored %d", n)
		}
		fake.OnREST(lostCreate)
		c.Send("PRIVMSG #messages :ok")
		lines := c.Sync()
		if !strings.Contains(strings.Join(lines, "\n"), " 404 ") {
			t.Errorf("the second was not stored (%d items) and nobody said so: %q", len(fake.Items("messages")), lines)
		}
		c.Close()
	})
}

// A collection with UUID keys that the user may not choose.
func TestKeyNotToBeChosen(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		ch := messages("keyed")
		ch.Fields.Nonce = ""
		fake, l, _ := fakeStack(t, directustest.FakeOptions{}, nil, ch)
		fake.AddCollection("keyed", directustest.FakeCollection{Fields: []string{"text"}, UUIDKey: true})
		ada := addFake(fake, "ada")
		fake.Insert("keyed", ada, map[string]any{"text": "older"})
		fake.OnlyFields(ada, "keyed", "create", "text")
		c := rejoin(t, l, "ada")
		c.Send("PRIVMSG #messages :hello")
		lines := c.Sync()
		if n := len(fake.Items("keyed")); n != 2 {
			t.Errorf("%d stored, %q", n, lines)
		}
		c.Close()
	})
}

// Directus' clock is ahead, so that each row is of the future when it comes. An
// old message is not taken for a lost one with the same text.
func TestClockBehindDirectus(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, ada, c := unmarked(t)
		for _, text := range []string{"ok", "1", "2", "3", "4"} {
			ahead := time.Now().Add(time.Second).UTC().Format("2006-01-02T15:04:05.000Z")
			fake.Insert("messages", ada, map[string]any{"text": text, "date_created": ahead})
			time.Sleep(5 * time.Minute)
		}
		c.Sync()
		fake.OnREST(lostCreate)
		c.Send("PRIVMSG #messages :ok")
		if lines := c.Sync(); !strings.Contains(strings.Join(lines, "\n"), " 404 ") {
			t.Errorf("lost, and the sender hears %q", lines)
		}
		c.Close()
	})
}

// A create is lost while the collection could not be read yet: an old message is not taken for
// the lost one with the same text.
func TestDoubtBeforeTheFirstRead(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		ch := messages("messages")
		ch.Fields.Nonce = ""
		fake, l, _ := fakeStack(t, directustest.FakeOptions{}, nil, ch)
		ada := addFake(fake, "ada")
		fake.Insert("messages", ada, map[string]any{"text": "good morning"})
		time.Sleep(24 * time.Hour)
		fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
			if r.Method == "POST" && r.Path == "/items/messages" {
				fake.OnREST(nil)
				return lostCreate(r)
			}
			if r.Path == "/items/messages" {
				return directustest.RESTVerdict{Status: 503, Code: "SERVICE_UNAVAILABLE"}
			}
			return directustest.RESTVerdict{}
		})
		c := rejoin(t, l, "ada")
		c.Send("PRIVMSG #messages :good morning")
		if lines := c.Sync(); !strings.Contains(strings.Join(lines, "\n"), " 404 ") {
			t.Errorf("lost, and the sender hears %q", lines)
		}
		c.Close()
	})
}
