package bridge_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/rooms"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
)

// roomChat is a chat with a collection of rooms beside the channel #messages, which shows the
// messages without a room.
func roomChat(t *testing.T, change func(*rooms.Config)) *chat {
	return roomChatAt(t, directustest.FakeOptions{}, change)
}

func roomChatAt(t *testing.T, at directustest.FakeOptions, change func(*rooms.Config)) *chat {
	cfg := rooms.Config{
		Collection: "rooms", Fields: rooms.Fields{Name: "name", Topic: "topic", Archived: "archived"},
		Messages: collection.Config{Collection: "messages", Backlog: 50, Fields: fields}, Room: "room",
		Settings: rooms.Settings{Join: rooms.JoinNone, Limit: 100},
	}
	if change != nil {
		change(&cfg)
	}
	lobby := messages("messages")
	lobby.Filter = map[string]any{"room": map[string]any{"_null": true}}
	c := newChatAt(t, at, func(opts *bridge.Options) { opts.Rooms = &cfg }, lobby)
	c.fake.AddCollection("rooms", directustest.FakeCollection{Fields: []string{"name", "topic", "archived"}})
	c.fake.AddCollection("messages", directustest.FakeCollection{Fields: []string{"text", "nonce", "date_created", "user_created", "room"}})
	return c
}

// room stores a room, as somebody does in the Data Studio.
func (c *chat) room(name string) (id string) {
	return c.fake.Insert("rooms", "", map[string]any{"name": name, "topic": "About " + name, "archived": false})
}

// list are the channels of LIST, sorted.
func (v *visitor) list() []string {
	v.t.Helper()
	var lines []string
	for _, info := range listed(v.t, v.session) {
		lines = append(lines, strings.TrimSpace(info.Name+" "+info.Topic))
	}
	slices.Sort(lines)
	return lines
}

// refused is the reply to a JOIN that fails.
func (v *visitor) refused(channel string) string {
	v.t.Helper()
	_, err := v.session.Join(v.t.Context(), channel, ircd.JoinOptions{Backlog: true})
	var e *ircd.Error
	if !errors.As(err, &e) {
		v.t.Fatalf("JOIN %s: %v", channel, err)
	}
	return e.Numeric + " " + e.Text
}

func (v *visitor) into(channel string) *ircd.Channel {
	v.t.Helper()
	answer, err := v.session.Join(v.t.Context(), channel, ircd.JoinOptions{Backlog: true})
	if err != nil {
		v.t.Fatal(err)
	}
	return answer
}

func TestRoomsAreChannels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := roomChat(t, nil)
		general, tea := c.room("General"), c.room("Tea & Cake")
		kevin, ann := c.visit("kevin", "#general"), c.visit("ann", "#general", "#tea-cake", "#messages")
		same(t, kevin.list(), "#general About General", "#messages", "#tea-cake About Tea & Cake")
		kevin.say("#general", "hello")
		c.fake.Insert("messages", kevin.id, map[string]any{"text": "in the kitchen", "room": tea})
		c.fake.Insert("messages", ann.id, map[string]any{"text": "hi", "room": general})
		same(t, ann.news(), "kevin says in #general: hello", "kevin says in #tea-cake: in the kitchen", "ann says in #general: hi")
		same(t, kevin.news(), "ann says in #general: hi")
		c.fake.Insert("messages", kevin.id, map[string]any{"text": "to all"})
		same(t, ann.later(time.Second), "kevin says in #messages: to all")
		same(t, kevin.news())
		stored := c.fake.Items("messages")[0]
		if fmt.Sprint(stored["room"]) != general {
			t.Errorf("stored as %v", stored)
		}
		page, err := kevin.session.History(t.Context(), ircd.HistoryQuery{Target: "#tea-cake", Limit: 10})
		if err != nil || len(page.Events) != 1 || describe(page.Events[0]) != "kevin says in #tea-cake: in the kitchen" {
			t.Errorf("history of a room that was not joined: %+v, %v", page, err)
		}
		// Both may read everything: one subscription for the messages of all rooms and of the lobby,
		// and one for the rooms.
		if n := len(c.fake.Subscribers("rooms")); n != 1 {
			t.Errorf("%d subscriptions to the rooms", n)
		}
		if n := len(c.fake.Subscribers("messages")); n != 1 {
			t.Errorf("%d subscriptions to the messages", n)
		}
	})
}

func TestRoomsComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := roomChat(t, nil)
		general := c.room("General")
		kevin := c.visit("kevin", "#general")
		tea := c.room("Tea")
		same(t, kevin.news(), "&{Channel:#tea}")
		kevin.into("#tea")
		said := kevin.send("#tea", "a cup")
		kevin.news()
		c.fake.Insert("messages", kevin.id, map[string]any{"text": "black", "room": tea})
		synctest.Wait() // it is to be shown under a name that the client does not know any more
		c.fake.Update("rooms", tea, map[string]any{"name": "Coffee"})
		same(t, kevin.news(), "&{Old:#tea New:#coffee}", "kevin says in #coffee: black")
		if _, err := kevin.session.Redact(t.Context(), "#coffee", said, ""); err != nil {
			t.Error("the msgid does not outlive the new name: ", err)
		}
		for _, v := range []*visitor{c.visit("ann"), kevin} {
			_, err := v.session.Join(t.Context(), "#TEA", ircd.JoinOptions{})
			if moved, ok := errors.AsType[*ircd.Moved](err); !ok || moved.Name != "#coffee" {
				t.Errorf("by the old name there is %v", err)
			}
		}
		c.fake.Update("rooms", tea, map[string]any{"topic": "Beans"})
		same(t, kevin.news(), "&{Channel:#coffee Text:Beans By:*")
		if _, err := kevin.session.SetTopic(t.Context(), "#coffee", "Grounds"); err != nil {
			t.Fatal(err)
		}
		same(t, kevin.news())
		if got := c.fake.Items("rooms")[1]["topic"]; got != "Grounds" {
			t.Errorf("the topic is stored as %v", got)
		}
		c.fake.Update("rooms", tea, map[string]any{"archived": true})
		same(t, kevin.news(), "&{Channel:#coffee Reason:This room was archived Closed:true}")
		same(t, kevin.list(), "#general About General", "#messages")
		c.fake.Remove("rooms", general)
		same(t, kevin.news(), "&{Channel:#general Reason:This room was deleted Closed:true}")
		c.fake.Update("rooms", tea, map[string]any{"archived": false})
		same(t, kevin.news(), "&{Channel:#coffee}")
		kevin.into("#coffee")
	})
}

// Rooms that a rule hides are not there: not by name, not in a list, and not in what is said.
func TestOnlyReadableRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := roomChat(t, func(cfg *rooms.Config) { cfg.Join = rooms.JoinAll })
		general, secret := c.room("General"), c.room("Secret")
		mallory := c.person("mallory")
		only := func(ids ...string) {
			c.fake.Restrict(mallory, "rooms", map[string]any{"id": map[string]any{"_in": ids}})
			c.fake.Restrict(mallory, "messages", map[string]any{"room": map[string]any{"_in": ids}})
		}
		only(general)
		m, kevin := c.visit("mallory"), c.visit("kevin")
		same(t, m.list(), "#general About General", "#messages")
		same(t, kevin.list(), "#general About General", "#messages", "#secret About Secret")
		same(t, []string{m.refused("#secret")}, "403 No such channel.*")
		if _, err := m.session.History(t.Context(), ircd.HistoryQuery{Target: "#secret", Limit: 10}); err == nil {
			t.Error("the history of a hidden room is told")
		}
		m.into("#general")
		c.fake.Deny(mallory, "rooms", "update")
		hidden, free := m.session.RenameChannel(t.Context(), "#general", "#secret", ""), m.session.RenameChannel(t.Context(), "#general", "#unheard", "")
		if hidden == nil || free == nil || strings.ReplaceAll(hidden.Error(), "#secret", "#unheard") != free.Error() {
			t.Errorf("a rename to the name of a hidden room is answered with %v, to another with %v", hidden, free)
		}
		kevin.into("#secret")
		kevin.say("#secret", "hush")
		c.fake.Insert("messages", kevin.id, map[string]any{"text": "hi", "room": general})
		same(t, m.later(time.Second), "kevin says in #general: hi")
		only(general, secret)
		same(t, m.later(6*time.Minute), "&{Channel:#secret}") // Directus tells nobody of a right
		m.into("#secret")
		only(secret)
		same(t, m.later(6*time.Minute), "&{Channel:#general Reason:Directus does not allow you to read this room any more Closed:false}")
		same(t, m.list(), "#messages", "#secret About Secret")
		c.fake.Allow(mallory, "rooms", "read")
		c.fake.Allow(mallory, "messages", "read")
		same(t, m.later(6*time.Minute), "&{Channel:#general}")
	})
}

