package bridge_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
)

// Rooms that are made or deleted while the pages of the others are read do not let one of those be
// missed, or nobody would be left in it.
func TestRoomsAreReadWhileSomeAreDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := roomChatAt(t, directustest.FakeOptions{QueryLimitMax: 3}, nil)
		var ids []string
		for i := range 8 {
			ids = append(ids, c.room(fmt.Sprint("Room ", i)))
		}
		kevin := c.visit("kevin", "#room-3", "#room-6")
		pages := 0
		c.fake.OnREST(func(r directustest.RESTRequest) (v directustest.RESTVerdict) {
			if strings.HasSuffix(r.Path, "/items/rooms") && pages < 2 {
				if pages++; pages == 2 { // the second page is about to be read
					c.fake.LoseEvents(true)
					c.fake.Remove("rooms", ids[0])
					c.fake.LoseEvents(false)
				}
			}
			return v
		})
		same(t, kevin.later(6*time.Minute))
		if pages != 2 {
			t.Errorf("%d pages were read", pages)
		}
		if got := kevin.list(); len(got) != 8 || strings.Contains(got[1], "#room-0") {
			t.Errorf("listed are %q", got)
		}
	})
}

// A room gets another name in Directus or from IRC, and what is no other name on IRC changes nothing
// there.
func TestRoomsAreRenamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := roomChat(t, nil)
		dev, tea := c.room("Dev"), c.room("Tea")
		kevin, ann := c.visit("kevin", "#dev", "#tea", "#messages"), c.visit("ann", "#dev")
		c.fake.Update("rooms", dev, map[string]any{"name": "DEV"})
		same(t, kevin.news())
		rename := func(from, to string) string {
			t.Helper()
			if err := kevin.session.RenameChannel(t.Context(), from, to, ""); err != nil {
				return err.Error()
			}
			return fmt.Sprint(c.fake.Items("rooms")[0]["name"])
		}
		same(t, []string{
			rename("#dev", "#dev"), rename("#dev", "#Dev"), rename("#dev", "#TEA"), rename("#dev", "#messages"),
			rename("#dev", "#!"), rename("#messages", "#x"), rename("#nowhere", "#x"), rename("#dev", "#Apollo"),
		}, "dev", "Dev", "CHANNEL_NAME_IN_USE *", "CHANNEL_NAME_IN_USE *", "CANNOT_RENAME No room gets this name: use letters*",
			"CANNOT_RENAME This channel gets its name from the configuration*", "403 *", "Apollo")
		same(t, kevin.news(), "kevin renames #dev to #apollo", "*The room is called Dev in Directus now. Its channel stays #dev*")
		same(t, ann.news(), "kevin renames #dev to #apollo")
		// Whoever makes the same of two names in Directus gets one of them with digits.
		c.fake.Update("rooms", dev, map[string]any{"name": "Tea!"})
		same(t, kevin.news(), "&{Old:#apollo New:#tea-"+dev+"}")
		c.fake.Remove("rooms", tea)
		same(t, kevin.news(), "&{Channel:#tea *")
		c.fake.Update("rooms", dev, map[string]any{"name": "Tea"})
		same(t, kevin.news())
	})
}

// Who may not read all fields of the rooms sees them without a topic, or is told what is missing.
func TestRoomsThatCannotBeReadWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := roomChat(t, nil)
		c.room("Tea")
		c.fake.Insert("rooms", "", map[string]any{"name": nil, "archived": false})
		c.fake.Insert("rooms", "", map[string]any{"name": "?!", "topic": "Odd", "archived": false})
		same(t, c.visit("kevin", "#tea", "#room-2").list(), "#messages", "#room-2", "#room-3 Odd", "#tea About Tea")
		c.fake.OnlyFields(c.person("ann"), "rooms", "read", "id", "name")
		same(t, c.visit("ann", "#tea").list(), "#messages", "#room-2", "#room-3", "#tea")
		c.fake.OnlyFields(c.person("mallory"), "rooms", "read", "id", "topic", "archived")
		m := c.visit("mallory", "#messages")
		same(t, m.list(), "#messages")
		same(t, []string{m.refused("#tea"), m.refused("#teapot")}, "403 *rooms.name*", "403 *rooms.name*")
	})
}

// A room cannot be given the name of one that the user may not see, where names are unique. That somebody
// has tried is not told of who does it later.
func TestRenameToATakenName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := roomChat(t, nil)
		c.fake.AddCollection("rooms", directustest.FakeCollection{Fields: []string{"name", "topic", "archived"}, Unique: []string{"name"}})
		tea, attic := c.room("tea"), c.room("attic")
		c.fake.Restrict(c.person("ann"), "rooms", map[string]any{"id": map[string]any{"_eq": tea}})
		ann := c.visit("ann", "#tea")
		err := ann.session.RenameChannel(t.Context(), "#tea", "#attic", "")
		if err == nil || !strings.Contains(err.Error(), "CHANNEL_NAME_IN_USE There is a channel of this name already: choose another") {
			t.Errorf("answered with %v", err)
		}
		same(t, ann.news())
		c.fake.Remove("rooms", attic)
		c.fake.Update("rooms", tea, map[string]any{"name": "attic"})
		same(t, ann.news(), "&{Old:#tea New:#attic}")
	})
}

// A message that is moved to another room, or out of all or into one, is gone from the one place and
// there in the other.
func TestMessageChangesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := roomChat(t, nil)
		one, two := c.room("One"), c.room("Two")
		kevin := c.visit("kevin", "#one", "#two", "#messages")
		id := c.fake.Insert("messages", kevin.id, map[string]any{"text": "here", "room": one})
		same(t, kevin.news(), "kevin says in #one: here")
		c.fake.Update("messages", id, map[string]any{"room": two})
		same(t, kevin.news(), "kevin deletes * in #one: here", "kevin says in #two: here")
		c.fake.Update("messages", id, map[string]any{"room": nil})
		same(t, kevin.news(), "kevin deletes * in #two: here", "kevin says in #messages: here")
		c.fake.Update("messages", id, map[string]any{"room": one})
		same(t, kevin.news(), "kevin deletes * in #messages: here", "kevin says in #one: here")
		c.fake.Update("messages", id, map[string]any{"room": nil})
		same(t, kevin.news(), "kevin deletes * in #one: here", "kevin says in #messages: here")
		id = c.fake.Insert("messages", kevin.id, map[string]any{"text": "to all"})
		same(t, kevin.news(), "kevin says in #messages: to all")
		c.fake.Update("messages", id, map[string]any{"room": two})
		same(t, kevin.news(), "kevin deletes * in #messages: to all", "kevin says in #two: to all")
		page, err := kevin.session.History(t.Context(), ircd.HistoryQuery{Target: "#messages", Limit: 10})
		if err != nil || len(page.Events) != 1 {
			t.Errorf("the history of those without a room: %+v, %v", page, err)
		}
	})
}
