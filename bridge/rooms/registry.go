package rooms

import (
	"errors"
	"maps"
	"slices"

	"directus-ircd/bridge/collection"
	"directus-ircd/ircd/wire"
)

var errFields = errors.New("rooms: a collection, its field with the name, and the field of the messages with the room are needed")

// maxWas is how many earlier names of a room are kept.
const maxWas = 4

// registry knows the channels of all rooms that any list has had, and their names, which are unique
// on the network. The first room of a slug has the slug, and later ones have digits of their keys
// behind it. A room keeps its name until it is renamed or deleted, whoever may read it and whether
// somebody is there who does: nobody is to see another room by the name that they know. The names
// are kept over restarts. Rooms.mu guards the registry.
type registry struct {
	kept     Names
	channels map[string]*collection.Channel
	claims   map[string]claim  // by key
	ids      map[string]string // keys by folded IRC name
	was      map[string]string // the same by the names that rooms had, unless another has it now
	reserved map[string]bool   // see Rooms.Reserve
}

// claim is the hold of a room on its name.
type claim struct {
	Name string   `json:"name"`
	Slug string   `json:"slug,omitempty"` // that Name was made of
	Was  []string `json:"was,omitempty"`  // the names before, latest first
}

func newRegistry(kept Names) registry {
	g := registry{kept: kept, channels: map[string]*collection.Channel{}, claims: map[string]claim{}, ids: map[string]string{}, was: map[string]string{}}
	stored := kept.all()
	ids := slices.SortedFunc(maps.Keys(stored), collection.CompareIDs)
	for _, id := range ids {
		if c := stored[id]; wire.IsChannel(c.Name) && g.ids[c.Name] == "" {
			g.claims[id], g.ids[c.Name] = c, id
		}
	}
	for _, id := range ids {
		for _, name := range g.claims[id].Was {
			if g.ids[name] == "" {
				g.was[name] = id
			}
		}
	}
	return g
}

// take gives a room the IRC name that follows from its slug, unless it has it. The channel has
// none yet if it is new.
func (g *registry) take(id, slug string) {
	c, claimed := g.claims[id]
	if !claimed || c.Slug != slug {
		g.call(id, slug)
	} else if g.channels[id].Name() != c.Name {
		g.channels[id].Rename(c.Name)
	}
}

// giveUp frees the name of a room that is to be called otherwise, for those that are renamed at the
// same time. take goes on to give it another one.
func (g *registry) giveUp(id, slug string) {
	if c, claimed := g.claims[id]; claimed && c.Slug != slug {
		delete(g.ids, c.Name)
	}
}

// call gives a room the IRC name that follows from its slug.
func (g *registry) call(id, slug string) {
	old, claimed := g.claims[id]
	c := claim{Name: g.free(id, slug), Slug: slug, Was: old.Was}
	if claimed && old.Name != c.Name {
		if other := g.ids[old.Name]; other == "" || other == id {
			delete(g.ids, old.Name)
			g.was[old.Name] = id
		}
		c.Was = slices.DeleteFunc(append([]string{old.Name}, old.Was...), func(name string) bool { return name == c.Name })
		for _, name := range c.Was[min(len(c.Was), maxWas):] {
			g.forget(id, name)
		}
		c.Was = c.Was[:min(len(c.Was), maxWas)]
	}
	g.claims[id], g.ids[c.Name] = c, id
	delete(g.was, c.Name)
	if channel := g.channels[id]; channel != nil && channel.Name() != c.Name {
		channel.Rename(c.Name)
	}
	g.kept.put(id, c)
}

// forget ends that a room is known by an earlier name.
func (g *registry) forget(id, name string) {
	if g.was[name] == id {
		delete(g.was, name)
	}
}

// drop frees the names of a room that was deleted. It keeps its channel, for it may come back.
func (g *registry) drop(id string) {
	c, claimed := g.claims[id]
	if !claimed {
		return
	}
	for _, name := range c.Was {
		g.forget(id, name)
	}
	delete(g.ids, c.Name)
	delete(g.claims, id)
	g.kept.drop(id)
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
