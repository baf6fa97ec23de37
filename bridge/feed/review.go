package feed

import (
	"context"
	"errors"
	"slices"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
)

// maxReviewed is how many of the newest shown messages are read again when events about
// them may have been lost, and maxReviews in how many requests at most, where Directus
// limits the rows of a page.
const (
	maxReviewed = collection.PageSize
	maxReviews  = 10
)

// review reads the newest shown messages again after events may have been lost, so that
// edits and deletions made during an outage are shown late rather than never.
func (f *Feed) review(ctx context.Context) error {
	size := collection.PageLimit(ctx, f.leader.Account(), maxReviewed)
	err := f.refresh(ctx, f.latestShown(min(maxReviewed, maxReviews*size)))
	if err == nil {
		err = f.showEdits(ctx)
	}
	return f.failed(ctx, err)
}

// refresh reads rows by their keys and brings what has become of them.
func (f *Feed) refresh(ctx context.Context, ids []string) error {
	return f.readNow(ctx, ids, func(rows []collection.Row, missing []string) error {
		if err := f.update(ctx, rows); err != nil {
			return err
		}
		f.vanish(missing)
		return nil
	})
}

// readNow reads rows by their keys, as the leader may read them now, and calls use for each
// page with its rows and with the keys that are unreadable or outside the filter. In a
// shared feed, no reader may read these: the rights of the leader are checked first.
func (f *Feed) readNow(ctx context.Context, ids []string, use func(rows []collection.Row, missing []string) error) error {
	if len(ids) == 0 {
		return nil
	}
	for page := range slices.Chunk(ids, collection.PageLimit(ctx, f.leader.Account(), maxReviewed)) {
		if err := f.readPageNow(ctx, page, use); err != nil {
			return err
		}
	}
	return nil
}

func (f *Feed) readPageNow(ctx context.Context, ids []string, use func(rows []collection.Row, missing []string) error) error {
	rows, _, err := collection.ReadRows(ctx, f.leader.Account(), f.Group, f.Group.Keyed(f.Group.Filter, ids))
	if n := len(ids); n > 1 && errors.Is(err, directus.ErrTooLarge) {
		if err := f.readPageNow(ctx, ids[:n/2], use); err != nil {
			return err
		}
		return f.readPageNow(ctx, ids[n/2:], use)
	}
	if err != nil {
		return err
	}
	missing := slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		return slices.ContainsFunc(rows, func(r collection.Row) bool { return r.ID == id })
	})
	if f.Key.IsShared() && len(missing) > 0 {
		// Asked before it would say nothing: a rule may have come just then.
		if err := f.recheck(ctx); err != nil {
			return err
		}
	}
	return use(rows, missing)
}

// latestShown lists the keys of the newest shown rows, newest first. It includes rows that
// were taken back, since they may be restored.
func (f *Feed) latestShown(limit int) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var ids []string
	for id := range f.shown.rows {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int { return f.shown.rows[b].written.Compare(f.shown.rows[a].written) })
	return ids[:min(limit, len(ids))]
}

// vanish takes back messages that cannot be read any more. Their rows may be deleted or only
// outside the filter, so that they may come again.
func (f *Feed) vanish(ids []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var entries []Entry
	for _, id := range ids {
		delete(f.debounced, id)
		known := f.shown.rows[id]
		if known == nil {
			continue // its event has come meanwhile
		}
		for k := range known.places {
			if p := &known.places[k]; p.state == visible {
				p.state = moved
				entries = append(entries, f.redactions(id, p, f.clock())...)
			}
		}
		f.noteVisible(id, known)
	}
	f.Bring(few(entries)...)
}
