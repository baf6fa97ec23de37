package presence

import (
	"maps"

	"directus-ircd/ircd/wire"
)

// tell puts an event into the inboxes of all others in a channel. The caller holds mu.
func (r *Roster) tell(key string, p *user, ev *Event) {
	for o := range r.others(key, p) {
		o.inbox.add(ev)
	}
}

// tellOnce is tell for an event of several channels: it skips connections in told and
// adds those it reaches. The caller holds mu.
func (r *Roster) tellOnce(key string, p *user, ev *Event, told members) {
	for o := range r.others(key, p) {
		if _, ok := told[o]; !ok {
			told[o] = struct{}{}
			o.inbox.add(ev)
		}
	}
}

// tellAround sends a new event about a user to everybody who shares a channel with or
// monitors that user. The caller holds mu.
func (r *Roster) tellAround(p *user, ev *Event) {
	told := maps.Clone(p.conns) // skip the user's own
	ev.In = make(map[string]struct{})
	for m := range p.conns {
		maps.Copy(ev.In, m.channels)
	}
	for m := range p.conns {
		for key := range m.channels {
			r.tellOnce(key, p, ev, told)
		}
	}
	watched := *ev
	watched.Watched = true
	r.tellWatchers(&watched, told)
}

// others yields the connections in a channel of everybody but p. The caller holds mu.
func (r *Roster) others(key string, p *user) func(yield func(*Member) bool) {
	return func(yield func(*Member) bool) {
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

// Typing tells the others in a channel that a user is typing, unless their inboxes are
// too full for it.
func (r *Roster) Typing(m *Member, channel string, ev *Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for o := range r.others(wire.Fold(channel), m.p) {
		o.inbox.addIfRoom(ev, typingRoom)
	}
}

// TypingTo is Typing for one other user, on all connections.
func (r *Roster) TypingTo(m *Member, id string, ev *Event) {
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

// Invite tells a user's connections of an invitation, and everybody in the channel but
// the connection that invites. It reports false, and tells nobody, if the user is not
// connected or already in the channel.
func (r *Roster) Invite(m *Member, id string, ev *Event) bool {
	key := wire.Fold(ev.Channel)
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
