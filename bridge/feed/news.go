package feed

import (
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
)

// JoinMoment is when a session was told that it is in a channel.
type JoinMoment struct {
	At   time.Time // by our clock; zero: it was not told
	Date time.Time // by the clock of Directus, the earliest possible time; zero: unknown
}

// From is the earliest date of rows that were written in a group since the moment: that of the
// moment, or an earlier one if the clock of Directus was set back since. It is exact to a second.
// It is zero if At is zero or the clock of Directus is not known yet.
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

// Promise makes rows that are written from now on news, though the feed could not read its
// collection yet: a session is told that it is in one of the channels. Until then all rows
// are history, which a session is shown, or asks for, once it is told. It may be called from
// any goroutine.
func (f *Feed) Promise() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.awaited.At.IsZero() {
		now := time.Now()
		f.awaited = JoinMoment{At: now, Date: collection.EarliestSince(f.Group, f.leader.Account(), now)}
	}
}

// newsFrom is the earliest date of rows that are news; awaited is false if Promise was not called.
// A row of the first second may have been written before: a session that fetches history is shown
// it once all the same, live or by a page. The caller holds mu.
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
		for _, c := range f.Group.Covering(r.Row) {
			f.timed(r.Row, c)
		}
	}
}
