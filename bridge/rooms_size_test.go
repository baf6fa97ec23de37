package bridge_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/rooms"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// listed are the channels of LIST.
func listed(t *testing.T, s ircd.Session) []ircd.ChannelInfo {
	t.Helper()
	list, err := s.Channels(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(list)
}

// When a room was made, and its topic set, is told to whom may read it, where Directus keeps it.
func TestRoomsAreDated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := roomChat(t, nil)
		made := time.Now().UTC().Truncate(time.Second)
		dated := map[string]any{"name": "Dated", "topic": "x", "archived": false, "date_created": made, "date_updated": nil}
		dates := func(v *visitor) (created, topic bool, list []ircd.ChannelInfo) {
			created, topic = v.session.DatesChannels(t.Context())
			return created, topic, listed(t, v.session)[1:]
		}
		if created, topic, _ := dates(c.visit("kevin")); created || topic {
			t.Error("there are dates without a room")
		}
		c.fake.AddCollection("rooms", directustest.FakeCollection{Fields: []string{"name", "topic", "archived", "date_created", "date_updated"}})
		id := c.fake.Insert("rooms", "", dated)
		kevin := c.visit("kevin")
		if created, topic, _ := dates(kevin); !created || !topic {
			t.Errorf("dates are offered: %v, %v", created, topic)
		}
		bob := c.person("bob")
		c.fake.OnlyFields(bob, "rooms", "read", "id", "name", "topic", "archived", "date_updated")
		for range 3 { // each is asked for once
			c.visit("ann")
		}
		time.Sleep(time.Hour)
		c.fake.Update("rooms", id, map[string]any{"topic": "y", "date_updated": time.Now().UTC()})
		synctest.Wait()
		if _, _, list := dates(kevin); len(list) != 1 || !list[0].Created.Equal(made) || list[0].TopicAt.Sub(made) != time.Hour {
			t.Errorf("the list says %+v", list)
		}
		if created, topic, list := dates(c.visit("bob")); created || !topic || !list[0].Created.IsZero() || list[0].TopicAt.IsZero() {
			t.Errorf("who may not read when a room was made is told %v, %v, %+v", created, topic, list)
		}
		kevin.news()
		c.fake.Update("rooms", id, map[string]any{"date_updated": time.Now().UTC().Add(time.Hour)})
		same(t, kevin.news())
		if _, _, list := dates(kevin); list[0].TopicAt.Sub(made) != 2*time.Hour {
			t.Errorf("after another change the list says %+v", list)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		c := roomChat(t, func(cfg *rooms.Config) { cfg.Fields.Topic = "" })
		c.room("General")
		kevin := c.visit("kevin")
		if got := c.asked(func() {
			for range 5 {
				if _, topic := kevin.session.DatesChannels(t.Context()); topic {
					t.Error("topics are dated where there are none")
				}
			}
		}); got["SEARCH /items/rooms"] != 2 {
			t.Errorf("to find out what there is it asks %v", got)
		}
		kevin.later(6 * time.Minute) // all rooms are read again
		if list := listed(t, kevin.session); list[1].Created.IsZero() {
			t.Errorf("the list says %+v", list)
		}
	})
}

// enters follows all admissions of a new session, as a connection does, and returns the texts of the
// backlogs by channel.
func (c *chat) enters(s fullSession, opts ircd.JoinOptions) map[string][]string {
	c.t.Helper()
	s.AutoJoin() // makes the rooms be read
	texts := map[string][]string{}
	note := func(channel string, messages []*ircd.Message) {
		for _, m := range messages {
			texts[channel] = append(texts[channel], m.Text)
		}
	}
	for {
		synctest.Wait()
		events, err := s.Poll(c.t.Context())
		if err != nil {
			c.t.Fatal(err)
		}
		entered := 0
		for _, ev := range events {
			a, ok := ev.(*ircd.Admission)
			if !ok {
				continue
			}
			entered++
			answer, err := s.Join(c.t.Context(), a.Channel, opts)
			if err != nil {
				c.t.Fatal(err)
			}
			texts[answer.Name] = nil
			note(answer.Name, answer.Backlog)
			for _, part := range rest(c.t, answer.More) {
				note(answer.Name, part.(*ircd.Backlog).Messages)
			}
		}
		if entered == 0 {
			return texts
		}
	}
}

