package check

import (
	"testing"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/directus/directustest"
)

// Rooms alone are a configuration, without any channel.
func TestCheckOfRooms(t *testing.T) {
	for _, test := range []struct {
		what   string
		change func(*config.Rooms)
		want   []string
	}{
		{"as it should be", func(*config.Rooms) {}, []string{
			"ok       rooms: rooms can be read", "ok       rooms: messages can be read", "!MISSING"}},
		{"no name", func(r *config.Rooms) { r.Fields.Name = "title" }, []string{
			"MISSING  rooms: rooms.title cannot be read", "or correct rooms.fields.name"}},
		{"no relation", func(r *config.Rooms) { r.Messages.Room = "place" }, []string{
			"MISSING  rooms: messages.place cannot be read", "or correct rooms.messages.room"}},
	} {
		d := deployed(t)
		d.fake.AddCollection("rooms", directustest.FakeCollection{Fields: []string{"name", "topic"}})
		d.fake.AddCollection("messages", directustest.FakeCollection{Fields: []string{"text", "nonce", "date_created", "user_created", "room"}})
		d.fake.Insert("messages", userID, map[string]any{"text": "hi", "room": "1"})
		rooms := config.Default().Rooms
		rooms.Collection, rooms.Fields.Topic = "rooms", "topic"
		test.change(&rooms)
		d.cfg.Channels, d.cfg.Rooms, d.write = nil, rooms, false
		d.says(t, test.what, test.want...)
	}
}
