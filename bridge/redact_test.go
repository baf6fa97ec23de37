package bridge_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// send says something and returns its msgid.
func (v *visitor) send(channel, text string) (msgid string) {
	v.t.Helper()
	m, err := v.session.Send(v.t.Context(), ircd.Outgoing{Target: channel, Text: text})
	if err != nil {
		v.t.Fatal(err)
	}
	return m.ID
}

// redact tries to delete a message; want is the code of the error, empty: none.
func (v *visitor) redact(channel, msgid, want string) *ircd.Error {
	v.t.Helper()
	got, err := v.session.Redact(v.t.Context(), channel, msgid, "because")
	var refusal *ircd.Error
	switch {
	case err == nil && want == "":
		if got.MsgID != msgid || got.Reason != "because" || got.By.Nick != v.session.User().Nick || got.Target != channel {
			v.t.Errorf("redaction %+v", got)
		}
	case !errors.As(err, &refusal) || refusal.Code != want:
		v.t.Errorf("REDACT %s %s: got %v, want %q", channel, msgid, err, want)
	}
	return refusal
}

// Only the author and administrators delete, whatever Directus would allow, and
// everybody else is told once.
func TestRedact(t *testing.T) {
	for _, version := range []string{"12.4.0", "10.13.4"} {
		for name, soft := range map[string]*collection.SoftDelete{"gone": nil, "marked": {Field: "status", Values: []string{"archived"}}} {
			t.Run(version+"/"+name, func(t *testing.T) {
				ircdtest.Bubble(t, func(t *testing.T) { testRedact(t, version, soft) })
			})
		}
	}
}

func testRedact(t *testing.T, version string, soft *collection.SoftDelete) {
	change := func(c *collection.Config) { c.SoftDelete = soft }
	c := newChatAt(t, directustest.FakeOptions{Version: version}, nil, room("dev", change), room("ops", change))
	addRooms(c.fake)
	bob := c.person("bob")
	c.people["root"] = c.fake.AddUser(directustest.FakeUser{Email: "root@example.com", Password: "root", FirstName: "root", Admin: true})
	elsewhere := c.fake.Insert("rooms", bob, map[string]any{"text": "not in a channel", "room": "nowhere"})
	a, b, b2, root := c.visit("ada", "#dev"), c.visit("bob", "#dev", "#ops"), c.visit("bob", "#dev"), c.visit("root", "#dev")
	all := []*visitor{a, b, b2, root}
	quiet := func(want ...string) {
		t.Helper()
		for _, v := range all {
			same(t, v.news(), want...)
		}
	}
	id := b.send("#dev", "hello")
	for _, v := range []*visitor{a, b2, root} {
		same(t, v.later(time.Second), "bob says in #dev: hello")
	}
	a.redact("#dev", id, "REDACT_FORBIDDEN")
	b.redact("#ops", id, "INVALID_TARGET")
	b.redact("#dev", elsewhere+".0", "UNKNOWN_MSGID")
	b.redact("#dev", "999."+strings.Split(id, ".")[1], "UNKNOWN_MSGID")
	b.redact("#dev", strings.Split(id, ".")[0]+".0", "UNKNOWN_MSGID")
	b.redact("#dev", "nonsense", "UNKNOWN_MSGID")
	b.redact("#nowhere", id, "NO_SUCH_CHANNEL")
	c.fake.Restrict(c.people["ada"], "rooms", map[string]any{"text": map[string]any{"_neq": "hello"}})
	a.redact("#dev", id, "UNKNOWN_MSGID") // not to be told from none
	c.fake.Allow(c.people["ada"], "rooms", "read")
	for _, action := range []string{"delete", "update"} {
		c.fake.Deny(bob, "rooms", action)
	}
	b.redact("#dev", id, "REDACT_FORBIDDEN")
	for _, action := range []string{"delete", "update"} {
		c.fake.Allow(bob, "rooms", action)
	}
	quiet()
	b.redact("#dev", id, "")
	same(t, b.later(time.Hour))
	for _, v := range []*visitor{a, b2, root} {
		same(t, v.news(), "bob deletes "+id+" in #dev: hello")
	}
	b.redact("#dev", id, "UNKNOWN_MSGID")

	id = a.send("#dev", "from ada")
	for _, v := range all {
		v.news()
	}
	root.redact("#dev", id, "")
	same(t, a.later(time.Minute), "* deletes "+id+" in #dev: from ada") // who did it is known in a shared feed only
	same(t, root.news())
	if items := c.fake.Items("rooms"); soft == nil && len(items) != 1 || soft != nil && (len(items) != 3 || items[2]["status"] != "archived") {
		t.Errorf("stored %v", items)
	}
}

