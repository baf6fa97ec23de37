package bridge

import (
	"context"
	"time"

	"directus-ircd/bridge/collection"
)

// joinTime is the moment of a JOIN by the clock of Directus: behind all that the
// channel has shown, and not behind what is written from now on. It cannot be
// that for what is written in the same millisecond as the newest message, nor for
// rows that are on their way, whose dates may be older. Rows of the future do not
// count: they would leave no room for others.
func (s *session) joinTime(j *joined, backlog []found) time.Time {
	_, limit, _ := collection.ServerNow(s.member.account)
	newest := j.view.feed.Latest(j.Channel)
	for _, f := range backlog {
		if at := f.row.ShownAt(); at.After(newest) && !at.After(limit) {
			newest = at
		}
	}
	if newest.After(limit) { // the clock was set back
		newest = time.Time{}
	}
	at := s.earliest(j, time.Now())
	if next := newest.Add(time.Millisecond); !newest.IsZero() && next.After(at) {
		at = next
	}
	return at
}

// earliest is the earliest date that what was written in a channel since a moment of ours can
// have; zero as long as Directus has not told its clock.
func (s *session) earliest(j *joined, since time.Time) time.Time {
	return collection.EarliestSince(j.view.feed.Group, s.member.account, since)
}

// rankTimeout is how long a sender waits for the exact time of a message that is
// stored already.
const rankTimeout = time.Second

// timeSent sets the time under which a row that Directus has just stored is
// shown. Where dates come in whole seconds Directus is asked for the rows in front
// of it: their events may still be on their way.
func (s *session) timeSent(ctx context.Context, r collection.Row, j *joined) collection.Row {
	f := j.view.feed
	r = f.TimeOf(r, j.Channel)
	if f.Group.Dates.HaveFractions() || r.RawDate == "" {
		return r
	}
	h := s.historyOf(j.Channel)
	h.group = h.groups[0]
	if j.Private {
		h.filter = h.group.Between(r.Author, r.Recipient)
	}
	ctx, cancel := context.WithTimeout(ctx, rankTimeout)
	defer cancel()
	if rank, err := h.inFront(ctx, r); err == nil {
		r.At = collection.DisplayTime(r.Date, rank)
	}
	return r
}
