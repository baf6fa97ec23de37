package feed

import (
	"context"
	"errors"
	"maps"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
)

// catchUp reads the collection from the cursor on and publishes the rows that were not seen,
// in the order of the collection. The first time it only finds where the collection ends:
// rows from before the feed was opened are backlog.
func (f *Feed) catchUp(ctx context.Context) error {
	begun := time.Now()
	if !f.cursor.set {
		return f.start(ctx)
	}
	if err := f.publishMissed(ctx); err != nil {
		return err
	}
	_, _, back := f.sweepable()
	if back { // what it finds is dated before what is read next
		if err := f.sweep(ctx); err != nil {
			return err
		}
	}
	last, done, err := f.readAgain(ctx, f.cursor.date.Add(-collection.Overlap))
	if err == nil && !done {
		last, err = f.readSince(ctx, f.cursor.date, func(rows []collection.Row) error {
			if err := f.hear(ctx); err != nil {
				return err
			}
			return f.publish(ctx, rows, true)
		})
	}
	if err != nil {
		return err
	}
	f.advance(last)
	if !back {
		if err := f.sweep(ctx); err != nil {
			return err
		}
	}
	f.Current(begun)
	f.journal.ring()
	return nil
}

// Current records that every row which the collection held at a moment, by our clock, has
// been published.
func (f *Feed) Current(at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.current = at
}

// readAgain reads what is dated from a moment on when most of it was seen already, as after
// an import that nothing has followed: it asks for keys alone and then for the rows of new
// keys. The newest row is read in full, to notice a right that was lost. done is false if
// this gains nothing, or if more than a page is new.
func (f *Feed) readAgain(ctx context.Context, from time.Time) (last time.Time, done bool, err error) {
	page := collection.PageLimit(ctx, f.leader.Account(), collection.PageSize)
	known := f.countSeenSince(from)
	if known <= page {
		return last, false, nil
	}
	newest, err := collection.NewestRow(ctx, f.leader.Account(), f.Group)
	if err != nil {
		return last, false, err
	}
	unseen, last, err := f.unseenKeys(ctx, f.Group.Dates.From(from), known+page)
	switch {
	case errors.Is(err, collection.ErrMoved):
		return last, false, nil
	case err != nil:
		return last, false, err
	case len(unseen) > page:
		return last, false, nil
	}
	f.reorder.read([]collection.Row{newest})
	read, err := f.publishKeyed(ctx, unseen, true)
	if errors.Is(err, directus.ErrTooLarge) {
		return last, false, nil
	}
	if read.After(last) {
		last = read
	}
	return last, err == nil, err
}

// countSeenSince is how many of the rows that were seen are dated from a moment on.
func (f *Feed) countSeenSince(from time.Time) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.seen {
		if !m.date.Before(from) {
			n++
		}
	}
	return n
}

// expectCrowd sets, after a reading, how many rows may come before the collection is read
// again early: as many as the position of a device tells apart, so that a row whose event was
// lost is not taken for received. During an import the number grows, as each reading looks at
// all rows dated within the overlap.
func (f *Feed) expectCrowd() {
	recent := f.countSeenSince(f.cursor.date.Add(-collection.Overlap))
	f.mu.Lock()
	defer f.mu.Unlock()
	f.many = f.arrived + int64(max(collection.MaxToldApart, recent))
}

// isCrowded reports whether as many rows have come as expectCrowd allows.
func (f *Feed) isCrowded() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.many > 0 && f.arrived > f.many
}

// start sets the cursor to the newest row and marks all that the overlap
// reaches as seen, but for what is news, however long it took until the collection
// could be read. Where there is nothing yet, or nothing that the user may read, the
// cursor is the moment at which the feed was opened: what turns up later and is older
// is no news.
func (f *Feed) start(ctx context.Context) error {
	newest, err := collection.NewestRow(ctx, f.leader.Account(), f.Group)
	if err != nil {
		return err
	}
	var last time.Time
	since := f.opened
	if _, _, known := collection.ServerNow(f.leader.Account()); !known {
		since = time.Time{} // it may be anything
	}
	if newest.ID != "" {
		if since = f.opened; !newest.Date.IsZero() { // else as of the year 12345
			since = collection.Earlier(newest.Date, since)
		}
		f.mu.Lock()
		if from, awaited := f.newsFrom(); awaited {
			since = collection.Earlier(from, since)
		}
		f.mu.Unlock()
		last, err = f.readSince(ctx, since, func(rows []collection.Row) error {
			f.markHistory(rows)
			return f.publish(ctx, rows, true)
		})
		if err != nil {
			return err
		}
	}
	f.mu.Lock()
	f.cursor = cursor{set: true, date: since}
	if f.base = since.Add(-collection.Overlap); since.IsZero() {
		f.base = f.opened
	}
	f.trust.date, f.trust.next = since, since
	f.mu.Unlock()
	f.advance(last)
	return nil
}

// readSince reads page by page from a minute before since, oldest first, and
// returns the date of the last row.
func (f *Feed) readSince(ctx context.Context, since time.Time, use func([]collection.Row) error) (last time.Time, err error) {
	if !since.IsZero() && !f.Group.Dates.Known() { // nor how a date is to be written
		newest, err := collection.NewestRow(ctx, f.leader.Account(), f.Group)
		if err != nil || newest.ID == "" {
			return last, err
		}
	}
	pages := &collection.Scan{Account: f.leader.Account(), Group: f.Group, Base: f.Group.Filter, Size: collection.PageSize}
	if !since.IsZero() {
		pages.Bound = since.Add(-collection.Overlap)
	}
	for !pages.Done {
		rows, _, err := pages.Next(ctx)
		if err != nil {
			return last, err
		}
		if err := use(rows); err != nil {
			return last, err
		}
		f.reorder.read(rows)
		if len(rows) > 0 {
			last = rows[len(rows)-1].Date
		}
		pages.Size = min(2*pages.Size, collection.MaxPage) // there is much to read
		pages.Size = max(collection.PageSize, pages.Limit(ctx))
	}
	return last, nil
}

// advance moves the cursor and forgets the keys that no later read reaches.
func (f *Feed) advance(last time.Time) {
	f.reads++
	limit := collection.DateLimit(f.leader.Account())
	f.mu.Lock()
	defer f.mu.Unlock()
	// A row from the future must not hide what is written from now on.
	if last = collection.Earlier(last, limit); last.After(f.cursor.date) {
		f.cursor.date = last
	}
	f.renewTrust()
	f.reached = f.trust.date
	horizon := f.trust.date.Add(-2 * collection.Overlap)
	if f.cursor.date.After(f.newest) {
		f.newest = f.cursor.date
	}
	// The latest stay all the same: an overloaded Directus may send their
	// events much later.
	maps.DeleteFunc(f.seen, func(_ string, m mark) bool {
		if !m.date.Before(horizon) || f.arrived-m.order < maxSeen {
			return false
		}
		if m.date.After(f.forgot) {
			f.forgot = m.date
		}
		return true
	})
	maps.DeleteFunc(f.taken, func(_ string, date time.Time) bool { return date.Before(horizon) })
}
