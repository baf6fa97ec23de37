package simulation

import (
	"maps"
	"slices"
	"strings"
	"time"

	"directus-ircd/bridge/rooms"
)

func roomActNames() []string { return slices.Sorted(maps.Keys(roomActs)) }

// roomActs are what is done to rooms, in Directus and from IRC, in worlds that have some.
var roomActs map[string]act

func init() {
	roomActs = map[string]act{
		"room made": {weight: 4, do: func(w *world, s step) bool { return w.insertRoom(s.c) != "" }},
		"room renamed": {weight: 6, do: func(w *world, s step) bool {
			ch, _, ok := w.anyRoom(s.b)
			if ok {
				w.fake.Update(roomsCollection, ch.room, map[string]any{"name": w.roomName(s.c)})
			}
			return ok
		}},
		"rooms change names": {weight: 3, do: (*world).swapNames},
		"room archived":      {weight: 4, do: func(w *world, s step) bool { return w.archive(s, true) }},
		"room back":          {weight: 4, do: func(w *world, s step) bool { return w.archive(s, false) }},
		"room deleted":       {weight: 2, do: func(w *world, s step) bool { return w.deleteRoom(s) }},
		"name given on": {weight: 2, do: func(w *world, s step) bool {
			_, item, ok := w.anyRoom(s.b)
			if !ok || !w.deleteRoom(s) {
				return false
			}
			time.Sleep(spread(s.c, 3*time.Second) * time.Duration(s.a%2))
			id := w.fake.Insert(roomsCollection, "", map[string]any{"name": item["name"], "archived": false})
			ch := w.scenario.settings.roomSpec(id)
			for i := range 3 {
				author := (s.a + i) % len(w.people)
				w.fake.Insert(posts, w.people[author].id, w.item(ch, w.book.message(author), s.c))
			}
			return true
		}},
		"room described": {weight: 3, do: func(w *world, s step) bool {
			ch, _, ok := w.anyRoom(s.b)
			if ok {
				w.fake.Update(roomsCollection, ch.room, map[string]any{"topic": aboutRoom(ch.room, s.c)})
			}
			return ok
		}},
		"room closed to somebody":  {weight: 5, do: func(w *world, s step) bool { return w.closeRoom(s, true) }},
		"room opened to somebody":  {weight: 6, do: func(w *world, s step) bool { return w.closeRoom(s, false) }},
		"rooms closed to somebody": {weight: 1, do: func(w *world, s step) bool { return w.closeRooms(s, true) }},
		"rooms opened to somebody": {weight: 3, do: func(w *world, s step) bool { return w.closeRooms(s, false) }},
		"message moved": {weight: 5, do: func(w *world, s step) bool {
			items := w.fake.Items(posts)
			if len(items) == 0 {
				return false
			}
			item := items[len(items)-1-s.c%min(len(items), 20)]
			w.fake.Update(posts, keyOf(item), map[string]any{"room": w.elsewhere(s.a)})
			return true
		}},
		"JOIN of a new name": {weight: 4, do: (*world).joinNew},
		"RENAME": {weight: 4, do: func(w *world, s step) bool {
			c, ch, ok := w.occupied(s)
			name := rooms.Slug(roomNames[s.c%len(roomNames)])
			return ok && name != "" && c.send("RENAME "+c.called(ch.name)+" "+name+" :a better one")
		}},
		"TOPIC": {weight: 3, do: func(w *world, s step) bool {
			c, ch, ok := w.occupied(s)
			return ok && c.send("TOPIC "+c.called(ch.name)+" :"+aboutRoom(ch.room, s.c))
		}},
		"rooms may not be made": {weight: 1, do: func(w *world, s step) bool {
			w.fake.Deny(w.people[s.a%len(w.people)].id, roomsCollection, "create")
			return true
		}},
		"rooms may be made": {weight: 2, do: func(w *world, s step) bool {
			w.fake.Allow(w.people[s.a%len(w.people)].id, roomsCollection, "create")
			return true
		}},
		"rooms not configured": {weight: 1, do: func(w *world, s step) bool {
			w.roomless = !w.roomless
			w.configure()
			return true
		}},
	}
}

// occupied is a client and a room that it is in.
func (w *world) occupied(s step) (c *client, ch channelSpec, ok bool) {
	open := w.openRooms()
	c = w.client(s.a)
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range open {
		if ch = open[(s.b+i)%len(open)]; c.in[ch.name] {
			return c, ch, true
		}
	}
	return c, ch, false
}

// swapNames gives two rooms each other's name.
func (w *world) swapNames(s step) bool {
	one, a, _ := w.anyRoom(s.a)
	two, b, ok := w.anyRoom(s.b)
	if !ok || one.room == two.room {
		return false
	}
	w.fake.Update(roomsCollection, one.room, map[string]any{"name": w.roomName(s.c)})
	w.fake.Update(roomsCollection, two.room, map[string]any{"name": a["name"]})
	w.fake.Update(roomsCollection, one.room, map[string]any{"name": b["name"]})
	return true
}

func (w *world) archive(s step, archived bool) bool {
	ch, item, ok := w.anyRoom(s.b)
	if !ok || (item["archived"] == true) == archived {
		return false
	}
	w.fake.Update(roomsCollection, ch.room, map[string]any{"archived": archived})
	return true
}

// deleteRoom deletes a room. Its messages have none from then on, or one that there is not, which a database without foreign keys
// has.
func (w *world) deleteRoom(s step) bool {
	ch, _, ok := w.anyRoom(s.b)
	if !ok {
		return false
	}
	w.fake.Remove(roomsCollection, ch.room)
	if s.c%2 == 0 {
		return true
	}
	var keys []string
	for _, item := range w.fake.Items(posts) {
		if ch.belongs(item) {
			keys = append(keys, keyOf(item))
		}
	}
	if len(keys) > 0 {
		w.fake.UpdateMany(posts, keys, map[string]any{"room": nil})
	}
	return true
}

// closeRoom takes the right to read a room from a person, or gives it back.
func (w *world) closeRoom(s step, closed bool) bool {
	who := s.a % len(w.people)
	ch, _, ok := w.anyRoom(s.b)
	if !ok || w.chronicle.now(who).closed[ch.room] == closed {
		return false
	}
	w.chronicle.change(who, func(r *rights) {
		if delete(r.closed, ch.room); closed {
			r.closed[ch.room] = true
		}
	})
	w.applyRights(who)
	return true
}

// closeRooms takes the right to read any room from a person, or gives it back.
func (w *world) closeRooms(s step, closed bool) bool {
	who := s.a % len(w.people)
	if w.chronicle.now(who).unread[roomsCollection] == closed {
		return false
	}
	w.chronicle.change(who, func(r *rights) {
		if delete(r.unread, roomsCollection); closed {
			r.unread[roomsCollection] = true
		}
	})
	w.applyRights(who)
	return true
}

// elsewhere is where a message is moved to: one of the rooms, or none.
func (w *world) elsewhere(n int) any {
	open := w.openRooms()
	if n %= len(open) + 1; n == len(open) {
		return nil
	}
	return open[n].reference()
}

// joinNew has a client join a channel of a name that may be that of no room, and now and then another client at the same moment.
func (w *world) joinNew(s step) bool {
	name := rooms.Slug(roomNames[s.c%len(roomNames)])
	if s.b%3 == 0 {
		name = "#" + strings.Repeat("x", 1+s.b%40)
	}
	if name == "" {
		return false
	}
	done := w.client(s.a).send("JOIN " + name)
	if s.b%2 == 0 {
		done = w.client(s.a+1).send("JOIN "+name) || done
	}
	return done
}
