package bridge

import (
	"context"
	"errors"
	"slices"
	"time"

	"directus-ircd/directus"
)

const (
	// sweepPeriod is how often a feed looks further back than the overlap for rows that
	// have become visible without an event.
	sweepPeriod = 2 * reconcilePeriod
	// sweepBack is how far it looks: a row that comes later than that behind its date,
	// and without an event, is not shown to those who stay. No more is looked at than
	// the feed still knows to have seen, maxSeen rows at least.
	sweepBack = time.Hour
)

// sweep looks for rows that were not there when the collection was read up to their
// date and beyond: those of a long transaction, of which no event tells. It asks for
// keys alone, a page of them in a quiet channel.
func (f *feed) sweep(ctx context.Context) error {
	if time.Since(f.swept) < sweepPeriod {
		return nil
	}
	from, until := f.sweepable()
	if !from.Before(until) {
		return nil
	}
	g, account := f.group, f.carrier.account
	filter := directus.And(g.filter, g.dates.from(from), g.dates.before(until))
	keys, err := readKeys(ctx, account, g, filter, 2*f.full)
	if errors.Is(err, errMoved) {
		return nil // the next time
	}
	if err != nil {
		return err
	}
	f.mu.Lock()
	keys = slices.DeleteFunc(keys, func(id string) bool { _, seen := f.seen[id]; return seen })
	f.mu.Unlock()
	for page := range slices.Chunk(keys, max(1, pageLimit(ctx, account, pageSize))) {
		rows, _, err := readRows(ctx, account, g, directus.Query{
			Filter: directus.And(g.filter, directus.Compare(g.fields.key(), "_in", page)), Limit: len(page),
		})
		if err != nil {
			return err
		}
		slices.SortFunc(rows, compareRows)
		if err := f.publish(ctx, rows, true); err != nil {
			return err
		}
	}
	f.swept = time.Now()
	return nil
}

// sweepable bounds the dates of which all rows that were there have been seen, and are
// remembered, and that are not read again anyway.
func (f *feed) sweepable() (from, until time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	unit := f.group.dates.unit()
	until = f.cursor.date.Add(-overlap).Truncate(unit)
	from = until.Add(-sweepBack)
	for _, known := range []time.Time{f.base, f.forgot} {
		if known = known.Truncate(unit).Add(unit); known.After(from) {
			from = known
		}
	}
	return from, until
}
