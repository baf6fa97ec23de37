package bridge_test

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/bridge/collection"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

var privateMessages = collection.Private{
	Collection: "private_messages", Backlog: 10,
	Fields: collection.Fields{Text: "text", Author: "user_created", Recipient: "recipient", Date: "date_created", Nonce: "nonce"},
}

func privateStack(t *testing.T) (*directustest.Fake, *bridge.Backend) {
	t.Helper()
	fake, b := fakeBackend(t, func(o *bridge.Options) { o.Private = &privateMessages })
	addPrivate(fake)
	return fake, b
}

func addPrivate(fake *directustest.Fake) {
	fake.AddCollection("private_messages", directustest.FakeCollection{
		Fields: []string{"text", "recipient", "nonce"}, Unique: []string{"nonce"},
		Relations: map[string]string{"recipient": "directus_users"},
	})
}

// begin starts a session and shows what it has to tell at once.
func begin(t *testing.T, s fullSession, backlog bool) []*ircd.Backlog {
	t.Helper()
	if err := s.Start(t.Context(), ircd.JoinOptions{Backlog: backlog}); err != nil {
		t.Fatal(err)
	}
	return polled[*ircd.Backlog](t, s)
}

// said lists messages as "from>to text".
func said(messages []*ircd.Message) []string {
	list := []string{}
	for _, m := range messages {
		list = append(list, m.From.Nick+">"+m.To.Nick+m.Target+" "+m.Text)
	}
	return list
}

// A private message is seen by its sender's other connections and its recipient,
// and by nobody else, whatever Directus would let them read.
func TestPrivateMessage(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, b := privateStack(t)
		ids := map[string]string{}
		var sessions []fullSession
		for _, name := range []string{"ada", "bob", "eve"} {
			ids[name] = fake.AddUser(directustest.FakeUser{Email: name + "@example.com", Password: name, FirstName: name})
			s := login(t, b, name)
			begin(t, s, true)
			sessions = append(sessions, s)
		}
		ada2 := login(t, b, "ada")
		begin(t, ada2, true)
		ada, bob, eve := sessions[0], sessions[1], sessions[2]
		m, err := ada.Send(t.Context(), ircd.Outgoing{Target: "Bob", Text: "psst"})
		if err != nil || m.Target != "" || m.To.Nick != "bob" || m.From.Nick != "ada" || m.ID == "" {
			t.Fatalf("sent %+v, %v", m, err)
		}
		fake.Insert("private_messages", ids["bob"], map[string]any{"text": "from the web", "recipient": ids["ada"]})
		for s, want := range map[fullSession][]string{
			ada:  {"bob>ada from the web"},
			ada2: {"ada>bob psst", "bob>ada from the web"},
			bob:  {"ada>bob psst", "bob>ada from the web"},
			eve:  {},
		} {
			if got := said(polled[*ircd.Message](t, s)); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		if items := fake.Items("private_messages"); items[0]["recipient"] != ids["bob"] || items[0]["user_created"] != ids["ada"] {
			t.Errorf("stored %v", items[0])
		}
		// To oneself, once.
		if _, err := ada.Send(t.Context(), ircd.Outgoing{Target: "ada", Text: "note"}); err != nil {
			t.Error(err)
		}
		if got := said(polled[*ircd.Message](t, ada)); len(got) != 0 {
			t.Errorf("shown again: %q", got)
		}
		if got := said(polled[*ircd.Message](t, ada2)); !slices.Equal(got, []string{"ada>ada note"}) {
			t.Errorf("got %q", got)
		}
		for _, s := range append(sessions, ada2) {
			closeSession(t, s)
		}
	})
}

