package bridge

import (
	"time"

	"directus-ircd/directus"
	"directus-ircd/ircd"
)

// serverNow is the earliest moment that the clock of Directus may show now, and
// the latest date that a row can have without being of the future.
func serverNow(account *directus.Account) (now, limit time.Time, ok bool) {
	early, late, ok := account.ServerTime()
	if !ok {
		return time.Time{}, time.Now().Add(overlap), false
	}
	return early, late.Add(time.Second), true // MySQL rounds up
}

// joinTime is the moment of a JOIN by the clock of Directus: behind all that the
// channel has shown, and not behind what is written from now on. Not known are
// rows on their way, whose dates may be older than those of others that are here
// already, and rows of the future, which would leave no room for any other.
func (s *session) joinTime(j *joined, backlog []*ircd.Message) time.Time {
	now, limit, known := serverNow(s.member.account)
	f := j.view.feed
	f.mu.Lock()
	newest := f.moments.newest[lane{channel: j.channel}]
	f.mu.Unlock()
	for _, m := range backlog {
		if m.Time.After(newest) && !m.Time.After(limit) {
			newest = m.Time
		}
	}
	if newest.After(limit) { // the clock was set back
		newest = time.Time{}
	}
	at := time.Time{}
	if known {
		unit := time.Millisecond
		if !f.group.dates.areFine() {
			unit = time.Second // the next message may be dated to its beginning
		}
		at = now.Truncate(unit)
	}
	if next := newest.Add(time.Millisecond); !newest.IsZero() && next.After(at) {
		at = next
	}
	return at
}
