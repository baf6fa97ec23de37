package bridge_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/bridge/collection"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

func topicStack(t *testing.T) (*directustest.Fake, *bridge.Backend, string) {
	t.Helper()
	c := messages("messages")
	c.Topic = "configured"
	c.TopicItem = &collection.TopicItem{Collection: "rooms", ID: "1", Field: "description"}
	fake, b := fakeBackend(t, nil, c)
	fake.AddCollection("rooms", directustest.FakeCollection{Fields: []string{"description"}})
	return fake, b, fake.Insert("rooms", "", map[string]any{"description": "stored"})
}

func joinTopic(t *testing.T, s fullSession) string {
	t.Helper()
	ch, err := s.Join(t.Context(), "#messages", ircd.JoinOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return ch.Topic
}

// A topic that is stored in Directus is shown on joining, changed from IRC under
// the user's own rights, and told to everybody once.
func TestStoredTopic(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, b, id := topicStack(t)
		adaID := addFake(fake, "ada")
		addFake(fake, "bob")
		ada, ada2, bob := login(t, b, "ada"), login(t, b, "ada"), login(t, b, "bob")
		for _, s := range []fullSession{ada, ada2, bob} {
			if got := joinTopic(t, s); got != "stored" {
				t.Errorf("topic %q", got)
			}
			polled[*ircd.Topic](t, s)
		}
		set, err := ada.SetTopic(t.Context(), "#messages", "from IRC")
		if err != nil || set.Text != "from IRC" || set.By.Nick != "ada" {
			t.Errorf("set: %+v, %v", set, err)
		}
		if got := polled[*ircd.Topic](t, ada); len(got) != 0 {
			t.Errorf("who set it is told %v", got[0])
		}
		if got := polled[*ircd.Topic](t, ada2); len(got) != 1 || got[0].Text != "from IRC" || got[0].By.Nick != "ada" {
			t.Errorf("the other connection is told %v", got)
		}
		if got := polled[*ircd.Topic](t, bob); len(got) != 1 || got[0].Text != "from IRC" || got[0].By.Nick != "ada" || !got[0].Time.Equal(set.Time) {
			t.Errorf("bob is told %+v", got)
		}
		fake.Update("rooms", id, map[string]any{"description": "from the web"})
		for _, s := range []fullSession{ada, ada2, bob} {
			if got := polled[*ircd.Topic](t, s); len(got) != 1 || got[0].Text != "from the web" || got[0].By.Nick != "" {
				t.Errorf("told %v", got)
			}
		}
		time.Sleep(2 * time.Minute)
		fake.Update("rooms", id, map[string]any{"description": "from IRC"}) // but it is not
		if got := polled[*ircd.Topic](t, bob); len(got) != 1 || got[0].By.Nick != "" {
			t.Errorf("the old topic, from the web: %+v", got)
		}
		fake.Deny(adaID, "rooms", "update")
		if _, err := ada.SetTopic(t.Context(), "#messages", "refused"); err == nil {
			t.Error("set without the right to")
		}
		for _, text := range []string{"refused", "from the web"} {
			fake.Update("rooms", id, map[string]any{"description": text})
			if got := polled[*ircd.Topic](t, bob); len(got) != 1 || got[0].Text != text || got[0].By.Nick != "" {
				t.Errorf("told %+v", got)
			}
		}
		if list := listed(t, bob); list[0].Topic != "from the web" {
			t.Errorf("LIST: %v", list)
		}
		for _, s := range []fullSession{ada, ada2, bob} {
			closeSession(t, s)
		}
	})
}

// Each user has a copy of the topic in memory. Whoever may change it can make it very long in
// Directus, so only its beginning is kept.
func TestLongTopic(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, b, id := topicStack(t)
		addFake(fake, "ada")
		s := login(t, b, "ada")
		short := func(what, text string) {
			t.Helper()
			if len(text) < 400 || len(text) > 4<<10 || strings.Trim(text, "x") != "" {
				t.Errorf("%s: %d bytes are kept of the topic", what, len(text))
			}
		}
		fake.Update("rooms", id, map[string]any{"description": strings.Repeat("x", 200<<10)})
		short("JOIN", joinTopic(t, s))
		short("LIST", listed(t, s)[0].Topic)
		fake.Update("rooms", id, map[string]any{"description": "short"})
		polled[*ircd.Topic](t, s)
		fake.Update("rooms", id, map[string]any{"description": strings.Repeat("x", 100<<10)})
		got := polled[*ircd.Topic](t, s)
		if len(got) != 1 {
			t.Fatalf("told %d times", len(got))
		}
		short("told", got[0].Text)
		closeSession(t, s)
	})
}

// Without the right to read it the configured topic is shown; without the right
// to change it, the reason.
func TestTopicRights(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, b, _ := topicStack(t)
		id := fake.AddUser(directustest.FakeUser{Email: "ada@example.com", Password: "ada", FirstName: "ada"})
		fake.Deny(id, "rooms", "read")
		fake.Deny(id, "rooms", "update")
		s := login(t, b, "ada")
		if got := joinTopic(t, s); got != "configured" {
			t.Errorf("topic %q", got)
		}
		var e *ircd.Error
		if _, err := s.SetTopic(t.Context(), "#messages", "x"); !errors.As(err, &e) || e.Numeric != "482" {
			t.Errorf("set: %v", err)
		}
		closeSession(t, s)
	})
}

