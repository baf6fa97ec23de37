package ircd

import (
	"cmp"
	"slices"
	"time"
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
	return r.people(Fold(channel))
}

// count returns how many users are in a channel.
func (r *roster) count(channel string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.channels[Fold(channel)])
}

// byNick returns a connected user.
func (r *roster) byNick(nick string) (person, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.nicks[Fold(nick)]
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
	return p != nil && r.channels[Fold(channel)][p] != nil
}

type rosterStats struct {
	users, most, channels, connections int
}

func (r *roster) stats() rosterStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := rosterStats{users: len(r.users), most: r.most, channels: len(r.channels)}
	for _, p := range r.users {
		s.connections += len(p.conns)
	}
	return s
}

// people lists a channel by nick. The caller holds mu.
func (r *roster) people(key string) []person {
	list := make([]person, 0, len(r.channels[key]))
	for p := range r.channels[key] {
		list = append(list, p.person())
	}
	slices.SortFunc(list, func(a, b person) int { return cmp.Compare(Fold(a.Nick), Fold(b.Nick)) })
	return list
}
