package presence

import "directus-ircd/ircd/wire"

// Watch makes a connection wait for a nick, a folded one: it is told when the
// user comes and goes, and what happens to them, in whatever channels they are.
func (r *Roster) Watch(m *Member, key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m.watching[key] = struct{}{}
	conns := r.watchers[key]
	if conns == nil {
		conns = make(members)
		r.watchers[key] = conns
	}
	conns[m] = struct{}{}
}

// Unwatch undoes it.
func (r *Roster) Unwatch(m *Member, key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unwatchOne(m, key)
}

// unwatchAll undoes it for all nicks. The caller holds mu.
func (r *Roster) unwatchAll(m *Member) {
	for key := range m.watching {
		r.unwatchOne(m, key)
	}
}

// unwatchOne is unwatch under the lock.
func (r *Roster) unwatchOne(m *Member, key string) {
	delete(m.watching, key)
	delete(r.watchers[key], m)
	if len(r.watchers[key]) == 0 {
		delete(r.watchers, key)
	}
}

// tellWatchers tells those who wait for the user of an event, but for those who
// were told already. The caller holds mu.
func (r *Roster) tellWatchers(ev *Event, told members) {
	for m := range r.watchers[wire.Fold(ev.User.Nick)] {
		if _, ok := told[m]; !ok {
			m.inbox.add(ev)
		}
	}
}