// manyRooms is a chat with so many rooms, in all of which everybody is, and their keys.
func manyRooms(t *testing.T, many int, change func(*bridge.Options)) (*chat, []string) {
	cfg := rooms.Config{
		Collection: "rooms", Fields: rooms.Fields{Name: "name"}, Room: "room", Settings: rooms.Settings{Join: rooms.JoinAll, Limit: many},
		Messages: collection.Config{Collection: "messages", Backlog: 50, Fields: fields},
	}
	c := newChat(t, func(opts *bridge.Options) {
		opts.Channels, opts.Rooms = nil, &cfg
		if change != nil {
			change(opts)
		}
	})
	c.fake.AddCollection("rooms", directustest.FakeCollection{Fields: []string{"name"}})
	c.fake.AddCollection("messages", directustest.FakeCollection{Fields: []string{"text", "nonce", "date_created", "user_created", "room"}})
	ids := make([]string, many)
	for i := range ids {
		ids[i] = c.fake.Insert("rooms", "", map[string]any{"name": fmt.Sprint("Room ", i)})
	}
	return c, ids
}

// says stores a message of somebody who is not on IRC, a second after the one before.
func (c *chat) says(room, text string) {
	time.Sleep(time.Second)
	c.fake.Insert("messages", c.person("walt"), map[string]any{"text": text, "room": room})
}

// returns logs bob in, perhaps with a device.
func (c *chat) returns(device string) fullSession {
	c.t.Helper()
	c.person("bob")
	s, err := full(c.backend.Login(c.t.Context(), ircd.Credentials{Account: "bob@example.com" + device, Secret: "bob"}))
	if err != nil {
		c.t.Fatal(err)
	}
	return s
}

// Who comes into 50 rooms asks a handful of questions, and has the backlogs of all, or what the device
// has missed. Who fetches history asks for none.
func TestManyRoomsLoginCosts(t *testing.T) {
	for name, test := range map[string]struct {
		device string
		opts   ircd.JoinOptions
		asks   int      // questions for messages
		first  []string // the backlog of the first room
		back   []string // that when it is read by who comes back
		last   []string // that of the last room then
	}{
		"backlog": {opts: ircd.JoinOptions{Backlog: true}, asks: 1,
			first: []string{"before 0", "before 1", "before 2"},
			back:  []string{"before 0", "before 1", "before 2", "after"},
			last:  []string{"before 0", "before 1", "before 2"}},
		"device":  {device: "/laptop", opts: ircd.JoinOptions{Backlog: true}, asks: 2, first: []string{"before 0", "before 1", "before 2"}, back: []string{"after"}},
		"history": {},
	} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				const many = 50
				c, ids := manyRooms(t, many, func(o *bridge.Options) { o.Resume = &bridge.Resume{MaxAge: time.Hour, MaxMessages: 100} })
				for i := range 3 * many {
					c.says(ids[i%many], fmt.Sprint("before ", i/many))
				}
				c.enters(c.visit("ann").session, ircd.JoinOptions{}) // a colleague who reads the same
				for round, want := range [][]string{test.first, test.back} {
					var s fullSession
					var texts map[string][]string
					asked := c.asked(func() {
						s = c.returns(test.device)
						texts = c.enters(s, test.opts)
					})
					if len(texts) != many || asked["SEARCH /items/messages"] != test.asks || asked["SEARCH /items/rooms"] > 0 || asked["SEARCH /users"] > 1 {
						t.Errorf("round %d: into %d rooms one comes by %v", round, len(texts), asked)
					}
					if got := texts["#room-0"]; !slices.Equal(got, want) {
						t.Errorf("round %d: the backlog of the first room is %q, want %q", round, got, want)
					}
					if got := texts["#room-49"]; round == 1 && !slices.Equal(got, test.last) {
						t.Errorf("the backlog of the last room is %q, want %q", got, test.last)
					}
					if s.AskReceipt() {
						s.Received()
					}
					for channel := range texts {
						if err := s.Part(t.Context(), channel); err != nil {
							t.Fatal(err)
						}
					}
					names := slices.Sorted(maps.Keys(texts))
					again := c.asked(func() { // all by one command
						for i, name := range names {
							opts := test.opts
							opts.Next = names[i+1:]
							if _, err := s.Join(t.Context(), name, opts); err != nil {
								t.Fatal(err)
							}
						}
					})
					if n := again["SEARCH /items/messages"]; n > test.asks {
						t.Errorf("round %d: one JOIN of all asks %v", round, again)
					}
					closeSession(t, s)
					c.says(ids[0], "after")
				}
			})
		})
	}
}

