package bridge

import (
	"context"
	"time"
)

// publish puts the rows that were not seen before into the journal.
func (f *feed) publish(ctx context.Context, rows []row, read bool) error {
	f.note(rows)
	rows = f.unseen(rows)
	if len(rows) == 0 {
		return nil
	}
	refs, err := f.carrier.names.references(ctx, f.group, rows)
	if err != nil {
		return err
	}
	if read {
		f.setState(true, nil) // so that people are told before they are shown
	}
	limit := dateLimit(f.carrier.account)
	f.mu.Lock()
	defer f.mu.Unlock()
	var entries []entry
	for _, r := range rows {
		shown := f.show(r, refs, read)
		f.markSeen(r, len(shown) > 0)
		f.arrive(r, limit)
		entries = append(entries, shown...)
	}
	f.journal.append(entries...)
	return nil
}

// arrive counts in a row that is shown; limit is where the future begins. The caller holds mu.
func (f *feed) arrive(r row, limit time.Time) {
	book, at := &f.group.dates.late, f.clock()
	switch {
	case r.rawDate == "" || r.date.After(limit):
	case compareRows(r, f.last) > 0:
		f.last = row{id: r.id, date: r.date}
	default:
		defer book.follow(r, at, f.audience())
	}
	book.arrive(r, at, limit)
}

// show makes the entries of a row that was not shown before, one for each
// channel that it belongs to, and remembers them. The caller holds mu.
func (f *feed) show(r row, refs references, read bool) []entry {
	if _, gone := f.shown.isGone(r.id); gone {
		return nil
	}
	var entries []entry
	for _, c := range f.group.channels {
		if !c.matches(r) {
			continue
		}
		r = f.timed(r, c)
		if m := toMessage(r, c, refs, f.age(r) > replayedAfter); m.Text != "" {
			entries = append(entries, entry{row: r.withoutTexts(), channel: c, event: m, read: read})
			f.shown.put(r, f.written(r), f.group.contentOf(r), c, m)
		}
	}
	return entries
}

// note counts rows in before any of them is shown: their times depend on it.
func (f *feed) note(rows []row) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range rows {
		for _, c := range f.group.channels {
			f.timed(r, c)
		}
	}
}

// timed sets the time under which a row is shown in a channel. The caller holds
// mu.
func (f *feed) timed(r row, c *channel) row {
	if !c.covers(r) {
		return r
	}
	r.at = f.moments.note(r, laneOf(r, c, f.carrier.account.ID()), f.group.dates.areFine(), dateLimit(f.carrier.account))
	return r
}

func (f *feed) unseen(rows []row) []row {
	f.mu.Lock()
	defer f.mu.Unlock()
	fresh := make([]row, 0, len(rows))
	batch := make(map[string]struct{}, len(rows))
	for _, r := range rows {
		_, again := batch[r.id]
		batch[r.id] = struct{}{}
		if _, ok := f.seen[r.id]; !ok && !again {
			fresh = append(fresh, r)
		}
	}
	return fresh
}

// markSeen notes a row that needs not be published any more. The caller holds
// mu.
func (f *feed) markSeen(r row, shown bool) {
	if _, ok := f.seen[r.id]; ok {
		return
	}
	f.arrived++
	f.seen[r.id] = mark{date: r.date, order: f.arrived, content: f.group.contentOf(r), shown: shown}
	f.uuids = isUUID(r.id)
	if date := earlier(r.date, dateLimit(f.carrier.account)); date.After(f.newest) {
		f.newest = date
	}
}

func (f *feed) countSeen() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.seen)
}

// take claims a row for a message in doubt, so that of two equal ones each
// finds its own.
func (f *feed) take(r row) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.taken[r.id] = r.date
	f.uuids = isUUID(r.id)
}
