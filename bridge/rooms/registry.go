package rooms

import (
	"errors"

	"directus-ircd/bridge/collection"
	"directus-ircd/ircd/wire"
)

var errFields = errors.New("rooms: a collection, its field with the name, and the field of the messages with the room are needed")

// maxWas is how many earlier names of rooms are kept.
const maxWas = 1024

// registry knows the channels of all rooms that any list has, and their names, which are unique
// on the network. A room keeps its name until it is renamed: the first one of a slug has the
// slug, and later ones have digits of their keys behind it. Rooms.mu guards it.
type registry struct {
	channels map[string]*collection.Channel
	called   map[string]string // the slugs of rooms that have a name, by key
	ids      map[string]string // keys by folded IRC name
	was      map[string]string // the same by the names that rooms had, if no other has it now
	lists    map[string]int    // how many lists have a room, by key
	reserved map[string]bool   // see Rooms.Reserve
}

func newRegistry() registry {
	return registry{channels: map[string]*collection.Channel{}, called: map[string]string{}, ids: map[string]string{}, was: map[string]string{}, lists: map[string]int{}}
}

// leave notes that a list does not have a room any more. One that none has keeps its channel, for
// it may come back, and loses its name.
func (g *registry) leave(id string) {
	if g.lists[id]--; g.lists[id] > 0 {
		return
	}
	delete(g.lists, id)
	delete(g.called, id)
	if name := wire.Fold(g.channels[id].Name()); g.ids[name] == id {
		delete(g.ids, name)
	}
}

// call gives a room the IRC name that follows from its slug.
func (g *registry) call(id, slug string) {
	c := g.channels[id]
	old := wire.Fold(c.Name())
	mine := g.ids[old] == id
	if mine {
		delete(g.ids, old)
	}
	now := g.free(id, slug)
	g.called[id], g.ids[now] = slug, id
	delete(g.was, now)
	if now == c.Name() {
		return
	}
	if c.Rename(now); mine && g.ids[old] == "" {
		if len(g.was) >= maxWas {
			clear(g.was)
		}
		g.was[old] = id
	}
}

// free is the slug, with as many digits of the key as no other room of the slug has.
func (g *registry) free(id, slug string) string {
	taken := func(name string) bool { return g.ids[name] != "" && g.ids[name] != id || g.reserved[name] }
	if slug != "" && !taken(slug) {
		return slug
	}
	name := numbered(slug, id, fewDigits)
	for digits := fewDigits + 1; taken(name) && digits <= 32; digits++ {
		name = numbered(slug, id, digits)
	}
	return name
}
