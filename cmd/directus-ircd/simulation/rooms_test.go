package simulation

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/rooms"
	"directus-ircd/bridge/text"
	"directus-ircd/directus/directustest"
)

// roomSettings are those of channels that are the items of a collection. They are chosen from random numbers of their own, so
// that worlds without rooms are what they were before there were any.
type roomSettings struct {
	on          bool
	count       int // at the start
	join        rooms.Join
	uuidKeys    bool
	unique      bool // no two rooms may have the same name
	lobby       bool // a channel shows the messages that have no room
	backlog     int
	softDelete  bool
	corrections bool
}

const (
	roomsCollection = "rooms"
	posts           = "posts" // the messages in rooms
	lobby           = "#lobby"
)

// furnish chooses the rooms of a scenario, and has them take the place of some steps.
func (s *scenario) furnish(r *rand.Rand) {
	if *withRooms == 0 || r.IntN(*withRooms) > 0 {
		return
	}
	st := &s.settings
	st.rooms = roomSettings{
		on: true, count: 1 + r.IntN(6), join: []rooms.Join{rooms.JoinAll, rooms.JoinMember, rooms.JoinNone}[r.IntN(3)], uuidKeys: r.IntN(3) == 0,
		unique: r.IntN(2) == 0, lobby: r.IntN(3) == 0, backlog: []int{0, 5, 50}[r.IntN(3)], softDelete: r.IntN(2) == 0, corrections: r.IntN(2) == 0,
	}
	st.formats[posts] = []text.Format{text.Plain, text.Plain, text.Markdown, text.HTML}[r.IntN(4)]
	if r.IntN(3) == 0 {
		st.channels = nil
	}
	if st.rooms.lobby {
		st.channels = append(st.channels, channelSpec{name: lobby, collection: posts, lobby: true, backlog: st.rooms.backlog, autoJoin: true})
	}
	weight := 0
	for _, name := range roomActNames() {
		weight += roomActs[name].weight
	}
	for i := range s.steps {
		if r.IntN(4) > 0 {
			continue
		}
		n := r.IntN(weight)
		for _, name := range roomActNames() {
			if n -= roomActs[name].weight; n < 0 {
				s.steps[i] = step{name, r.IntN(1 << 16), r.IntN(1 << 16), r.IntN(1 << 16), s.steps[i].pause}
				break
			}
		}
	}
}

// addRooms makes the collections of the rooms, and those that are there at the start.
func (w *world) addRooms() {
	s := w.scenario.settings
	if !s.rooms.on {
		return
	}
	var unique []string
	if s.rooms.unique {
		unique = []string{"name"}
	}
	w.fake.AddCollection(roomsCollection, directustest.FakeCollection{Fields: []string{"name", "topic", "archived"}, UUIDKey: s.rooms.uuidKeys, Unique: unique})
	w.fake.AddCollection(posts, directustest.FakeCollection{
		Key: s.keyName, Fields: []string{"text", "nonce", "room", "status", "level", "reply"}, Unique: []string{"nonce"}, UUIDKey: !s.uuidKeys,
		Relations: map[string]string{"reply": posts, "room": roomsCollection}, Dates: s.dates,
	})
	for i := range s.rooms.count {
		w.insertRoom(int(w.scenario.seed%97) + 5*i)
	}
}

// roomNames are what rooms are called. Several of them make one name on IRC, one makes none, and some are those of channels of the
// configuration, or look like what tells rooms of one name apart.
var roomNames = []string{
	"Tea", "tea!", "TEA", "Tea Time", "tea_time", "dev", "Ops", "Café Å", "кафе", "!!!", "", "lobby", "room-3", "a.b.c",
	"A name that is longer than what a channel may be called on this server, and then some, as people do", "General", "tea-2",
}

// roomName is one of the names, changed where it has to be unique.
func (w *world) roomName(n int) string {
	name := roomNames[n%len(roomNames)]
	if w.scenario.settings.rooms.unique {
		w.named++
		name += "?" + strings.Repeat("!", w.named)
	}
	return name
}

func (w *world) insertRoom(n int) string {
	return w.fake.Insert(roomsCollection, "", map[string]any{"name": w.roomName(n), "archived": false})
}

// aboutRoom is a topic, by which clients know which room a channel is.
func aboutRoom(id string, edition int) string { return fmt.Sprintf("room %s, edition %d", id, edition) }

// roomOf is the room that a topic is about; empty if it is not about one.
func roomOf(topic string) string {
	rest, about := strings.CutPrefix(topic, "room ")
	id, _, whole := strings.Cut(rest, ", edition ")
	if !about || !whole {
		return ""
	}
	return id
}

// roomSpec is the channel that a room is. Its name is what clients and the judge call it, whatever it is called on IRC.
func (s settings) roomSpec(id string) channelSpec {
	return channelSpec{
		name: "#room:" + id, collection: posts, room: id, item: true, backlog: s.rooms.backlog, softDelete: s.rooms.softDelete,
		corrections: s.rooms.corrections, autoJoin: s.rooms.join == rooms.JoinAll,
	}
}

// reference is the key of a room as Directus stores it in a message.
func (ch channelSpec) reference() any {
	if collection.IsNumber(ch.room) {
		return json.Number(ch.room)
	}
	return ch.room
}

// furnished notes what the database does with an item of the rooms, or of their messages, before it is stored.
func (w *world) furnished(name string, item map[string]any) {
	switch key, _ := item["room"].(string); {
	case name == posts && collection.IsNumber(key):
		item["room"] = json.Number(key)
	case name == roomsCollection && item["topic"] == nil:
		item["topic"] = aboutRoom(keyOf(item), 0)
	}
}

