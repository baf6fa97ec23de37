package ircd

import (
	"cmp"
	"slices"
	"time"

	"directus-ircd/ircd/wire"
)

// person is what the roster tells about a connected user.
type person struct {
	User
	Away     string
	Bot      bool
	Secure   bool // all connections are encrypted
	SignedOn time.Time
	Active   time.Time
}

// person makes a copy that may be used without the lock. The caller holds mu.
func (p *presence) person() person {
	secure := true
	for m := range p.conns {
		secure = secure && m.secure
	}
	return person{User: p.user, Away: p.away, Bot: p.bot, Secure: secure, SignedOn: p.signedOn, Active: p.active}
}

// members returns who is in a channel, by nick.
func (r *roster) members(channel string) []person {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.sorted(wire.Fold(channel))
	people := make([]person, len(list))
	for i, p := range list {
		people[i] = p.person()
	}
	return people
}

// names returns what show makes of those who are in a channel, by nick. It holds no
// more of them than that: whoever comes back with all others wants this.
func (r *roster) names(channel string, show func(User) string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.namesIn(wire.Fold(channel), show)
}

// namesIn is names under the lock.
func (r *roster) namesIn(key string, show func(User) string) []string {
	list := r.sorted(key)
	names := make([]string, len(list))
	for i, p := range list {
		names[i] = show(p.user)
	}
	return names
}

// count returns how many users are in a channel.
func (r *roster) count(channel string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.channels[wire.Fold(channel)])
}

// byNick returns a connected user.
func (r *roster) byNick(nick string) (person, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.nicks[wire.Fold(nick)]
	if p == nil {
		return person{}, false
	}
	return p.person(), true
}

// byID returns a connected user.
func (r *roster) byID(id string) (person, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.users[id]
	if p == nil {
		return person{}, false
	}
	return p.person(), true
}

// isIn reports whether a user is in a channel.
func (r *roster) isIn(id, channel string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.users[id]
	return p != nil && r.channels[wire.Fold(channel)][p] != nil
}

// sharing returns those of some channels that a user is in.
func (r *roster) sharing(id string, channels []string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.users[id]
	if p == nil {
		return nil
	}
	var shared []string
	for _, name := range channels {
		if r.channels[wire.Fold(name)][p] != nil {
			shared = append(shared, name)
		}
	}
	return shared
}

type rosterStats struct {
	users, most, channels, connections int
	waiting                            int // the most in one inbox
	watched                            int // nicks that somebody waits for
}

func (r *roster) stats() rosterStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := rosterStats{users: len(r.users), most: r.most, channels: len(r.channels), watched: len(r.watchers)}
	for _, p := range r.users {
		s.connections += len(p.conns)
		for m := range p.conns {
			s.waiting = max(s.waiting, m.inbox.len())
		}
	}
	return s
}

// sorted lists a channel by nick. The caller holds mu.
func (r *roster) sorted(key string) []*presence {
	list := make([]*presence, 0, len(r.channels[key]))
	for p := range r.channels[key] {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b *presence) int { return cmp.Compare(a.key, b.key) })
	return list
}
