package bridge_test

import (
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// What one user may know of another, by what Directus lets them read and by where both
// are. bob is connected, away, and in #others; ada asks, and bob writes in #messages from
// a web page, mentions himself, and writes to ada.
func TestAcquaintance(t *testing.T) {
	rights := map[string]func(f *directustest.Fake, ada string){
		"all":     func(*directustest.Fake, string) {},
		"nothing": func(f *directustest.Fake, ada string) { f.Deny(ada, "directus_users", "read") },
		"a rule": func(f *directustest.Fake, ada string) {
			f.Restrict(ada, "directus_users", map[string]any{"id": map[string]any{"_eq": ada}})
		},
	}
	for _, version := range []string{"12.4.0", "10.13.4"} {
		for name, take := range rights {
			for _, shares := range []bool{false, true} {
				t.Run(version+" "+name, func(t *testing.T) {
					withExiles(t, version, func(t *testing.T, e *exiles) {
						take(e.fake, e.ada)
						bob := e.client("bob")
						e.join(bob, "#others")
						bob.Send("AWAY :out")
						bob.Sync()
						ada := e.client("ada", "message-tags", "invite-notify")
						e.join(ada, "#messages")
						if shares {
							e.join(ada, "#others")
						}
						ada.Send("WHOIS bob", "WHO bob", "ISON bob", "USERHOST bob", "MONITOR + bob", "INVITE bob #messages", "CHATHISTORY LATEST bob * 1")
						e.fake.Insert("messages", e.bob, map[string]any{"text": "hello @" + e.bob})
						time.Sleep(time.Second)
						told := strings.Contains(strings.Join(synced(ada), "\n"), " 311 ")
						ada.Send("WHOWAS bob", "ISON bob", "WHO bob %na")
						lines := strings.Join(synced(ada), "\n")
						if known := name == "all" || shares; told != known {
							t.Errorf("shares a channel: %v, WHOIS found: %v", shares, told)
						} else if isOn := regexp.MustCompile(` 303 \S+ :bob`).MatchString(lines); isOn != known {
							t.Errorf("shares a channel: %v, ISON: %q", shares, lines)
						}
						bob.Close()
						synctest.Wait()
						ada.Send("WHOWAS bob")
						was := strings.Contains(strings.Join(synced(ada), "\n"), " 314 ")
						if known := name == "all" || shares; was != known {
							t.Errorf("shares a channel: %v, WHOWAS found: %v", shares, was)
						}
					})
				})
			}
		}
	}
}

// A message is by whom its reader may know: by the nick that others in the channel see
// where the author is in it, by a pseudonym where the name may not be read. Whether the
// author is connected elsewhere makes no difference.
func TestAuthorOfUnreadableName(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		other := messages("others")
		other.Name = "#others"
		c := newChat(t, func(o *bridge.Options) { o.Private = &privateMessages }, messages("messages"), other)
		c.fake.AddCollection("others", directustest.FakeCollection{Fields: []string{"text", "nonce"}})
		c.fake.AddCollection("private_messages", directustest.FakeCollection{
			Fields: []string{"text", "recipient", "nonce"}, Relations: map[string]string{"recipient": "directus_users"},
		})
		id := c.person("bob")
		ada := c.person("ada")
		c.fake.Restrict(ada, "directus_users", map[string]any{"id": map[string]any{"_eq": ada}})
		a := c.visit("ada", "#messages")
		if err := a.session.Start(t.Context(), ircd.JoinOptions{}); err != nil {
			t.Fatal(err)
		}
		a.news()
		say := func(want string) {
			t.Helper()
			c.fake.Insert("messages", id, map[string]any{"text": "for @" + id})
			same(t, a.later(time.Second), want)
			c.fake.Insert("private_messages", id, map[string]any{"text": "psst", "recipient": ada})
			same(t, a.later(time.Second), strings.Replace(strings.Fields(want)[0]+" says in : psst", "in :", "in :", 1))
		}
		pseudonym := "user-" + strings.ReplaceAll(id, "-", "")[:6]
		say(pseudonym + " says in #messages: for @" + pseudonym)
		bob := c.visit("bob", "#others")
		say(pseudonym + " says in #messages: for @" + pseudonym)
		if u, err := a.session.Lookup(t.Context(), "bob"); u != nil || err != nil {
			t.Errorf("found %v, %v", u, err)
		}
		if u, err := a.session.Lookup(t.Context(), pseudonym); u == nil || u.Realname != pseudonym || err != nil || a.session.Knows(id) == ircd.Known {
			t.Errorf("found %v, %v", u, err)
		}
		if _, err := bob.session.Join(t.Context(), "#messages", ircd.JoinOptions{}); err != nil {
			t.Fatal(err)
		}
		say("bob says in #messages: for @bob")
		if u, err := a.session.Lookup(t.Context(), "bob"); u == nil || err != nil || a.session.Knows(id) != ircd.Known {
			t.Errorf("found %v, %v", u, err)
		}
		if err := bob.session.Part(t.Context(), "#messages"); err != nil {
			t.Fatal(err)
		}
		say(pseudonym + " says in #messages: for @" + pseudonym)
	})
}
