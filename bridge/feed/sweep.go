package feed

import (
	"context"
	"errors"
	"slices"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
)

const (
	// sweepPeriod is how often a feed looks further back than the overlap for rows that
	// have become visible without an event.
	sweepPeriod = 2 * reconcilePeriod
	// sweepBack is how far back a sweep looks. A row that becomes visible without an event,
	// and longer after its date, is not shown to sessions that stay. A sweep covers only the
	// dates of which the feed still remembers all rows that it has seen.
	sweepBack = time.Hour
)

// sweep looks for rows that were not there when the collection was read up to their date and
// beyond, such as those of a long transaction without events. It asks for keys alone, one
// page of them in a quiet channel. After the clock of Directus was set back, it sweeps with
// each reading until the cursor has caught up; it sweeps at once when misses has counted a row.
func (f *Feed) sweep(ctx context.Context) error {
	from, until, back := f.sweepable()
	missed := f.MissedSoFar()
	if !back && missed == 0 && time.Since(f.swept) < sweepPeriod {
		return nil
	}
	if !from.Before(until) {
		f.looked(missed) // nothing is known well enough any more
		return nil
	}
	keys, _, err := f.unseenKeys(ctx, directus.And(f.Group.Dates.From(from), f.Group.Dates.Before(until)), 2*f.full)
	if errors.Is(err, collection.ErrMoved) {
		return nil // the next time
	}
	if err != nil {
		return err
	}
	size := max(1, collection.PageLimit(ctx, f.leader.Account(), collection.PageSize))
	if keys, err = f.inOrder(ctx, keys, size); err != nil {
		return err
	}
	for page := range slices.Chunk(keys, size) {
		if _, err := f.publishKeyed(ctx, page, true); err != nil {
			return err
		}
	}
	f.swept = time.Now()
	f.looked(missed)
	return nil
}

// misses makes the feed sweep soon when a session has found, in its backlog, a row that the
// feed has not seen and a sweep would find. The others must be shown it while that session
// still remembers not to show it twice. The caller holds mu.
func (f *Feed) misses(r collection.Row) {
	if _, seen := f.seen[r.ID]; seen || !f.cursor.set || r.RawDate == "" {
		return
	}
	if from, until, _ := f.sweepableLocked(); !r.Date.Before(from) && r.Date.Before(until) {
		f.missed++
		f.Reread()
	}
}

// looked records that a sweep has covered so many of the rows that misses has counted.
func (f *Feed) looked(missed int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.missed -= missed
}

// MissedSoFar is how many rows misses has counted that no sweep has covered yet. It may be
// called from any goroutine.
func (f *Feed) MissedSoFar() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.missed
}

// unseenKeys reads the keys of the rows that match a filter, more than most if there are
// more, and leaves those of rows that were seen. last is the latest date of these.
func (f *Feed) unseenKeys(ctx context.Context, filter directus.Filter, most int) (unseen []string, last time.Time, err error) {
	keys, err := collection.ReadKeys(ctx, f.leader.Account(), f.Group, directus.And(f.Group.Filter, filter), most)
	if err != nil {
		return nil, last, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	unseen = slices.DeleteFunc(keys, func(id string) bool {
		m, seen := f.seen[id]
		if seen && m.date.After(last) {
			last = m.date
		}
		return seen
	})
	return unseen, last, nil
}

// inOrder puts keys into the order of the collection if they are more than a page: each page
// is published by itself, and keys that do not count up say nothing about the order.
func (f *Feed) inOrder(ctx context.Context, keys []string, size int) ([]string, error) {
	if len(keys) <= size {
		return keys, nil
	}
	var places []collection.Row
	for page := range slices.Chunk(keys, size) {
		rows, _, err := collection.ReadPlaces(ctx, f.leader.Account(), f.Group, f.Group.Keyed(f.Group.Filter, page))
		if err != nil {
			return nil, err
		}
		places = append(places, rows...)
	}
	slices.SortFunc(places, collection.CompareRows)
	keys = make([]string, len(places))
	for i, r := range places {
		keys[i] = r.ID
	}
	return keys, nil
}

// publishKeyed reads the rows of at most a page of keys, publishes them, and returns their
// latest date. read says that no event told of them.
func (f *Feed) publishKeyed(ctx context.Context, keys []string, read bool) (last time.Time, err error) {
	if len(keys) == 0 {
		return last, nil
	}
	rows, _, err := collection.ReadRows(ctx, f.leader.Account(), f.Group, f.Group.Keyed(f.Group.Filter, keys))
	if err != nil {
		return last, err
	}
	slices.SortFunc(rows, collection.CompareRows)
	if read {
		if err := f.hear(ctx); err != nil {
			return last, err
		}
	}
	if err := f.publish(ctx, rows, read); err != nil {
		return last, err
	}
	f.reorder.read(rows)
	if len(rows) > 0 {
		last = rows[len(rows)-1].Date
	}
	return last, nil
}

// sweepable bounds the dates of which all rows that were there have been seen, and are
// remembered, and that are not read again anyway. back says that some of what was written since
// the last reading may be dated in between.
func (f *Feed) sweepable() (from, until time.Time, back bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sweepableLocked()
}

func (f *Feed) sweepableLocked() (from, until time.Time, back bool) {
	unit := f.Group.Dates.Unit()
	until = f.cursor.date.Add(-collection.Overlap).Truncate(unit)
	from = until.Add(-sweepBack)
	if earliest, known := f.leader.Account().EarliestSince(f.current); known && earliest.Before(until) {
		from, back = collection.Earlier(from, earliest.Add(-collection.Overlap)), true
	}
	for _, known := range []time.Time{f.base, f.forgot} {
		if known = known.Truncate(unit).Add(unit); known.After(from) {
			from = known
		}
	}
	return from, until, back
}