// roomOptions are the rooms as the configuration has them now; nil: it has none.
func (w *world) roomOptions() *rooms.Config {
	s := w.scenario.settings
	if !s.rooms.on || w.roomless {
		return nil
	}
	c := collection.Config{
		Collection: posts, Backlog: s.rooms.backlog, Corrections: s.rooms.corrections, Format: s.formats[posts],
		Fields: collection.Fields{
			ID: s.keyName, Text: "text", Author: "user_created", Date: "date_created", Nonce: "nonce", Reply: "reply",
		},
	}
	if s.rooms.softDelete {
		c.SoftDelete = &collection.SoftDelete{Field: "status", Values: []string{"deleted"}}
	}
	return &rooms.Config{
		Collection: roomsCollection, Fields: rooms.Fields{Name: "name", Topic: "topic", Archived: "archived"}, Messages: c, Room: "room",
		Settings: rooms.Settings{Join: s.rooms.join, Create: true, Limit: 1000},
	}
}

// openRooms are the channels of the rooms that there are and that are not archived, in the order in which they came.
func (w *world) openRooms() (open []channelSpec) {
	if w.roomOptions() == nil {
		return nil
	}
	for _, id := range w.chronicle.roomKeys() {
		if isOpen(w.chronicle.room(id)) {
			open = append(open, w.scenario.settings.roomSpec(id))
		}
	}
	return open
}

// anyRoom is one of all rooms that are not deleted, archived ones included.
func (w *world) anyRoom(n int) (ch channelSpec, item map[string]any, ok bool) {
	keys := slices.DeleteFunc(w.chronicle.roomKeys(), func(id string) bool { return w.chronicle.room(id) == nil })
	if len(keys) == 0 {
		return ch, nil, false
	}
	id := keys[n%len(keys)]
	return w.scenario.settings.roomSpec(id), w.chronicle.room(id), true
}

// applyRights gives a person the rights on rooms and their messages that they have by the chronicle. Those on the one follow from
// those on the other, as in a Directus whose rules go by who is a member of a room.
func (w *world) applyRights(who int) {
	r, user := w.chronicle.now(who), w.people[who].id
	var closed []string
	for id := range r.closed {
		closed = append(closed, id)
	}
	slices.Sort(closed)
	var rules []any
	if len(closed) > 0 {
		rules = append(rules, map[string]any{"_or": []any{
			map[string]any{"room": map[string]any{"_null": true}}, map[string]any{"room": map[string]any{"_nin": closed}},
		}})
	}
	if r.rule[posts] {
		rules = append(rules, map[string]any{"level": map[string]any{"_neq": "secret"}})
	}
	w.permitItems(user, posts, r.unread[posts], rules)
	rules = nil
	if len(closed) > 0 {
		rules = append(rules, map[string]any{"id": map[string]any{"_nin": closed}})
	}
	w.permitItems(user, roomsCollection, r.unread[roomsCollection], rules)
}

func (w *world) permitItems(user, collection string, denied bool, rules []any) {
	if denied {
		w.fake.Deny(user, collection, "read")
		return
	}
	w.fake.Allow(user, collection, "read")
	if len(rules) > 0 {
		w.fake.Restrict(user, collection, map[string]any{"_and": rules})
	}
}

// isOpen reports whether a state of a room is that of one that can be read.
func isOpen(room map[string]any) bool { return room != nil && room["archived"] != true }

// roomKeys are those of all rooms that there ever were, in the order in which they came.
func (c *chronicle) roomKeys() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.rooms)
}

// room is the present state of a room; nil if there is none.
func (c *chronicle) room(id string) map[string]any {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.items[roomsCollection+"/"+id]
	if r == nil {
		return nil
	}
	return r.versions[len(r.versions)-1].item
}

// roomStates are the states that a room had at some moment of a time.
func (c *chronicle) roomStates(id string, from, to time.Time) (states []map[string]any) {
	r := c.items[roomsCollection+"/"+id]
	if r == nil {
		return nil
	}
	for i, v := range r.versions {
		if !v.from.After(to) && (i+1 == len(r.versions) || !r.versions[i+1].from.Before(from)) {
			states = append(states, v.item)
		}
	}
	return states
}

// wasOpen reports whether the room that a channel is could be read at some moment of a time.
func (c *chronicle) wasOpen(ch channelSpec, from, to time.Time) bool {
	return !ch.item || slices.ContainsFunc(c.roomStates(ch.room, from, to), isOpen)
}

// stayedOpen reports whether it could be read all of a time.
func (c *chronicle) stayedOpen(ch channelSpec, from, to time.Time) bool {
	return !ch.item || !slices.ContainsFunc(c.roomStates(ch.room, from, to), func(room map[string]any) bool { return !isOpen(room) })
}

// arrivals is how often a message may at most have come to a channel for a person until a moment: it was stored there, moved
// there, restored, or could be read again.
func (c *chronicle) arrivals(person int, ch channelSpec, r *record, to time.Time) int {
	changes := make([]time.Time, 0, len(r.versions))
	for _, v := range r.versions {
		changes = append(changes, v.from)
	}
	if room := c.items[roomsCollection+"/"+ch.room]; ch.item && room != nil {
		for _, v := range room.versions {
			changes = append(changes, v.from)
		}
	}
	slices.SortFunc(changes, time.Time.Compare)
	n, there := len(c.during(person, r.stored(), to))-1, false
	for _, at := range changes {
		if at.After(to) {
			break
		}
		was := there
		there = ch.belongs(r.at(at)) && c.wasOpen(ch, at.Add(1), at.Add(1))
		if there && !was {
			n++
		}
	}
	return n
}

// at is the state of an item from a moment on; nil if there is none.
func (r *record) at(t time.Time) (item map[string]any) {
	for _, v := range r.versions {
		if v.from.After(t) {
			break
		}
		item = v.item
	}
	return item
}