// A row that is somebody else's is dropped even if Directus sends it.
func TestForeignPrivateMessage(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, b := privateStack(t)
		bob := fake.AddUser(directustest.FakeUser{Email: "bob@example.com", Password: "bob", FirstName: "bob"})
		eve := fake.AddUser(directustest.FakeUser{Email: "eve@example.com", Password: "eve", FirstName: "eve"})
		fake.Insert("private_messages", bob, map[string]any{"text": "old secret", "recipient": bob})
		var uid atomic.Value
		fake.OnFrame(func(f directustest.FakeFrame) directustest.FrameVerdict {
			if f.Type == "subscribe" {
				uid.CompareAndSwap(nil, f.UID) // of the kind create
			}
			return directustest.FrameVerdict{}
		})
		s := login(t, b, "eve")
		if got := begin(t, s, true); len(got) != 0 {
			t.Errorf("backlog of others: %v", got[0])
		}
		fake.Insert("private_messages", bob, map[string]any{"text": "secret", "recipient": bob})
		fake.Send(eve, map[string]any{"type": "subscription", "event": "create", "uid": uid.Load(), "data": []any{
			map[string]any{"id": 77, "text": "secret", "user_created": bob, "recipient": bob, "date_created": "2000-01-01T00:00:00.000Z"},
		}})
		if got := polled[*ircd.Message](t, s); len(got) != 0 {
			t.Errorf("shown %q", said(got))
		}
		closeSession(t, s)
	})
}

// The backlog is sorted by conversation and shows nothing twice, whatever comes
// meanwhile.
func TestPrivateBacklog(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, b := privateStack(t)
		ids := map[string]string{}
		for _, name := range []string{"ada", "bob", "eve"} {
			ids[name] = fake.AddUser(directustest.FakeUser{Email: name + "@example.com", Password: name, FirstName: name})
		}
		for i, c := range []struct{ from, to, text string }{
			{"bob", "ada", "one"}, {"eve", "ada", "two"}, {"bob", "ada", "three"}, {"bob", "eve", "not ada's"},
		} {
			fake.Insert("private_messages", ids[c.from], map[string]any{
				"text": c.text, "recipient": ids[c.to],
				"date_created": time.Now().Add(time.Duration(i-60) * time.Minute).UTC().Format("2006-01-02T15:04:05.000Z"),
			})
		}
		s := login(t, b, "ada")
		fake.HoldEvents()
		got := begin(t, s, true)
		if len(got) != 2 || got[0].Channel != "bob" || got[1].Channel != "eve" ||
			!slices.Equal(said(got[0].Messages), []string{"bob>ada one", "bob>ada three"}) || !slices.Equal(said(got[1].Messages), []string{"eve>ada two"}) {
			t.Errorf("backlog %+v", got)
		}
		fake.Insert("private_messages", ids["bob"], map[string]any{"text": "live", "recipient": ids["ada"]})
		fake.ReleaseEvents(false)
		time.Sleep(time.Second) // the message that is not ada's is missing in front of it
		if live := said(polled[*ircd.Message](t, s)); !slices.Equal(live, []string{"bob>ada live"}) {
			t.Errorf("live %q", live)
		}
		closeSession(t, s)
	})
}

// What cannot be sent says why, under the nick.
func TestPrivateRefusals(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, b := privateStack(t)
		ada := fake.AddUser(directustest.FakeUser{Email: "ada@example.com", Password: "ada", FirstName: "ada"})
		addFake(fake, "bob")
		s := login(t, b, "ada")
		refused := func(target, numeric string) {
			t.Helper()
			var e *ircd.Error
			if _, err := s.Send(t.Context(), ircd.Outgoing{Target: target, Text: "x"}); !errors.As(err, &e) || e.Numeric != numeric || e.Params[0] != target {
				t.Errorf("%s: %v", target, err)
			}
		}
		refused("bob", "404") // not started
		begin(t, s, false)
		refused("nobody-here", "401")
		refused("#elsewhere", "403")
		fake.Deny(ada, "private_messages", "create")
		refused("bob", "404")
		for _, name := range []string{"eve", "walt"} {
			addFake(fake, name)
		}
		time.Sleep(time.Minute) // until it is not known any more who there is
		fake.OnREST(func(r directustest.RESTRequest) (v directustest.RESTVerdict) {
			if r.Path == "/users" {
				v = directustest.RESTVerdict{Status: 503, Code: "SERVICE_UNAVAILABLE"}
			}
			return v
		})
		refused("eve", "404") // who is that?
		fake.OnREST(nil)
		for i := range 60 {
			_, _ = s.Lookup(t.Context(), fmt.Sprint("nobody", i))
		}
		refused("walt", "404") // asked for too many
		closeSession(t, s)
	})
}
