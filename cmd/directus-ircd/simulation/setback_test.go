package simulation

import (
	"slices"
	"time"
)

const (
	// toldApart is how many of the messages that a device was shown are told apart: one that comes later and is dated before
	// more than these counts as received.
	toldApart = 512
	// remembered is how many messages a feed knows at least to have seen.
	remembered = 2048
	// regrouping is how long after a change of rights or of the configuration feeds may begin anew.
	regrouping = 2 * time.Minute
	// unnoticed is how long the daemon goes by a clock of Directus that was set, which it learns from answers.
	unnoticed = time.Minute
)

// setBack says which messages may be missing that were stored while the clock of Directus was set back by more than a minute,
// and had not caught up.
type setBack struct {
	*reading
	behind  map[int]bool // dated more than a minute before others of the channel that were stored earlier
	crowded map[int]bool // dated before more than a device is known to have
	begun   []stay       // in which feeds began to read
	stored  []time.Time  // when what is in the collection was, in order
}

func newSetBack(r *reading) *setBack {
	b := &setBack{reading: r, behind: map[int]bool{}, crowded: map[int]bool{}}
	var dates []time.Time // in order, of those stored so far
	for _, row := range slices.SortedStableFunc(slices.Values(r.rows), func(a, b *record) int { return a.stored().Compare(b.stored()) }) {
		if dated(row) {
			continue
		}
		place, _ := slices.BinarySearchFunc(dates, row.date().Add(1), time.Time.Compare)
		n := len(dates)
		b.behind[row.message] = n > 0 && dates[n-1].Sub(row.date()) > time.Minute
		b.crowded[row.message] = r.c.spec.device != "" && n-place >= toldApart
		dates = slices.Insert(dates, place, row.date())
	}
	for _, c := range r.w.clients {
		for _, v := range c.visits {
			b.begun = append(b.begun, stay{begin: v.begin, end: v.begin})
		}
	}
	for _, t := range r.w.reloads {
		b.begun = append(b.begun, stay{begin: t, end: t.Add(regrouping)})
	}
	for _, states := range r.w.chronicle.rights {
		for _, s := range states[1:] {
			b.begun = append(b.begun, stay{begin: s.from, end: s.from.Add(regrouping)})
		}
	}
	for _, item := range r.w.chronicle.items {
		if item.collection == r.ch.collection {
			b.stored = append(b.stored, item.stored())
		}
	}
	slices.SortFunc(b.stored, time.Time.Compare)
	return b
}

// excuses reports whether a message may be missing. Who was there is to be shown it, by its event or by a reading, unless
// nobody can tell it from what was there before. Who leaves earlier than a reading is sure to have found it is owed no more than
// who stays: nothing that is in front of what was there, be that in the channel or where feeds began to read, as they do in a
// channel that nobody has written in. A device that was away is shown no more than the last minute, and who asks for what is
// behind the newest message that it knows does not find what is in front of that.
func (b *setBack) excuses(row *record) bool {
	switch {
	case b.crowded[row.message]:
		return true
	case b.waited(row):
		return b.isUnknown(row)
	case b.c.spec.device != "":
		return row.date().Before(b.w.chronicle.latest(b.w.start, row.stored()).Add(-time.Minute))
	}
	return b.behind[row.message] || b.isUnknown(row) && !b.wasBrought(row, b.w.rest, b.w.lives)
}

// isUnknown reports whether a message is dated before feeds began to read, or may be dated before the last one that they have
// forgotten.
func (b *setBack) isUnknown(row *record) bool {
	if before, _ := slices.BinarySearchFunc(b.stored, row.stored(), time.Time.Compare); before >= remembered && b.behind[row.message] {
		return true
	}
	return slices.ContainsFunc(b.begun, func(s stay) bool {
		end := s.end
		if row.stored().Before(end) {
			end = row.stored()
		}
		return !s.begin.After(end) && row.date().Before(b.w.chronicle.latest(s.begin.Add(-unnoticed), end).Add(-time.Minute))
	})
}

// mayRepeat reports whether a device that comes back may be shown a message once more: one of the last minute, while the clock
// of Directus is set back by more than that. Which minute that is depends on when the backlog was read, which takes Directus a
// while.
func (w *world) mayRepeat(c *client, s sighting, row *record) bool {
	begin := c.stays[s.stay].begin
	now, latest := w.chronicle.shown(begin), w.chronicle.latest(w.start, begin)
	until := now
	if s.past {
		until = w.chronicle.shown(s.at)
	}
	const inexact = 3 * time.Second // the daemon knows the time by answers, and dates may be whole seconds
	return latest.Sub(now) > time.Minute-inexact && now.Sub(row.date()) < time.Minute+inexact && row.date().Before(until.Add(inexact))
}
