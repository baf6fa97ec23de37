package config

import "reflect"

// Rooms makes a channel of each item of a collection. With an empty Collection there are none.
type Rooms struct {
	Collection string       `yaml:"collection"`
	Fields     RoomFields   `yaml:"fields"`
	Messages   RoomMessages `yaml:"messages"`
	Members    string       `yaml:"members"`
	Join       string       `yaml:"join" accepts:"all member none"`
	Create     bool         `yaml:"create"`
	Limit      int          `yaml:"limit"`
}

// RoomFields names the fields of a room. An empty name means that there is no such field.
type RoomFields struct {
	Name     string `yaml:"name"`
	Topic    string `yaml:"topic"`
	Archived string `yaml:"archived"`
	Member   string `yaml:"member"`
}

// RoomMessages says where the messages of the rooms are, and what is done with them.
type RoomMessages struct {
	Collection string     `yaml:"collection"`
	Room       string     `yaml:"room"`
	Backlog    int        `yaml:"backlog"`
	Fields     Fields     `yaml:"fields"`
	Format     string     `yaml:"format" accepts:"plain markdown html"`
	Mentions   string     `yaml:"mentions" accepts:"text id"`
	Correct    bool       `yaml:"corrections"`
	SoftDelete SoftDelete `yaml:"soft_delete"`
	Reactions  Reactions  `yaml:"reactions"`
}

// MembersCollection holds the memberships; empty without any.
func (r Rooms) MembersCollection() string {
	if r.Members == "" && r.Fields.Member != "" {
		return r.Collection + "_" + r.Fields.Member
	}
	return r.Members
}

// maxRooms is the most that rooms.limit may be: each user may read so many at once.
const maxRooms = 100000

func defaultRooms() Rooms {
	channel := Channel{}
	channel.SetDefaults()
	return Rooms{
		Fields: RoomFields{Name: "name"},
		Messages: RoomMessages{
			Collection: channel.Collection, Room: "room", Backlog: channel.Backlog,
			Fields: channel.Fields, Format: channel.Format, Mentions: channel.Mentions,
		},
		Join:  "member",
		Limit: 10000,
	}
}

// Channel is the part of a channel's configuration that all rooms have in common.
func (m RoomMessages) Channel() Channel {
	return Channel{
		Collection: m.Collection, Backlog: m.Backlog, Fields: m.Fields, Format: m.Format, Mentions: m.Mentions,
		Correct: m.Correct, SoftDelete: m.SoftDelete, Reactions: m.Reactions,
	}
}

// settleRooms leaves out the channel that there is by default where there are rooms: it would
// show the messages of all of them.
func settleRooms(cfg *Config) {
	if cfg.Rooms.Collection != "" && reflect.DeepEqual(cfg.Channels, Default().Channels) {
		cfg.Channels = nil
	}
}

func validateRooms(cfg *Config, d *decoder) {
	r := cfg.Rooms
	if r.Collection == "" {
		if !reflect.DeepEqual(r, defaultRooms()) {
			d.fault("rooms.collection", "missing: name the collection that holds the rooms, or remove the other keys of rooms")
		}
		return
	}
	validateCollection(r.Collection, "rooms.collection", "rooms need", d)
	validateUses([]fieldUse{
		{"name", r.Fields.Name, true}, {"topic", r.Fields.Topic, false},
		{"archived", r.Fields.Archived, false}, {"member", r.Fields.Member, false},
	}, "rooms.fields", d)
	if r.Members != "" {
		validateCollection(r.Members, "rooms.members", "members need", d)
		if r.Fields.Member == "" {
			d.fault("rooms.members", "needs rooms.fields.member: the field of the rooms that leads to %s", r.Members)
		}
	}
	m := r.Messages
	validateCollection(m.Collection, "rooms.messages.collection", "messages need", d)
	validateBacklog(m.Backlog, "rooms.messages.backlog", d)
	uses := validateUses(m.Fields.uses(), "rooms.messages.fields", d)
	validateName(m.Room, "rooms.messages.room", "field", d)
	if uses[m.Room] != "" {
		d.fault("rooms.messages.room", "%q is the field of %s: name the many-to-one field that leads to the room", m.Room, uses[m.Room])
	}
	validateSoftDelete(m.SoftDelete, uses, "rooms.messages.soft_delete", d)
	if m.Reactions.Collection != "" {
		validateCollection(m.Reactions.Collection, "rooms.messages.reactions.collection", "reactions need", d)
	}
	if r.Limit < 1 || r.Limit > maxRooms {
		d.fault("rooms.limit", "%d must be a number of rooms from 1 to %d", r.Limit, maxRooms)
	}
}
