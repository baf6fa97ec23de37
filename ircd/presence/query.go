package presence

import (
	"cmp"
	"slices"
	"time"

	"directus-ircd/ircd/wire"
)

// Person is a snapshot of a connected user.
type Person struct {
	User
	Away     string
	Bot      bool
	Secure   bool // all connections are encrypted
	SignedOn time.Time
	Active   time.Time
}

// person takes the snapshot; false if there is no such user. The caller holds mu.
func (p *user) person() (Person, bool) {
	if p == nil {
		return Person{}, false
	}
	secure := true
	for m := range p.conns {
		secure = secure && m.secure
	}
	return Person{User: p.user, Away: p.away, Bot: p.bot, Secure: secure, SignedOn: p.signedOn, Active: p.active}, true
}

// Members returns the users in a channel, sorted by nick.
func (r *Roster) Members(key string) []Person {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.sorted(key)
	people := make([]Person, len(list))
	for i, p := range list {
		people[i], _ = p.person()
	}
	return people
}

// Names returns show of each user in a channel, sorted by nick. It allocates no more than
// that: after a restart all clients ask for it at once.
func (r *Roster) Names(key string, show func(User) string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.namesIn(key, show)
}

// namesIn is names under the lock.
func (r *Roster) namesIn(key string, show func(User) string) []string {
	list := r.sorted(key)
	names := make([]string, len(list))
	for i, p := range list {
		names[i] = show(p.user)
	}
	return names
}

// Count returns how many users are in a channel.
func (r *Roster) Count(key string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.channels[key])
}

// ByNick returns a connected user.
func (r *Roster) ByNick(nick string) (Person, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.nicks[wire.Fold(nick)].person()
}

// ByID returns a connected user.
func (r *Roster) ByID(id string) (Person, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.users[id].person()
}

// IsIn reports whether a user is in a channel.
func (r *Roster) IsIn(id, key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.users[id]
	return p != nil && r.channels[key][p] != nil
}

// Sharing returns which of some channels a user is in.
func (r *Roster) Sharing(id string, keys []string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.users[id]
	if p == nil {
		return nil
	}
	var shared []string
	for _, key := range keys {
		if r.channels[key][p] != nil {
			shared = append(shared, key)
		}
	}
	return shared
}

type Stats struct {
	Users, Most, Channels, Connections int
	Waiting                            int // events in the fullest inbox
	Watched                            int // nicks that somebody monitors
}

func (r *Roster) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Stats{Users: len(r.users), Most: r.most, Channels: len(r.channels), Watched: len(r.watchers)}
	for _, p := range r.users {
		s.Connections += len(p.conns)
		for m := range p.conns {
			s.Waiting = max(s.Waiting, m.inbox.Len())
		}
	}
	return s
}

// sorted returns the users in a channel, sorted by nick. The caller holds mu.
func (r *Roster) sorted(key string) []*user {
	list := make([]*user, 0, len(r.channels[key]))
	for p := range r.channels[key] {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b *user) int { return cmp.Compare(a.key, b.key) })
	return list
}
