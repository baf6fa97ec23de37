package bridge_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/rooms"
)

// A reload tells those who are in rooms nothing, unless a room is not there any more: not one that
// leaves the rooms alone, and not one of the rooms' limit, of who may make some, and of who is in which.
func TestReloadsLeaveRoomsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cfg rooms.Config
		c := roomChat(t, func(of *rooms.Config) { cfg = *of })
		tea := c.room("Tea")
		kevin := c.visit("kevin", "#tea", "#messages")
		same(t, kevin.news())
		lobby := messages("messages")
		lobby.Filter = map[string]any{"room": map[string]any{"_null": true}}
		configured := func() bridge.Options {
			now := cfg
			return bridge.Options{
				Client: c.client, Channels: []collection.Config{lobby}, NickFields: []string{"first_name"}, Logger: logger(t), Rooms: &now,
				Edits: collection.Edits{Show: true, Merge: 5 * time.Second, MaxAge: 24 * time.Hour},
			}
		}
		more := messages("more")
		more.Name = "#more"
		for _, test := range []struct {
			what   string
			change func(*bridge.Options)
		}{
			{"nothing", func(*bridge.Options) {}},
			{"attempts", func(o *bridge.Options) { o.LoginAttemptsPerMinute = 7 }},
			{"a channel", func(o *bridge.Options) { o.Channels = append(o.Channels, more) }},
			{"limit", func(o *bridge.Options) { o.Rooms.Limit = 50 }},
			{"create", func(o *bridge.Options) { o.Rooms.Create = true }},
			{"join", func(o *bridge.Options) { o.Rooms.Join = rooms.JoinMember }},
			{"backlog", func(o *bridge.Options) { o.Rooms.Messages.Backlog = 7 }},
		} {
			what := test.what
			opts := configured()
			test.change(&opts)
			before := c.fake.Counts()
			if err := c.backend.Configure(opts); err != nil {
				t.Fatal(err)
			}
			same(t, slices.Concat(kevin.news(), kevin.news(), kevin.later(2*time.Second)))
			if n := c.fake.Counts()["SEARCH /items/rooms"] - before["SEARCH /items/rooms"]; n > 0 && (what == "nothing" || what == "attempts" || what == "a channel") {
				t.Errorf("%s: the rooms are read again", what)
			}
			c.fake.Insert("messages", kevin.id, map[string]any{"text": what, "room": tea})
			same(t, kevin.later(time.Second), "kevin says in #tea: "+what)
		}
		opts := configured()
		opts.Rooms.Create = true
		if err := c.backend.Configure(opts); err != nil {
			t.Fatal(err)
		}
		kevin.news()
		if answer := kevin.into("#new"); answer.Name != "#new" {
			t.Errorf("a room that may be made by now is %+v", answer)
		}
	})
}
