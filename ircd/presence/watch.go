package presence

import "directus-ircd/ircd/wire"

// Watch makes a connection monitor a folded nick: it is told when that user comes, goes
// and changes, whether they share a channel or not.
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

// Unwatch undoes Watch for one nick.
func (r *Roster) Unwatch(m *Member, key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unwatchOne(m, key)
}

// unwatchOne is Unwatch for a caller that holds mu.
func (r *Roster) unwatchOne(m *Member, key string) {
	delete(m.watching, key)
	delete(r.watchers[key], m)
	if len(r.watchers[key]) == 0 {
		delete(r.watchers, key)
	}
}

// tellWatchers tells those who monitor the user of an event, except connections in told.
// The caller holds mu.
func (r *Roster) tellWatchers(ev *Event, told members) {
	for m := range r.watchers[wire.Fold(ev.User.Nick)] {
		if _, ok := told[m]; !ok {
			r.pass(m.inbox, ev)
		}
	}
}
