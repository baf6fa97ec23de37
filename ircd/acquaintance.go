package ircd

import (
	"context"
	"maps"
	"slices"

	"directus-ircd/ircd/presence"
	"directus-ircd/ircd/wire"
)

// An Acquaintance is what one user may know of another.
type Acquaintance int

const (
	// Stranger: nothing, not even that there is such a user.
	Stranger Acquaintance = iota
	// ByNick: the nick under which the user is the author of what may be read, and
	// nothing of the person: neither a name nor whether they are connected.
	ByNick
	// Known: who the user is, and whether and how they are connected.
	Known
)

// acquaintance says what the client's user may know of another user. Users who share a
// channel see each other; about all others the backend decides. Everything that names a
// user, or shows what a user does, must respect it. It does not block and may be called
// for each event.
func (c *conn) acquaintance(id string) Acquaintance {
	if c.sees(id) {
		return Known
	}
	return c.session.Knows(id)
}

// sees reports whether a user is the client's own, or is connected and shares a channel
// with the client.
func (c *conn) sees(id string) bool {
	return id == c.user.ID || len(c.sharedChannels(id)) > 0
}

// sawIn reports whether the client is in one of some channels, given by keys, in which another
// user was at the time of an event.
func (c *conn) sawIn(channels map[string]struct{}) bool {
	for key := range channels {
		if c.channelOf(key) != nil {
			return true
		}
	}
	return false
}

// sharedChannels returns the names of the channels that both the client and a user are in, sorted.
func (c *conn) sharedChannels(id string) []string {
	if len(c.channels) == 0 {
		return nil
	}
	keys := make([]string, 0, len(c.channels))
	for _, name := range slices.Sorted(maps.Keys(c.channels)) {
		keys = append(keys, c.channels[name].key)
	}
	names := c.srv.roster.Sharing(id, keys)
	for i, key := range names {
		names[i] = c.channelOf(key).name
	}
	return names
}

// channelOf finds a channel that the client is in by its key in the roster.
func (c *conn) channelOf(key string) *joinedChannel {
	if ch := c.keyed[key]; ch != nil {
		return ch
	}
	if ch := c.channels[key]; ch != nil && ch.key == key {
		return ch
	}
	return nil
}

// addChannel notes a channel that the client is in from now on.
func (c *conn) addChannel(ch *joinedChannel) {
	name := wire.Fold(ch.name)
	c.channels[name] = ch
	if ch.key == name {
		return
	}
	if c.keyed == nil {
		c.keyed = make(map[string]*joinedChannel)
	}
	c.keyed[ch.key] = ch
}

// removeChannel forgets a channel that the client has left.
func (c *conn) removeChannel(ch *joinedChannel) {
	delete(c.channels, wire.Fold(ch.name))
	delete(c.keyed, ch.key)
}

// keyOf is the key of a channel in the roster.
func keyOf(key, name string) string {
	if key != "" {
		return key
	}
	return wire.Fold(name)
}

// lookup finds a user by nick, as far as the client may know them. here reports whether
// the user is connected, as far as the client may know that. The user is nil if there is
// none.
func (c *conn) lookup(ctx context.Context, nick string) (u *presence.Person, here bool, err error) {
	if p, ok := c.srv.roster.ByNick(nick); ok && c.sees(p.ID) {
		return &p, true, nil
	}
	if !wire.IsNick(nick) {
		return nil, false, nil
	}
	found, err := c.lookupInTime(ctx, nick)
	if err != nil || found == nil {
		return nil, false, err
	}
	found.Realname = wire.Clip(found.Realname, wire.NameLen)
	p, here := c.srv.roster.ByID(found.ID)
	if !here || c.acquaintance(found.ID) != Known {
		return &presence.Person{User: *found}, false, nil
	}
	if !c.sees(found.ID) {
		p.User = *found
	}
	return &p, true, nil
}

// joinedNames returns the names of the client's channels, sorted.
func (c *conn) joinedNames() []string {
	names := make([]string, 0, len(c.channels))
	for _, name := range slices.Sorted(maps.Keys(c.channels)) {
		names = append(names, c.channels[name].name)
	}
	return names
}

// visible returns the connected users who share a channel with the client, and its own
// user, sorted by nick.
func (c *conn) visible() []presence.Person {
	seen := make(map[string]presence.Person)
	for _, ch := range c.channels {
		for _, p := range c.srv.roster.Members(ch.key) {
			seen[wire.Fold(p.Nick)] = p
		}
	}
	if p, ok := c.srv.roster.ByID(c.user.ID); ok {
		seen[wire.Fold(p.Nick)] = p
	}
	list := make([]presence.Person, 0, len(seen))
	for _, key := range slices.Sorted(maps.Keys(seen)) {
		list = append(list, seen[key])
	}
	return list
}

// find finds a connected user whom the client may know. An error means that the backend
// could not say whether it may.
func (c *conn) find(ctx context.Context, nick string) (p presence.Person, ok bool, err error) {
	p, ok = c.srv.roster.ByNick(nick)
	if !ok || c.sees(p.ID) {
		return p, ok, nil
	}
	u, err := c.lookupInTime(ctx, p.Nick)
	return p, err == nil && u != nil && u.ID == p.ID && c.acquaintance(p.ID) == Known, err
}

// connected is find for commands that report no errors: after one, the user counts as not
// connected. The client itself is also found by the nick that it asked for.
func (c *conn) connected(ctx context.Context, nick string) (p presence.Person, ok bool) {
	p, ok, err := c.find(ctx, nick)
	if err != nil {
		c.log.Debug().Err(err).Msg("look up a connected user")
	}
	if !ok && c.isSelf(nick) {
		p, ok = c.srv.roster.ByID(c.user.ID)
		p.Nick = nick
	}
	return p, ok
}
