package people

import (
	"sync"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/ircd"
)

// company knows which users are in which channels. A user sees everybody in the same
// channel by nick and name, whatever Directus lets the user read; of others Directus
// decides. Only users who share a channel learn whether somebody is connected.
type company struct {
	mu sync.RWMutex              // a leaf lock
	in map[string]map[string]int // sessions by Channel.Key and user id, no zeros; guarded by mu
}

func newCompany() *company { return &company{in: map[string]map[string]int{}} }

// Enter notes that a session of a user is in a channel, by its Key; Leave undoes it.
func (c *company) Enter(channel, id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	users := c.in[channel]
	if users == nil {
		users = map[string]int{}
		c.in[channel] = users
	}
	users[id]++
}

// Leave notes that a session for which Enter was called is no longer in the channel.
func (c *company) Leave(channel, id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	users := c.in[channel]
	if users[id]--; users[id] <= 0 {
		delete(users, id)
	}
	if len(users) == 0 {
		delete(c.in, channel)
	}
}

func (c *company) isIn(channel, id string) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.in[channel][id] > 0
}

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

// UnknownUser stands for the author of a message that has none.
var UnknownUser = ircd.User{Nick: nobody, Username: nobody, Host: host, Realname: nobody}

// meets reports whether id is the user of the directory or shares a channel with that user.
func (d *Directory) meets(id string) bool {
	return id == d.account.ID() || d.company.meet(d.account.ID(), id)
}

// MeetsNobody is for UsersMeeting where the result is shown to others than the user of the
// directory: they may share no channel with anybody.
func MeetsNobody(string) bool { return false }

// Met returns the identity of a connected user whom all readers of the channel see there by
// nick and name. For private messages it is a user who shares any channel with the user of
// the directory. ok is false for everybody else. It asks Directus nothing.
func (d *Directory) Met(id string, c *collection.Channel) (ircd.User, bool) {
	if id != d.account.ID() && !(c.Private && d.meets(id)) && !(!c.Private && d.company.isIn(c.Key(), id)) {
		return ircd.User{}, false
	}
	return d.nicks.known(id)
}

// Knows returns what the user of the directory may know of another user, as far as Directus
// has said so lately. It asks Directus nothing.
func (d *Directory) Knows(id string) ircd.Acquaintance {
	if d.meets(id) {
		return ircd.Known
	}
	if readable, said := d.rights.Readable("directus_users", d.names); said && len(readable) > 0 {
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
