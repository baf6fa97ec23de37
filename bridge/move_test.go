package bridge

import (
	"testing"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/feed"
	"directus-ircd/bridge/people"
	"directus-ircd/bridge/rights"
	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
)

// stillMember is a member whose link never comes up.
func stillMember(t testing.TB) *member {
	account := directustest.NewFake(t, directustest.FakeOptions{}).LogIn(directustest.FakeUser{Email: "ada@example.com", Password: "ada"})
	may := rights.NewCache(account, &rights.Shared{})
	return &member{
		account: account, rt: account.Realtime(directus.RealtimeOptions{}), names: (&people.Community{}).NewDirectory(account, may, people.Options{}), rights: may,
		sessions: map[*session]struct{}{}, recheck: time.Hour, checked: time.Now(), feeds: feed.NewSet(),
	}
}

// stillFeed has read its collection, and brings what it is given.
func stillFeed(m *member, key feed.Key) *feed.Feed {
	if key.Group == nil {
		key.Group = &collection.Group{Dates: &collection.Dates{}}
	}
	f := feed.New(key, m, time.Now())
	f.SetState(true, nil)
	f.Current(time.Now())
	return f
}

// moving is a session in a channel that is about to go from one feed to another,
// both of which have read their collection.
func moving(t *testing.T, from, to feed.Key) (s *session, j *joined, old, next *feed.Feed) {
	c := &collection.Channel{Config: collection.Config{Name: "#messages"}}
	m := stillMember(t)
	old, next = stillFeed(m, from), stillFeed(m, to)
	s = newSession(&Backend{}, people.Person{}, device{})
	s.member, s.plan, s.nextLook = m, &plan{}, time.Now().Add(time.Hour)
	s.backend.plan.Store(s.plan)
	view := func(f *feed.Feed) *view {
		v := &view{feed: f, reader: f.Attach(m, s.wakeFor), uses: 1, sent: map[sentItem]time.Time{}, changes: map[string]struct{}{}}
		s.views = append(s.views, v)
		return v
	}
	j = &joined{Channel: c, view: view(old)}
	j.move = &move{channel: c, view: view(next), asked: time.Now().Add(-time.Minute), changes: map[string]struct{}{}}
	j.move.view.held = true
	s.setJoined(c.Key(), j)
	return s, j, old, next
}

// What an old feed brings in the moment of the move, the new one does not bring again,
// whether the client was shown it or has sent it itself.
func TestNewsInTheMomentOfAMove(t *testing.T) {
	s, j, old, next := moving(t, feed.Key{}, feed.Key{})
	said := func(id, text string) feed.Entry {
		return feed.Entry{Row: collection.Row{ID: id}, Channel: j.Channel, Event: &ircd.Message{ID: id, Target: "#messages", Text: text}}
	}
	edited := func(id, msgid, text string) feed.Entry {
		return feed.Entry{Row: collection.Row{ID: id}, Channel: j.Channel, Event: &ircd.Message{ID: msgid, Edits: id, Target: "#messages", Text: "* " + text}, Text: text}
	}
	gone := feed.Entry{Row: collection.Row{ID: "4"}, Channel: j.Channel, Event: &ircd.Redaction{MsgID: "4", Target: "#messages"}}
	j.view.sent[sentItem{j.Channel, "2"}] = time.Now()
	j.view.changes["redaction of 4"] = struct{}{}

	arriving := s.arriving(true)
	old.Bring(said("1", "hello"), said("2", "my own"), edited("3", "3.e1", "better"), gone)
	next.Bring(said("1", "hello"), said("2", "my own"), edited("3", "3.e2", "better"), gone, said("5", "news"))
	events, err := s.read(j.view, nil, arriving)
	if err != nil || len(events) != 2 {
		t.Fatalf("the old feed: %d events, %v", len(events), err)
	}
	s.arrive(t.Context(), arriving)
	events, err = s.Poll(t.Context())
	if err != nil || len(events) != 1 || events[0].(*ircd.Message).ID != "5" {
		t.Errorf("the new feed: %+v, %v", events, err)
	}
}

// As long as nothing of a shared feed may be shown, no channel leaves it: what waits
// there would never be shown.
func TestNoMoveWithoutProof(t *testing.T) {
	s, j, old, next := moving(t, feed.Key{Audience: "all"}, feed.Key{})
	old.Bring(feed.Entry{Row: collection.Row{ID: "1"}, Channel: j.Channel, Event: &ircd.Message{ID: "1", Target: "#messages", Text: "hello"}})
	next.Bring(feed.Entry{Row: collection.Row{ID: "1"}, Channel: j.Channel, Event: &ircd.Message{ID: "1", Target: "#messages", Text: "hello"}})
	shown := 0
	poll := func() {
		events, err := s.Poll(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if _, ok := e.(*ircd.Message); ok {
				shown++
			}
		}
	}
	s.member.checked = time.Now().Add(-2 * time.Hour)
	if poll(); shown != 0 {
		t.Error("shown without a proof")
	}
	s.member.checked = time.Now()
	poll()
	if poll(); shown != 1 {
		t.Errorf("a message was shown %d times", shown)
	}
}

// What comes in the moment at which Directus is back waits until the client has been told so, and
// no channel leaves the feed where it waits.
func TestNoMoveBeforeTheReturnIsAnnounced(t *testing.T) {
	s, j, old, next := moving(t, feed.Key{}, feed.Key{})
	j.told = unreachable
	if s.arriving(true) != nil {
		t.Error("a channel is on its way while what its old feed brings is not shown")
	}
	said := feed.Entry{Row: collection.Row{ID: "1"}, Channel: j.Channel, Event: &ircd.Message{ID: "1", Target: "#messages", Text: "hello"}}
	old.Bring(said)
	next.Bring(said)
	var shown []ircd.Event
	for range 3 {
		events, err := s.Poll(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		shown = append(shown, events...)
	}
	if len(shown) != 2 || j.move == nil || s.joined["#messages"].move != nil {
		t.Fatalf("shown were %+v", shown)
	}
	if n, ok := shown[0].(*ircd.ServiceNotice); !ok || n.Text != backText {
		t.Errorf("in front of the message: %+v", shown[0])
	}
}
