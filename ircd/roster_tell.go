package ircd

import (
	"maps"

	"directus-ircd/ircd/wire"
)

// tell puts an event into the inboxes of all others in a channel. The caller
// holds mu.
func (r *roster) tell(key string, p *presence, ev *presenceEvent) {
	for o := range r.others(key, p) {
		o.inbox.add(ev)
	}
}

// tellOnce is tell for an event that concerns several channels. The caller
// holds mu.
func (r *roster) tellOnce(key string, p *presence, ev *presenceEvent, told members) {
	for o := range r.others(key, p) {
		if _, ok := told[o]; !ok {
			told[o] = struct{}{}
			o.inbox.add(ev)
		}
	}
}

// tellAround tells an event about a user, which nobody has yet, to all who share a
// channel, and to those who wait for the user. The caller holds mu.
func (r *roster) tellAround(p *presence, ev *presenceEvent) {
	told := maps.Clone(p.conns) // not the user's own
	ev.in = make(map[string]struct{})
	for m := range p.conns {
		maps.Copy(ev.in, m.channels)
	}
	for m := range p.conns {
		for key := range m.channels {
			r.tellOnce(key, p, ev, told)
		}
	}
	watched := *ev
	watched.watched = true
	r.tellWatchers(&watched, told)
}

// others yields the connections in a channel of everybody but p. The caller
// holds mu.
func (r *roster) others(key string, p *presence) func(yield func(*member) bool) {
	return func(yield func(*member) bool) {
		for q, conns := range r.channels[key] {
			if q == p {
				continue
			}
			for o := range conns {
				if !yield(o) {
					return
				}
			}
		}
	}
}

// typing tells the others in a channel that a user is typing.
func (r *roster) typing(m *member, channel string, ev *presenceEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for o := range r.others(wire.Fold(channel), m.p) {
		o.inbox.addIfRoom(ev, typingRoom)
	}
}

// typingTo tells one other user, on all connections.
func (r *roster) typingTo(m *member, id string, ev *presenceEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.users[id]
	if p == nil || p == m.p {
		return
	}
	for o := range p.conns {
		o.inbox.addIfRoom(ev, typingRoom)
	}
}

// invite tells a user on all connections of an invitation, and everybody else in
// the channel but the connection that invites. It reports whether the user was
// told: not, if they are gone or in the channel already.
func (r *roster) invite(m *member, id string, ev *presenceEvent) bool {
	key := wire.Fold(ev.channel)
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.users[id]
	if p == nil || r.channels[key][p] != nil {
		return false
	}
	for o := range p.conns {
		o.inbox.addIfRoom(ev, inviteRoom)
	}
	for _, conns := range r.channels[key] {
		for o := range conns {
			if o != m {
				o.inbox.addIfRoom(ev, inviteRoom)
			}
		}
	}
	return true
}
