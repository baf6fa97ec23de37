package presence

import (
	"maps"
	"time"
)

const (
	// gatherTime is how long events wait for more of their kind when many come. A connection
	// is then woken, and its client written to, once for all of them.
	gatherTime = 50 * time.Millisecond
	// manyWakes is how many connections are woken within gatherTime without that.
	manyWakes = 512
)

// pass puts an event into an inbox and wakes its connection: at once, or, when many have been
// woken lately, together with all others that get something. The caller holds mu.
func (r *Roster) pass(in *Inbox, ev *Event) {
	in.add(ev)
	if r.gathering == nil {
		now := time.Now()
		if !now.Before(r.until) {
			r.until, r.woken = now.Add(gatherTime), 0
		}
		if r.woken < manyWakes {
			r.woken++
			in.Ring()
			return
		}
		r.gathering = time.AfterFunc(r.until.Sub(now), r.wake)
	}
	if !in.late {
		in.late = true
		r.late = append(r.late, in)
	}
}

// wake wakes those for whom events were gathered. It runs on a timer's goroutine.
func (r *Roster) wake() {
	r.mu.Lock()
	late := r.late
	for _, in := range late {
		in.late = false
	}
	r.late, r.gathering = nil, nil
	r.until, r.woken = time.Now().Add(gatherTime), len(late)
	r.mu.Unlock()
	for _, in := range late {
		in.Ring()
	}
}

// tell puts an event into the inboxes of all others in a channel. The caller holds mu.
func (r *Roster) tell(key string, p *user, ev *Event) {
	for o := range r.others(key, p) {
		r.pass(o.inbox, ev)
	}
}

// tellOnce is tell for an event of several channels: it skips connections in told and
// adds those it reaches. The caller holds mu.
func (r *Roster) tellOnce(key string, p *user, ev *Event, told members) {
	for o := range r.others(key, p) {
		if _, ok := told[o]; !ok {
			told[o] = struct{}{}
			r.pass(o.inbox, ev)
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
func (r *Roster) Typing(m *Member, ev *Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for o := range r.others(ev.Channel, m.p) {
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
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.users[id]
	if p == nil || r.channels[ev.Channel][p] != nil {
		return false
	}
	for o := range p.conns {
		o.inbox.addIfRoom(ev, inviteRoom)
	}
	for _, conns := range r.channels[ev.Channel] {
		for o := range conns {
			if o != m {
				o.inbox.addIfRoom(ev, inviteRoom)
			}
		}
	}
	return true
}
