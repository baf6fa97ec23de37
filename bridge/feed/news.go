package feed

import (
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
)

// JoinMoment is when somebody was told to be in a channel.
type JoinMoment struct {
	At   time.Time // by our clock; zero: nobody was
	Date time.Time // by that of Directus, as early as it may have been; zero: it was not known
}

// From is the date from which on is dated what was written in a group since the moment: that of
// the moment, or an earlier one where the clock of Directus was set back since. Both are exact to a
// second. It is zero as long as Directus has not told its clock, and of no moment.
func (m JoinMoment) From(g *collection.Group, account *directus.Account) time.Time {
	if m.At.IsZero() {
		return time.Time{}
	}
	earliest := collection.EarliestSince(g, account, m.At)
	if m.Date.IsZero() || !earliest.IsZero() && earliest.Add(time.Second).Before(m.Date) {
		return earliest
	}
	return m.Date
}

// Promise makes news of what is written from now on, though the feed could not read its
// collection yet: somebody is told to be in a channel that it brings. As long as nobody
// is, all that is there is history, which they are shown, or ask for, when they are told.
// It may be called from any goroutine.
func (f *Feed) Promise() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.awaited.At.IsZero() {
		now := time.Now()
		f.awaited = JoinMoment{At: now, Date: collection.EarliestSince(f.Group, f.leader.Account(), now)}
	}
}

// newsFrom is the date from which on is dated what is news; false if nothing was promised. A row of
// the second behind it may have been written before: who fetches history is shown it once all the
// same, live or by a page, see wasFetched. The caller holds mu.
func (f *Feed) newsFrom() (from time.Time, awaited bool) {
	if f.awaited.At.IsZero() {
		return time.Time{}, false
	}
	if from = f.awaited.From(f.Group, f.leader.Account()); from.IsZero() {
		from = f.opened
	}
	return from, true
}

// markHistory marks as seen those rows of a first reading that are no news and not dated in the
// future: sessions show them as backlog, if at all. They count for the time of a JOIN that is
// answered from now on.
func (f *Feed) markHistory(rows []collection.Row) {
	limit := collection.DateLimit(f.leader.Account()).Add(collection.Overlap)
	hashed := f.hash(rows)
	f.mu.Lock()
	defer f.mu.Unlock()
	from, awaited := f.newsFrom()
	for _, r := range hashed {
		if awaited && !r.Date.Before(from) && r.Date.Before(limit) {
			continue
		}
		f.markSeen(r, true)
		f.Group.Dates.Late.Note(r.Row)
		for _, c := range f.Group.Channels {
			f.timed(r.Row, c)
		}
	}
}
