package ircd

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

// acquaintance says what the client's user may know of another one. Whatever names a
// person, or tells what one does, goes by it: those who share a channel see each other
// there, and of all others the backend decides. It asks nobody and may be called for
// each event.
func (c *conn) acquaintance(id string) Acquaintance {
	if c.sees(id) {
		return Known
	}
	return c.session.Knows(id)
}

// sees reports whether a user is the client's own, or connected and shares a channel
// with it.
func (c *conn) sees(id string) bool {
	return id == c.user.ID || len(c.sharedChannels(id)) > 0
}

// sawIn reports whether the client is in one of the channels, by their folded names,
// that somebody else was in when something happened to them.
func (c *conn) sawIn(channels map[string]struct{}) bool {
	for key := range channels {
		if c.channels[key] != nil {
			return true
		}
	}
	return false
}

// sharedChannels lists the channels in which both the client and a user are.
func (c *conn) sharedChannels(id string) []string {
	if len(c.channels) == 0 {
		return nil
	}
	return c.srv.roster.Sharing(id, c.joinedNames())
}
