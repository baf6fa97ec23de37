package check

import (
	"net/http"
	"testing"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/directus/directustest"
)

// fieldOf answers with the definition of a field.
func (d *deployment) fieldOf(path, kind string) {
	d.answer("/fields/"+path, http.StatusOK, `{"data":{"type":"`+kind+`","meta":{},"schema":{"is_unique":false}}}`)
}

// Rooms alone are a configuration, without any channel. Each mistake is told with what to do.
func TestCheckOfRooms(t *testing.T) {
	for _, test := range []struct {
		what   string
		change func(d *deployment, r *config.Rooms)
		want   []string
	}{
		{"as it should be", func(*deployment, *config.Rooms) {}, []string{
			"ok       rooms: messages can be read", "ok       rooms: rooms.name can be read", "ok       rooms: messages.room leads to a room",
			"ok       rooms: this user sees 2, and not the 1 that are archived: #kitchen, #hall\n", "!MISSING", "!without a room"}},
		{"no collection", func(_ *deployment, r *config.Rooms) { r.Collection = "places" }, []string{
			"MISSING  the collection places is missing, or this user may not read it", "setup --url ", " --rooms\", or correct rooms.collection", "!this user sees"}},
		{"no name", func(_ *deployment, r *config.Rooms) { r.Fields.Name = "title" }, []string{
			"MISSING  rooms: rooms.title is missing", "--rooms --extend\"), or correct rooms.fields.name", "!this user sees"}},
		{"no topic", func(_ *deployment, r *config.Rooms) { r.Fields.Topic = "description" }, []string{
			"MISSING  rooms: rooms.description is missing", "or correct rooms.fields.topic"}},
		{"no archive", func(_ *deployment, r *config.Rooms) { r.Fields.Archived = "status" }, []string{
			"MISSING  rooms: rooms.status is missing", "or correct rooms.fields.archived"}},
		{"no room of the messages", func(_ *deployment, r *config.Rooms) { r.Messages.Room = "place" }, []string{
			"MISSING  rooms: messages.place is missing", "or correct rooms.messages.room"}},
		{"no relation", func(_ *deployment, r *config.Rooms) { r.Messages.Room = "text" }, []string{
			"MISSING  rooms: messages.text leads to no room", "make it a many-to-one field that leads to rooms"}},
		{"another relation", func(d *deployment, _ *config.Rooms) {
			d.answer("/relations/messages/room", http.StatusOK, `{"data":{"related_collection":"places"}}`)
		}, []string{"MISSING  rooms: messages.room leads to places, not to rooms"}},
		{"no members", func(_ *deployment, r *config.Rooms) { r.Fields.Member = "members" }, []string{
			"MISSING  the collection rooms_members is missing", "or rooms.fields.member to \"\" if there is none"}},
		{"two at once", func(d *deployment, r *config.Rooms) { r.Create = true; d.fieldOf("rooms/name", "string") }, []string{
			"MISSING  rooms: rooms.name is not unique", "or set rooms.create to false"}},
		{"a name that is none", func(d *deployment, _ *config.Rooms) { d.fieldOf("rooms/name", "json") }, []string{"MISSING  rooms: rooms.name is of type json"}},
		{"an archive that is none", func(d *deployment, _ *config.Rooms) { d.fieldOf("rooms/archived", "timestamp") }, []string{
			"MISSING  rooms: rooms.archived is of type timestamp"}},
		{"may not make rooms", func(d *deployment, r *config.Rooms) { r.Create = true; d.fake.Deny(userID, "rooms", "create") }, []string{
			"note     rooms: this user may not make rooms", "-> grant create on rooms"}},
		{"may not rename", func(d *deployment, _ *config.Rooms) { d.fake.OnlyFields(userID, "rooms", "update", "topic") }, []string{
			"note     rooms: this user may not rename rooms (rooms.name)", "!change topics"}},
		{"names", func(d *deployment, _ *config.Rooms) {
			for _, name := range []string{"", "HALL"} {
				d.fake.Insert("rooms", userID, map[string]any{"name": name, "topic": "", "archived": false})
			}
		}, []string{"makes no name of a channel", "comes to the name #hall, which item ", "sees 4, and not the 1 that are archived: #kitchen, #hall, one with a number, #hall-…"}},
		{"too many", func(_ *deployment, r *config.Rooms) { r.Limit = 1 }, []string{"note     rooms: this user may read more than the 1 of rooms.limit"}},
		{"none", func(d *deployment, _ *config.Rooms) {
			d.fake.Restrict(userID, "rooms", map[string]any{"name": map[string]any{"_eq": "x"}})
		}, []string{
			"note     rooms: this user sees none", "over the Directus API this user can read the messages of rooms that they may not read"}},
		{"no lobby", func(d *deployment, _ *config.Rooms) {
			d.fake.Insert("messages", userID, map[string]any{"text": "hi", "room": nil})
		}, []string{"note     there are messages without a room, which no channel shows", "filter: {room: {_null: true}}"}},
		{"a lobby with all", func(d *deployment, _ *config.Rooms) {
			d.cfg.Channels = config.Default().Channels
			d.cfg.Channels[0].Fields.Nonce = "nonce"
		}, []string{"note     #messages shows the messages of all rooms", "ok       rooms: this user sees 2"}},
	} {
		d := deployed(t)
		d.names = spoken{}
		d.fake.AddCollection("rooms", directustest.FakeCollection{Fields: []string{"name", "topic", "archived"}})
		d.fake.AddCollection("messages", directustest.FakeCollection{Fields: []string{"text", "nonce", "date_created", "user_created", "room"}, Relations: map[string]string{"room": "rooms"}})
		for _, name := range []string{"Kitchen", "Hall", "Attic"} {
			d.fake.Insert("rooms", userID, map[string]any{"name": name, "topic": "", "archived": name == "Attic"})
		}
		d.fake.Insert("messages", userID, map[string]any{"text": "hi", "room": "1"})
		rooms := config.Default().Rooms
		rooms.Collection, rooms.Fields.Topic, rooms.Fields.Archived = "rooms", "topic", "archived"
		d.cfg.Channels, d.write = nil, false
		test.change(d, &rooms)
		d.cfg.Rooms = rooms
		d.says(t, test.what, test.want...)
	}
}
