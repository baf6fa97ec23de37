package bridge_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

const (
	exiled   = "&{Channel:#* Reason:*does not allow you to read this channel any more*"
	recalled = "*allows you to read this channel again*"
)

// returns are the news after a while in which the session asks for the visitor to join
// a channel again, and behind that what it is shown there.
func (v *visitor) returns(d time.Duration) []string {
	v.t.Helper()
	got := v.later(d)
	if len(got) != 1 || !ircdtest.Match("&{Channel:#*}", got[0]) {
		v.t.Fatalf("the session has not asked to join: %q", got)
	}
	return v.joins(got[0])
}

// joins joins a channel as an Admission says and tells what the visitor is shown.
func (v *visitor) joins(admission string) []string {
	v.t.Helper()
	channel := strings.TrimSuffix(strings.TrimPrefix(admission, "&{Channel:"), "}")
	answer, err := v.session.Join(v.t.Context(), channel, ircd.JoinOptions{Backlog: true})
	if err != nil {
		v.t.Fatal(err)
	}
	lines := []string{answer.Notice}
	for _, m := range answer.Backlog {
		lines = append(lines, describe(m))
	}
	return append(lines, v.news()...)
}

// Five minutes is what directus-ircd-security(7) promises: of a suspension, and of a lost right
// in a channel where nobody says anything.
func TestRevokedInTime(t *testing.T) {
	for _, version := range []string{"12.4.0", "10.13.4"} {
		t.Run(version, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				c := newChatAt(t, directustest.FakeOptions{Version: version}, nil)
				a, b := c.visit("ada", "#messages"), c.visit("bob", "#messages")
				for range 3 { // whatever the moment
					time.Sleep(97 * time.Second)
					c.fake.Deny(a.id, "messages", "read")
					same(t, a.later(5*time.Minute), exiled)
					c.fake.Allow(a.id, "messages", "read")
					same(t, a.returns(5*time.Minute), recalled)
				}
				c.fake.Suspend(b.id)
				time.Sleep(5 * time.Minute)
				synctest.Wait()
				if _, err := b.session.Poll(t.Context()); err == nil {
					t.Error("a suspended user goes on")
				}
			})
		})
	}
}

// An outage of REST says nothing about anybody: sessions go on, and what was lost
// meanwhile is found soon after it.
func TestCheckInOutage(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		a := c.visit("ada", "#messages")
		c.fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
			if r.Path == "/auth/refresh" {
				return directustest.RESTVerdict{Status: 503, Code: "SERVICE_UNAVAILABLE"}
			}
			return directustest.RESTVerdict{}
		})
		same(t, a.later(8*time.Minute), "*cannot say at the moment whether you may read this*")
		c.fake.Suspend(a.id)
		c.fake.OnREST(nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		if _, err := a.session.Poll(t.Context()); err == nil {
			t.Error("a suspended user goes on")
		}
	})
}

// The loss of private messages has no window of its own, and is told all the same.
func TestRevokedPrivate(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, func(o *bridge.Options) { o.Private = &privateMessages })
		c.fake.AddCollection("private_messages", directustest.FakeCollection{
			Fields: []string{"text", "recipient", "nonce"}, Relations: map[string]string{"recipient": "directus_users"},
		})
		a := c.visit("ada")
		if err := a.session.Start(t.Context(), ircd.JoinOptions{}); err != nil {
			t.Fatal(err)
		}
		a.news()
		bob := c.person("bob")
		c.fake.Deny(a.id, "private_messages", "read")
		c.fake.Insert("private_messages", bob, map[string]any{"text": "secret", "recipient": a.id})
		same(t, a.later(10*time.Second), "*does not allow you to read private messages any more*")
		c.fake.Allow(a.id, "private_messages", "read")
		same(t, a.later(5*time.Minute), "*allows you to read private messages again*", "bob says in *: secret")
	})
}

// What a user may not read costs Directus next to nothing, for as long as that is so: neither time nor what others write
// makes the daemon ask again and again, nor read anew what the user may read. A right that comes back counts at once
// where it had been lost.
func TestForbiddenIsLeftAlone(t *testing.T) {
	for _, version := range []string{"12.4.0", "11.17.4", "10.13.4"} {
		t.Run(version, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				ch := messages("messages")
				lost := messages("lost")
				lost.Name = "#lost"
				c := newChatAt(t, directustest.FakeOptions{Version: version}, func(o *bridge.Options) { o.Private = &privateMessages }, ch, lost)
				c.fake.AddCollection("lost", directustest.FakeCollection{Fields: []string{"text", "nonce"}})
				c.fake.AddCollection("private_messages", directustest.FakeCollection{
					Fields: []string{"text", "recipient", "nonce"}, Relations: map[string]string{"recipient": "directus_users"},
				})
				bob, eve := c.person("bob"), c.person("eve")
				c.fake.Deny(c.person("ada"), "private_messages", "read")
				a := c.visit("ada", "#messages", "#lost")
				if err := a.session.Start(t.Context(), ircd.JoinOptions{}); err != nil {
					t.Fatal(err)
				}
				c.fake.Deny(a.id, "lost", "read")
				c.fake.Insert("lost", bob, map[string]any{"text": "secret"})
				same(t, a.later(10*time.Minute), exiled)

				collections := []string{"messages", "lost", "private_messages"}
				before, counted := map[string]int{}, time.Now()
				count := func(when string, most int) {
					t.Helper()
					for _, collection := range collections {
						n, most := c.fake.Count("SEARCH /items/"+collection), most
						if collection == "messages" {
							most += int(time.Since(counted).Minutes()+1) * probesInAMinute
						}
						if n -= before[collection]; n > most {
							t.Errorf("%s: %d readings of %s, want at most %d", when, n, collection, most)
						}
						before[collection] += n
					}
					counted = time.Now()
				}
				count("at first", 1000)
				time.Sleep(time.Hour)
				count("in an hour", 40)
				for range 300 {
					c.fake.Insert("private_messages", bob, map[string]any{"text": "secret", "recipient": eve})
					time.Sleep(time.Second)
					if version == "12.4.0" { // those before do not say what they refuse
						c.fake.Insert("lost", bob, map[string]any{"text": "secret"})
					}
				}
				count("while others write", 6)
				same(t, a.news())

				c.fake.Allow(a.id, "lost", "read")
				c.fake.Insert("lost", bob, map[string]any{"text": "said"})
				got := a.returns(2 * time.Second)
				if len(got) < 2 || !ircdtest.Match(recalled, got[0]) {
					t.Errorf("got %q", got)
				}
				c.fake.Allow(a.id, "private_messages", "read")
				time.Sleep(5 * time.Minute)
				a.news()
				c.fake.Insert("private_messages", bob, map[string]any{"text": "for you", "recipient": a.id})
				same(t, a.later(time.Second), "bob says in *: for you")
			})
		})
	}
}

// returnsWithin is returns with many looks at the session.
func (v *visitor) returnsWithin(d time.Duration) []string {
	v.t.Helper()
	for range 50 {
		if got := v.later(d / 50); len(got) > 0 {
			return v.joins(got[0])
		}
	}
	v.t.Fatal("the session has not asked to join")
	return nil
}