// The answer to a deletion is lost, or does not come.
func TestRedactInDoubt(t *testing.T) {
	for name, test := range map[string]struct {
		verdict directustest.RESTVerdict
		want    string
		text    string
	}{
		"answer lost":   {directustest.RESTVerdict{Lose: true}, "", ""},
		"never arrived": {directustest.RESTVerdict{Hang: true}, "TEMPORARILY_UNAVAILABLE", "perhaps deleted"},
		"on its way":    {directustest.RESTVerdict{Drop: true}, "TEMPORARILY_UNAVAILABLE", "perhaps deleted"},
		"by a proxy":    {directustest.RESTVerdict{Status: 504}, "TEMPORARILY_UNAVAILABLE", "perhaps deleted"},
		"failed":        {directustest.RESTVerdict{Status: 500, Code: "INTERNAL_SERVER_ERROR"}, "REDACT_FORBIDDEN", "Directus failed at it"},
	} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				c := newChat(t, nil)
				a, other := c.visit("ada", "#messages"), c.visit("ada", "#messages")
				id := a.send("#messages", "hello")
				other.news()
				c.fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
					if r.Method == "DELETE" {
						return test.verdict
					}
					return directustest.RESTVerdict{}
				})
				begin := time.Now()
				refusal := a.redact("#messages", id, test.want)
				if took := time.Since(begin); took > 12*time.Second {
					t.Errorf("took %v", took)
				}
				if refusal != nil && !strings.Contains(refusal.Text, test.text) {
					t.Errorf("told %q", refusal.Text)
				}
				same(t, a.later(time.Minute))
				if refusal == nil {
					same(t, other.news(), "ada deletes "+id+"*: hello")
				} else {
					same(t, other.news())
				}
			})
		})
	}
}

// A message that was edited is deleted under any of its msgids, with all that was
// shown of it; and one that is too old to be remembered.
func TestRedactVersions(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		ada := c.person("ada")
		old := c.fake.Insert("messages", ada, map[string]any{"text": "old"})
		b := c.visit("bob", "#messages")
		c.people["ada"] = ada
		a, other := c.visit("ada", "#messages"), c.visit("ada", "#messages")
		id := a.send("#messages", "hello")
		row, _, _ := strings.Cut(id, ".")
		c.fake.Update("messages", row, map[string]any{"text": "hello there"})
		time.Sleep(time.Minute)
		events, _ := a.poll()
		version := events[0].(*ircd.Message)
		if version.Edits != id {
			t.Fatalf("%+v", version)
		}
		other.news()
		b.news()
		a.redact("#messages", version.ID, "")
		same(t, a.news(), "ada deletes "+id+" in #messages: hello there")
		same(t, other.news(), "ada deletes "+id+" in #messages: hello there", "ada deletes "+version.ID+" in #messages: ")
		same(t, b.news(), "ada deletes "+id+" in #messages: hello there", "ada deletes "+id+".e* in #messages: ")

		for range 300 { // more than are remembered
			c.fake.Insert("messages", ada, map[string]any{"text": "x"})
		}
		oldID := a.backlog[0].ID
		if !strings.HasPrefix(oldID, old+".") {
			t.Fatalf("backlog %v", a.backlog[0])
		}
		for _, v := range []*visitor{a, other, b} {
			v.news()
		}
		a.redact("#messages", oldID, "")
		same(t, a.news())
		same(t, other.news(), "ada deletes "+oldID+" in #messages: old")
		same(t, b.news(), "ada deletes "+oldID+" in #messages: old") // out of the same feed
	})
}
