package bridge_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/bridge/rooms"
	"directus-ircd/directus/directustest"
)

// A room that is made while all rooms are read keeps its name: no other one gets it.
func TestRoomIsMadeWhileAllAreRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := roomChat(t, func(cfg *rooms.Config) { cfg.Create = true })
		general, old := c.room("General"), c.room("Old")
		kevin := c.visit("kevin", "#general")
		c.fake.LoseEvents(true)
		c.fake.Remove("rooms", old)
		c.fake.LoseEvents(false)
		c.fake.OnREST(func(r directustest.RESTRequest) (v directustest.RESTVerdict) {
			if strings.HasSuffix(r.Path, "/permissions/me") { // which are looked at as a room is missing
				v.Delay = 5 * time.Second
			}
			return v
		})
		c.fake.Cut()
		time.Sleep(2 * time.Second)
		kevin.into("#new")
		time.Sleep(10 * time.Second)
		c.fake.OnREST(nil)
		c.fake.Update("rooms", general, map[string]any{"name": "New"})
		same(t, kevin.news(), "&{Old:#general New:#new-"+general+"}")
		same(t, kevin.list(), "#messages", "#new", "#new-"+general+" About General")
	})
}

// A channel of a new configuration takes the name of a room, which gets another one first.
func TestChannelTakesTheNameOfARoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cfg *rooms.Config
		c := roomChat(t, func(used *rooms.Config) { cfg = used })
		general := c.room("General")
		kevin := c.visit("kevin", "#general")
		c.fake.Insert("messages", kevin.id, map[string]any{"text": "before", "room": general})
		synctest.Wait()
		taken := messages("messages")
		taken.Name, taken.AutoJoin, taken.Filter = "#general", true, map[string]any{"room": map[string]any{"_null": true}}
		c.configure(func(opts *bridge.Options) { opts.Rooms = cfg }, taken)
		same(t, kevin.news(), "&{Old:#general New:#general-"+general+"}", "&{Channel:#general}", "kevin says in #general-"+general+": before")
		kevin.into("#general")
		kevin.say("#general", "here")
		kevin.say("#general-"+general, "there")
		same(t, kevin.news())
		if items := c.fake.Items("messages"); items[1]["room"] != nil || items[2]["room"] == nil {
			t.Errorf("stored are %v", items)
		}
	})
}

// A room that ends before the client of a new connection has been told of anything ends for it too.
func TestRoomEndsBeforeTheFirstNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := roomChat(t, nil)
		one, two := c.room("One"), c.room("Two")
		c.room("Three")
		kevin := c.visit("kevin")
		kevin.into("#one")
		kevin.into("#two")
		kevin.into("#three")
		c.fake.Remove("rooms", one)
		c.fake.Update("rooms", two, map[string]any{"archived": true})
		same(t, kevin.later(time.Second), "&{Channel:#one Reason:This room was deleted Closed:true}", "&{Channel:#two Reason:This room was archived Closed:true}")
	})
}

// A room that ends while the client waits for its JOIN is not joined.
func TestRoomEndsBeforeItIsJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := roomChat(t, nil)
		one := c.room("One")
		kevin := c.visit("kevin")
		kevin.list()
		c.fake.OnREST(func(r directustest.RESTRequest) (v directustest.RESTVerdict) {
			if r.Path == "/items/messages" {
				v.Delay = time.Second
			}
			return v
		})
		time.AfterFunc(500*time.Millisecond, func() { c.fake.Remove("rooms", one) })
		same(t, []string{kevin.refused("#one")}, "403 No such channel*")
		same(t, kevin.later(time.Minute))
	})
}

// A room that ends while a client is out of it, because the right to read messages is lost, is not
// one that the client is called back to, however soon that right is seen to be back.
func TestRoomEndsWhileTheClientIsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := roomChat(t, nil)
		one, two := c.room("One"), c.room("Two")
		kevin := c.visit("kevin", "#one", "#two")
		c.fake.Deny(kevin.id, "messages", "read")
		kevin.later(6 * time.Minute)
		c.fake.Remove("rooms", two)
		kevin.later(time.Minute)
		c.fake.Allow(kevin.id, "messages", "read")
		c.fake.Insert("messages", c.person("bob"), map[string]any{"text": "hi", "room": one})
		var told []string
		for range 6 {
			told = append(told, kevin.later(time.Second)...)
		}
		told = append(told, kevin.later(6*time.Minute)...)
		called := slices.DeleteFunc(told, func(line string) bool { return line != "&{Channel:#one}" && line != "&{Channel:#two}" })
		same(t, called, "&{Channel:#one}")
	})
}
