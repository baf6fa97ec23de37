package presence

import (
	"slices"
	"time"

	"directus-ircd/ircd/wire"
)

const (
	// maxPast is how many departures are remembered, and maxPastUser how many
	// of one user, so that a connection that comes and goes does not push all
	// others out.
	maxPast     = 1000
	maxPastUser = 8
	// pastAge is for how long.
	pastAge = 12 * time.Hour
)

// Departed is a user who left. It is immutable.
type Departed struct {
	User
	At       time.Time
	Channels map[string]struct{} // folded names of those they were in at last
}

// remember notes that a user left who was in some channels. The caller holds mu.
func (r *Roster) remember(p *user, channels map[string]struct{}) {
	d := &Departed{User: p.user, At: time.Now(), Channels: make(map[string]struct{}, len(channels))}
	for key := range channels {
		d.Channels[key] = struct{}{}
	}
	oldest := d.At.Add(-pastAge)
	same := 1 // departures of this user
	for _, o := range r.past {
		if o.ID == d.ID {
			same++
		}
	}
	r.past = slices.DeleteFunc(r.past, func(o *Departed) bool {
		drop := o.ID == d.ID && same > maxPastUser
		if drop {
			same--
		}
		return drop || o.At.Before(oldest)
	})
	if len(r.past) >= maxPast {
		r.past = slices.Delete(r.past, 0, len(r.past)-maxPast+1)
	}
	r.past = append(r.past, d)
}

// Departures returns those who left under a nick, newest first.
func (r *Roster) Departures(nick string) []*Departed {
	key := wire.Fold(nick)
	oldest := time.Now().Add(-pastAge)
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []*Departed
	for _, d := range slices.Backward(r.past) {
		if wire.Fold(d.Nick) == key && d.At.After(oldest) {
			list = append(list, d)
		}
	}
	return list
}
