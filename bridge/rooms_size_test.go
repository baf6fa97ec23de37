package bridge_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/bridge/rooms"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
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
	})
}