// Who may not read the rooms themselves any more is in none, however many of the messages they may
// read, and is back when that is over.
func TestNoRoomsWithoutTheirCollection(t *testing.T) {
	for _, version := range []string{"12.4.0", "10.13.4"} {
		synctest.Test(t, func(t *testing.T) {
			c := roomChatAt(t, directustest.FakeOptions{Version: version}, func(cfg *rooms.Config) { cfg.Join = rooms.JoinAll })
			general := c.room("General")
			m := c.visit("mallory")
			same(t, m.news(), "&{Channel:#general}")
			m.into("#general")
			c.fake.Deny(m.id, "rooms", "read")
			same(t, m.later(6*time.Minute), "&{Channel:#general Reason:Directus does not allow you to read this room any more Closed:false}")
			c.fake.Insert("messages", c.person("ann"), map[string]any{"text": "hush", "room": general})
			same(t, m.news())
			same(t, m.list(), "#messages")
			c.fake.Allow(m.id, "rooms", "read")
			same(t, m.later(6*time.Minute), "&{Channel:#general}")
			m.into("#general")
			c.fake.Deny(m.id, "messages", "read")
			m.later(6 * time.Minute)
			c.fake.Allow(m.id, "messages", "read")
			m.later(6 * time.Second)
			if ch := m.into("#general"); ch.Topic != "About General" {
				t.Errorf("back in it, the topic is %q", ch.Topic)
			}
		})
	}
}

// Rooms that have got each other's names are renamed one after the other, so that no two are called
// the same at any time.
func TestRoomsChangeNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := roomChat(t, nil)
		ids := []string{c.room("A"), c.room("B"), c.room("C"), c.room("D")}
		kevin := c.visit("kevin", "#a", "#b", "#c", "#d")
		for i, name := range []string{"X", "A", "E", "C", "B"} { // A is B, B is A, C is E, and D is C
			c.fake.Update("rooms", append(ids, ids[0])[i], map[string]any{"name": name})
			synctest.Wait()
		}
		called := map[string]string{"#a": "A", "#b": "B", "#c": "C", "#d": "D"}
		for _, line := range kevin.news() {
			old, now, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(line, "&{Old:"), "}"), " New:")
			if called[old] == "" || called[now] != "" {
				t.Errorf("%s, when the channels are %v", line, called)
			}
			called[now] = called[old]
			delete(called, old)
		}
		if called["#a"] != "B" || called["#b"] != "A" || called["#e"] != "C" || called["#c"] != "D" {
			t.Errorf("at last the channels are %v", called)
		}
	})
}

// A device is in the rooms that it was in.
func TestRoomsAreRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := roomChat(t, func(cfg *rooms.Config) { cfg.Join = rooms.JoinMember })
		for _, name := range []string{"A", "B", "C"} {
			c.room(name)
		}
		kevin := c.visit("kevin", "#a", "#b")
		if err := kevin.session.Part(t.Context(), "#B"); err != nil {
			t.Fatal(err)
		}
		kevin.session.Close(t.Context())
		s, err := full(c.backend.Login(t.Context(), ircd.Credentials{Account: "kevin@example.com", Secret: "kevin"}))
		if err != nil {
			t.Fatal(err)
		}
		again := &visitor{t: t, session: s, id: kevin.id}
		defer s.Close(t.Context())
		same(t, again.news(), "&{Channel:#a}")
	})
}

func TestRoomsAreMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := roomChat(t, func(cfg *rooms.Config) { cfg.Create = true })
		kevin, ann := c.visit("kevin"), c.visit("ann")
		same(t, []string{kevin.refused("#a.b"), kevin.refused("#?!")}, "403 *try #a-b", "403 *try a name of letters*")
		if ch := kevin.into("#Project-X"); ch.Name != "#project-x" {
			t.Errorf("joined %+v", ch)
		}
		if ch := ann.into("#project-x"); ch.Name != "#project-x" {
			t.Errorf("joined %+v", ch)
		}
		// Somebody whose own list has not heard of a new room does not make a second one.
		bob := c.person("bob")
		c.fake.Restrict(bob, "rooms", map[string]any{"name": map[string]any{"_nnull": true}})
		third := c.visit("bob")
		third.list()
		c.fake.HoldEvents()
		kevin.into("#x")
		third.into("#x")
		c.fake.ReleaseEvents(false)
		c.fake.Remove("rooms", "2")
		if items := c.fake.Items("rooms"); len(items) != 1 || items[0]["name"] != "Project-X" {
			t.Errorf("there are %v", items)
		}
		kevin.news()
		ann.news()
		kevin.say("#project-x", "hi")
		same(t, ann.news(), "kevin says in #project-x: hi")
		c.fake.Deny(ann.id, "rooms", "create")
		same(t, []string{ann.refused("#mine")}, "403 No such channel, and Directus does not allow you to make one.*")
		if err := ann.session.RenameChannel(t.Context(), "#project-x", "#Apollo", "it flies"); err != nil {
			t.Fatal(err)
		}
		same(t, ann.news(), "ann renames #project-x to #apollo: it flies")
		same(t, kevin.news(), "ann renames #project-x to #apollo: it flies")
	})
}

// Which rooms have news is one request, however many there are.
func TestTargetsOfManyRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := roomChat(t, nil)
		kevin := c.visit("kevin")
		began := time.Now().Add(-time.Second)
		ids := make([]string, 60)
		for i := range ids {
			ids[i] = c.room(fmt.Sprint("Room ", i))
		}
		for i, id := range ids[:40] {
			time.Sleep(time.Second)
			c.fake.Insert("messages", kevin.id, map[string]any{"text": fmt.Sprint(i), "room": id})
		}
		kevin.news()
		ann := c.person("ann")
		c.fake.Restrict(ann, "rooms", map[string]any{"id": map[string]any{"_in": ids[:2]}})
		other := c.visit("ann")
		for v, want := range map[*visitor]int{kevin: 40, other: 2} {
			before := c.fake.Counts()
			list, err := v.session.Targets(t.Context(), began, time.Now().Add(time.Hour), 100)
			if err != nil || len(list) != want {
				t.Errorf("%d targets, %v", len(list), err)
			}
			if len(list) == 40 && (list[0].Name != "#room-0" || list[39].Name != "#room-39") {
				t.Errorf("from %+v to %+v", list[0], list[39])
			}
			asked := 0
			for what, n := range c.fake.Counts() {
				if strings.Contains(what, "items") {
					asked += n - before[what]
				}
			}
			if asked > 8 {
				t.Errorf("%d requests", asked)
			}
		}
	})
}

// A new configuration of the same rooms leaves everybody in them, and one without rooms ends them.
func TestRoomsAreConfiguredAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := roomChat(t, nil)
		general := c.room("General")
		kevin := c.visit("kevin", "#general", "#messages")
		opts := bridge.Options{Client: c.client, Channels: []collection.Config{messages("messages")}, NickFields: []string{"first_name"}, Logger: logger(t)}
		opts.Rooms = &rooms.Config{
			Collection: "rooms", Fields: rooms.Fields{Name: "name"}, Room: "room", Settings: rooms.Settings{Join: rooms.JoinAll, Limit: 10},
			Messages: collection.Config{Collection: "messages", Fields: fields},
		}
		if err := c.backend.Configure(opts); err != nil {
			t.Fatal(err)
		}
		// It stays the same room, though what is read of it is not.
		same(t, slices.Concat(kevin.news(), kevin.news(), kevin.later(5*time.Second)), "&{Channel:#general Text: By:*")
		c.fake.Insert("messages", kevin.id, map[string]any{"text": "still here", "room": general})
		same(t, kevin.later(time.Second), "kevin says in #messages: still here", "kevin says in #general: still here")
		opts.Rooms = nil
		if err := c.backend.Configure(opts); err != nil {
			t.Fatal(err)
		}
		same(t, append(kevin.news(), kevin.news()...), "&{Channel:#general Reason:This channel is not configured any more Closed:true}")
		same(t, kevin.list(), "#messages")
		if n := len(c.fake.Subscribers("rooms")); n != 0 {
			t.Errorf("%d still follow the rooms", n)
		}
	})
}
