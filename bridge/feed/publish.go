package feed

import (
	"context"
	"time"

	"directus-ircd/bridge/collection"
)

// publish puts the rows that were not seen before into the journal. read says that they
// were found by reading the collection.
func (f *Feed) publish(ctx context.Context, rows []collection.Row, read bool) error {
	f.note(rows)
	rows = f.unseen(rows)
	if len(rows) == 0 {
		return nil
	}
	refs, err := f.leader.Names().References(ctx, f.Group, rows)
	if err != nil {
		return err
	}
	if read {
		f.SetState(true, nil) // so that people are told before they are shown
		f.noteRead(rows)
		f.watch.recovered.Add(int64(len(rows)))
	}
	limit := collection.DateLimit(f.leader.Account())
	rendered := f.render(rows, refs)
	f.mu.Lock()
	defer f.mu.Unlock()
	var entries []Entry
	for _, r := range rendered {
		shown := f.show(r, read)
		f.markSeen(r, len(shown) > 0)
		f.arrive(r.Row, limit)
		entries = append(entries, shown...)
	}
	f.Bring(entries...)
	return nil
}

// arrive records when a row came, to find rows that came later than others dated behind
// them; dates after limit are of the future. The caller holds mu.
func (f *Feed) arrive(r collection.Row, limit time.Time) {
	book, at := &f.Group.Dates.Late, f.clock()
	switch {
	case r.RawDate == "" || r.Date.After(limit):
	case collection.CompareRows(r, f.last) > 0:
		f.last = collection.Row{ID: r.ID, Date: r.Date}
	default:
		defer book.Follow(r, at, f.Audience())
	}
	book.Arrive(r, at, limit)
}

// show makes the entries of a row that was not shown before, one for each
// channel that it belongs to, and remembers them. The caller holds mu.
func (f *Feed) show(r *rendering, read bool) []Entry {
	if _, gone := f.shown.isGone(r.ID); gone {
		return nil
	}
	var entries []Entry
	for _, rendered := range r.messages {
		c, m := rendered.channel, rendered.message
		row := f.timed(r.Row, c)
		if m == nil {
			continue
		}
		m.Time, m.Replayed = row.ShownAt(), f.age(row) > replayedAfter
		entries = append(entries, Entry{Row: row.WithoutTexts(), Channel: c, Event: m, Read: read})
		f.shown.put(row, f.written(row), r.content, c, m)
		if p := f.shown.rows[r.ID].place(c); p != nil && len(p.edits) == 0 {
			p.complete = true
		}
	}
	return entries
}

// note tells the display times of all rows of a batch before any of them is shown: the time
// of each depends on the others.
func (f *Feed) note(rows []collection.Row) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range rows {
		for _, c := range f.Group.Covering(r) {
			f.timed(r, c)
		}
	}
}

// timed sets the time under which a row is shown in a channel. The caller holds
// mu.
func (f *Feed) timed(r collection.Row, c *collection.Channel) collection.Row {
	if !c.Covers(r) {
		return r
	}
	r.At = f.moments.Note(r, collection.ConversationOf(r, c, f.leader.Account().ID()), f.Group.Dates.HaveFractions(), collection.DateLimit(f.leader.Account()))
	return r
}

func (f *Feed) unseen(rows []collection.Row) []collection.Row {
	f.mu.Lock()
	defer f.mu.Unlock()
	fresh := make([]collection.Row, 0, len(rows))
	batch := make(map[string]struct{}, len(rows))
	for _, r := range rows {
		_, again := batch[r.ID]
		batch[r.ID] = struct{}{}
		if _, ok := f.seen[r.ID]; !ok && !again {
			fresh = append(fresh, r)
		}
	}
	return fresh
}

// markSeen notes a row that must not be published again. The caller holds mu.
func (f *Feed) markSeen(r *rendering, shown bool) {
	if _, ok := f.seen[r.ID]; ok {
		return
	}
	f.arrived++
	f.seen[r.ID] = mark{date: r.Date, order: f.arrived, content: r.content, shown: shown}
	f.uuids = collection.IsUUID(r.ID)
	if date := collection.Earlier(r.Date, collection.DateLimit(f.leader.Account())); date.After(f.newest) {
		f.newest = date
	}
}

func (f *Feed) countSeen() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.seen)
}

// Take claims a row for a message in doubt, so that of two equal ones each
// finds its own.
func (f *Feed) Take(r collection.Row) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.taken[r.ID] = r.Date
	f.uuids = collection.IsUUID(r.ID)
}