// Where there is more than a batch holds, each room has the latest of it, and nothing comes twice or is
// lost that is written meanwhile. A device that has missed more has all.
func TestManyRoomsWithMuchToSay(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		const many, each = 60, 60
		c, ids := manyRooms(t, many, func(o *bridge.Options) { o.Resume = &bridge.Resume{MaxAge: 24 * time.Hour, MaxMessages: 200} })
		for i := range many * each {
			c.says(ids[i%many], fmt.Sprint("before ", i/many))
		}
		asked := c.asked(func() {
			s := c.returns("")
			texts := c.enters(s, ircd.JoinOptions{Backlog: true})
			if len(texts) != many {
				t.Errorf("in %d rooms", len(texts))
			}
			for channel, list := range texts {
				if n := len(list); n != 50 || list[n-1] != fmt.Sprint("before ", each-1) {
					t.Errorf("%s has a backlog of %d", channel, n)
				}
			}
			closeSession(t, s)
		})
		if n := asked["SEARCH /items/messages"]; n > 8 {
			t.Errorf("the backlogs take %d questions", n)
		}
		device := c.returns("/laptop")
		c.enters(device, ircd.JoinOptions{Backlog: true})
		if device.AskReceipt() {
			device.Received()
		}
		closeSession(t, device)
		for i := range many * each {
			c.says(ids[i%many], fmt.Sprint("after ", i/many))
		}
		device = c.returns("/laptop")
		defer closeSession(t, device)
		for channel, list := range c.enters(device, ircd.JoinOptions{Backlog: true}) {
			if len(list) != each || list[0] != "after 0" || list[each-1] != fmt.Sprint("after ", each-1) {
				t.Errorf("of what was missed in %s, %d are shown", channel, len(list))
			}
		}
	})
}

// What is written while one comes into many rooms is shown once, in each of them.
func TestManyRoomsMeanwhile(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		const many = 50
		c, ids := manyRooms(t, many, nil)
		for _, id := range ids {
			c.says(id, "before")
		}
		s := c.returns("")
		defer closeSession(t, s)
		seen := map[string][]string{}
		note := func(m *ircd.Message) { seen[m.Target] = append(seen[m.Target], m.Text) }
		for round := 0; len(seen) < many || round < 8; round++ {
			synctest.Wait()
			events, err := s.Poll(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for i, ev := range events {
				switch ev := ev.(type) {
				case *ircd.Message:
					note(ev)
				case *ircd.Admission:
					if i%3 == 0 { // in all rooms, in the midst
						for _, id := range ids {
							c.fake.Insert("messages", c.person("walt"), map[string]any{"text": fmt.Sprint("meanwhile ", round, ".", i), "room": id})
						}
						synctest.Wait()
					}
					answer, err := s.Join(t.Context(), ev.Channel, ircd.JoinOptions{Backlog: true})
					if err != nil {
						t.Fatal(err)
					}
					for _, m := range answer.Backlog {
						note(m)
					}
				}
			}
		}
		want := len(seen["#room-49"])
		for channel, texts := range seen {
			unique := map[string]bool{}
			for _, text := range texts {
				unique[text] = true
			}
			if len(texts) != len(unique) || len(texts) != want || texts[0] != "before" {
				t.Errorf("%s: %d messages, %d of them different: %q", channel, len(texts), len(unique), texts)
			}
		}
	})
}

// Which of 300 rooms have news is asked by one question, and to be in 1000 costs a few for each hundred.
func TestHundredsOfRooms(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c, ids := manyRooms(t, 300, nil)
		for i, id := range ids {
			c.says(id, fmt.Sprint(i))
		}
		s := c.returns("")
		defer closeSession(t, s)
		s.AutoJoin()
		synctest.Wait()
		asked := c.asked(func() {
			list, err := s.Targets(t.Context(), time.Now().Add(-time.Hour), time.Now().Add(time.Minute), 500)
			if err != nil || len(list) != len(ids) || list[0].Name != "#room-0" || list[299].Name != "#room-299" {
				t.Errorf("%d targets, %v", len(list), err)
			}
		})
		if n := asked["SEARCH /items/messages"]; n > 2 { // what its dates are like, and the rooms
			t.Errorf("TARGETS asks %v", asked)
		}
	})
	ircdtest.Bubble(t, func(t *testing.T) {
		c, ids := manyRooms(t, 1000, nil)
		for i := range 2 * len(ids) {
			c.says(ids[i%len(ids)], "hello")
		}
		var s fullSession
		asked := c.asked(func() {
			s = c.returns("")
			if texts := c.enters(s, ircd.JoinOptions{Backlog: true}); len(texts) != len(ids) || len(texts["#room-999"]) != 2 {
				t.Errorf("in %d rooms, of the last one %q", len(texts), texts["#room-999"])
			}
		})
		defer closeSession(t, s)
		if n := asked["SEARCH /items/messages"]; n > 20 {
			t.Errorf("to be in 1000 rooms asks %v", asked)
		}
	})
}
