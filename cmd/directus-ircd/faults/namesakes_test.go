package faults

import (
	"context"
	"time"
)

// Namesakes are two users of a daemon whose names make the same nick. Which of them has it, and what the other is called,
// is the same for as long as the state file lives, whoever comes first.

// addNamesakes makes two, with a reader each, and a writer for the second.
func (w *world) addNamesakes(d *daemon, names [2]string) {
	w.t.Helper()
	for i, name := range names {
		p := newPerson(d, w.dx.CreateUser(name, ""), true)
		p.namesake = true
		w.people = append(w.people, p)
		d.namesakes = append(d.namesakes, p)
		w.addReader([]string{"first", "second"}[i], p, []style{plain, tagged}[i])
		if i == 1 {
			x := w.addWriter(p, false, nil)
			x.name, x.pace = "namesake", slowPace
		}
	}
}

// anew ends a daemon and starts it again; of its namesakes the other one comes first this time.
func (w *world) anew(ctx context.Context, d *daemon, end func()) {
	for _, p := range d.namesakes {
		p.keepOut()
	}
	end()
	for _, p := range d.namesakes {
		for w.isHere(p) { // until its clients know that the daemon is gone
			pause(ctx, 20*time.Millisecond)
		}
	}
	d.start()
	if len(d.namesakes) == 0 {
		return
	}
	d.namesakes[0], d.namesakes[1] = d.namesakes[1], d.namesakes[0]
	d.namesakes[0].letIn()
	limited, cancel := context.WithTimeout(ctx, recovery)
	defer cancel()
	for !w.isHere(d.namesakes[0]) && limited.Err() == nil {
		pause(limited, 20*time.Millisecond)
	}
	if w.isHere(d.namesakes[0]) {
		w.book.met(otherOrder)
	}
	d.namesakes[1].letIn()
}

// isHere reports that a client of a person is connected.
func (w *world) isHere(p *person) bool {
	for _, c := range w.clients() {
		if c.person == p && c.connected() != nil {
			return true
		}
	}
	return false
}

// named notes that a daemon calls a user by a nick; one that was another's has changed hands.
func (b *book) named(d *daemon, nick, user string, w *world) {
	was := ""
	b.do(func() {
		if b.nicks[d.name] == nil {
			b.nicks[d.name] = map[string]string{}
		}
		if was = b.nicks[d.name][nick]; was == "" {
			b.nicks[d.name][nick] = user
		}
	})
	if was != "" && was != user {
		w.blameNow("nick changed hands: %s of %s was %s and is %s", nick, d.name, was, user)
	}
}
