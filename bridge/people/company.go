package people

import (
	"sync"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/ircd"
	"directus-ircd/ircd/wire"
)

// company knows which users are in which channels. Who shares a channel with somebody
// sees them there by nick and name, whatever Directus lets them read; of others one
// knows what Directus shows. Whether a user is connected at all is told to nobody else.
type company struct {
	mu sync.RWMutex              // a leaf lock
	in map[string]map[string]int // sessions by folded channel and user id, no zeros; guarded by mu
}

func newCompany() *company { return &company{in: map[string]map[string]int{}} }

// Enter notes that a session of a user is in a channel; leave undoes it.
func (c *company) Enter(channel, id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	users := c.in[wire.Fold(channel)]
	if users == nil {
		users = map[string]int{}
		c.in[wire.Fold(channel)] = users
	}
	users[id]++
}

func (c *company) Leave(channel, id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	users := c.in[wire.Fold(channel)]
	if users[id]--; users[id] <= 0 {
		delete(users, id)
	}
	if len(users) == 0 {
		delete(c.in, wire.Fold(channel))
	}
}

// isIn reports whether a user is in a channel.
func (c *company) isIn(channel, id string) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.in[wire.Fold(channel)][id] > 0
}

// meet reports whether two users share a channel.
func (c *company) meet(a, b string) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, users := range c.in {
		if users[a] > 0 && users[b] > 0 {
			return true
		}
	}
	return false
}

// UnknownUser is the author of what has none.
var UnknownUser = ircd.User{Nick: nobody, Username: nobody, Host: host, Realname: nobody}

// meets reports whether the user of the directory is, or shares a channel with, another.
func (d *Directory) meets(id string) bool {
	return id == d.Account.ID() || d.company.meet(d.Account.ID(), id)
}

// MeetsNobody is meets for what is shown to others than the user of the directory.
func MeetsNobody(string) bool { return false }

// Met returns the identity of a user who is in a channel, as those see it who read
// that; of private messages, who shares any channel with the user of the directory.
func (d *Directory) Met(id string, c *collection.Channel) (ircd.User, bool) {
	if id != d.Account.ID() && !(c.Private && d.meets(id)) && !(!c.Private && d.company.isIn(c.Name, id)) {
		return ircd.User{}, false
	}
	return d.nicks.known(id)
}

// Knows says what the user of the directory may know of another, as far as Directus has
// said so lately.
func (d *Directory) Knows(id string) ircd.Acquaintance {
	if d.meets(id) {
		return ircd.Known
	}
	if readable, said := d.Rights.Readable("directus_users", d.fields); said && len(readable) > 0 {
		return ircd.Known
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	p, ok := d.people[id]
	switch {
	case !ok || !time.Now().Before(p.until):
		return ircd.Stranger
	case p.anonymous():
		return ircd.ByNick
	}
	return ircd.Known
}