// When the right to read the topic is taken away, clients have the configured one, and when it is
// given back, the stored one as it is then.
func TestTopicRevoked(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, b, item := topicStack(t)
		id := addFake(fake, "ada")
		s := login(t, b, "ada")
		if got := joinTopic(t, s); got != "stored" {
			t.Errorf("topic %q", got)
		}
		told := func(want string) {
			t.Helper()
			time.Sleep(10 * time.Minute)
			got := polled[*ircd.Topic](t, s)
			if len(got) == 0 || got[len(got)-1].Text != want {
				t.Errorf("told %v, not %q", got, want)
			}
		}
		fake.Deny(id, "rooms", "read")
		told("configured")
		fake.Update("rooms", item, map[string]any{"description": "changed meanwhile"})
		if got := polled[*ircd.Topic](t, s); len(got) != 0 {
			t.Errorf("told %q without the right", got[0].Text)
		}
		fake.Allow(id, "rooms", "read")
		told("changed meanwhile")
		closeSession(t, s)
	})
}

// The answer to a change of the topic is lost, or does not come.
func TestTopicInDoubt(t *testing.T) {
	for name, test := range map[string]struct {
		verdict directustest.RESTVerdict
		want    string // what the user is told; empty: the topic is set
	}{
		"answer lost":   {directustest.RESTVerdict{Lose: true}, ""},
		"never arrived": {directustest.RESTVerdict{Hang: true}, "263 Directus did not answer: perhaps changed. Look before you try again"},
		"by a proxy":    {directustest.RESTVerdict{Status: 504}, "263 Directus did not answer: perhaps changed. Look before you try again"},
		"unavailable":   {directustest.RESTVerdict{Status: 503, Code: "SERVICE_UNAVAILABLE"}, "263 Directus is unreachable at the moment. Try again when it is back"},
		"failed":        {directustest.RESTVerdict{Status: 500, Code: "INTERNAL_SERVER_ERROR"}, "482 The topic is not changed: Directus failed at it, which a Flow or a rule of the database may be the cause of. Its log names the reason"},
	} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				fake, b, _ := topicStack(t)
				addFake(fake, "ada")
				ada, ada2 := login(t, b, "ada"), login(t, b, "ada")
				for _, s := range []fullSession{ada, ada2} {
					joinTopic(t, s)
					polled[*ircd.Topic](t, s)
				}
				fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
					if r.Method == "PATCH" {
						return test.verdict
					}
					return directustest.RESTVerdict{}
				})
				set, err := ada.SetTopic(t.Context(), "#messages", "from IRC")
				told := ""
				if e, ok := errors.AsType[*ircd.Error](err); ok {
					told = e.Numeric + " " + e.Text
				}
				if told != test.want || (err == nil) != (test.want == "") {
					t.Errorf("told %q, %v", told, err)
				}
				if err == nil && (set.Text != "from IRC" || set.By.Nick != "ada" || fake.Items("rooms")[0]["description"] != "from IRC") {
					t.Errorf("set %+v", set)
				}
				if got := polled[*ircd.Topic](t, ada2); len(got) != 1 == (err == nil) {
					t.Errorf("the other connection is told %v", got)
				}
				closeSession(t, ada)
				closeSession(t, ada2)
			})
		})
	}
}

// Another name in Directus becomes another real name; the nick stays.
func TestProfile(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, b := fakeBackend(t, nil)
		id := fake.AddUser(directustest.FakeUser{Email: "ada@example.com", Password: "ada", FirstName: "ada"})
		s := login(t, b, "ada")
		fake.EditUser(id, func(u *directustest.FakeUser) { u.LastName = "Lovelace" })
		time.Sleep(time.Hour)
		if got := polled[*ircd.Profile](t, s); len(got) != 1 || got[0].Realname != "ada Lovelace" {
			t.Errorf("told %v", got)
		}
		if u := s.User(); u.Nick != "ada" || u.Realname != "ada Lovelace" {
			t.Errorf("now %+v", u)
		}
		closeSession(t, s)
	})
}

// A nick that nobody has is not asked for again and again.
func TestUnknownNickIsRemembered(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, b := fakeBackend(t, nil)
		addFake(fake, "ada")
		s := login(t, b, "ada")
		if u, err := s.Lookup(t.Context(), "nobody-here"); u != nil || err != nil {
			t.Errorf("%v, %v", u, err)
		}
		asked := fake.Count("SEARCH /users")
		for range 20 {
			if _, err := s.Lookup(t.Context(), "Nobody-Here"); err != nil {
				t.Error(err)
			}
		}
		if n := fake.Count("SEARCH /users") - asked; n != 0 {
			t.Errorf("asked %d times more", n)
		}
		closeSession(t, s)
	})
}

// Two channels may have one topic: both are told.
func TestSharedTopic(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		shared := func(c *collection.Config) {
			c.TopicItem = &collection.TopicItem{Collection: "topics", ID: "1", Field: "text"}
		}
		c := newChat(t, nil, room("dev", shared), room("ops", shared))
		addRooms(c.fake)
		c.fake.AddCollection("topics", directustest.FakeCollection{Fields: []string{"text"}})
		c.fake.Insert("topics", c.person("bob"), map[string]any{"text": "old"})
		a := c.visit("ada", "#dev", "#ops")
		a.later(time.Second)
		c.fake.Update("topics", "1", map[string]any{"text": "new"})
		got := a.later(time.Second)
		slices.Sort(got)
		same(t, got, "&{Channel:#dev Text:new *", "&{Channel:#ops Text:new *")
		if _, err := a.session.SetTopic(t.Context(), "#dev", "newer"); err != nil {
			t.Fatal(err)
		}
		same(t, a.later(time.Second), "&{Channel:#ops Text:newer *")
	})
}
