package presence

import (
	"maps"
	"slices"
	"time"

	"directus-ircd/ircd/wire"
)

const (
	// maxPast is how many departures are remembered, and maxPastUser how many of one
	// user, so that one flapping connection does not evict all others.
	maxPast     = 1000
	maxPastUser = 8
	// pastAge is how long a departure is remembered.
	pastAge = 12 * time.Hour
)

// Departed is a user who has quit. It is immutable.
type Departed struct {
	User
	At       time.Time
	Channels map[string]struct{} // keys of the channels they were in
}

// remember records that a user has quit who was in the given channels. The caller holds
// mu.
func (r *Roster) remember(p *user, channels map[string]struct{}) {
	d := &Departed{User: p.user, At: time.Now(), Channels: maps.Clone(channels)}
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

// Departures returns the users who have quit under a nick, newest first.
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
