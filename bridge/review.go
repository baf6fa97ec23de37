package bridge

import (
	"context"
	"errors"
	"slices"

	"directus-ircd/directus"
)

// maxReviewed is how many of the newest messages that were shown are looked at
// again when events about them may have been lost; maxReviews how often Directus is
// asked for it, where it gives few at once.
const (
	maxReviewed = pageSize
	maxReviews  = 10
)

// review asks what has become of the messages that were shown, after a time in
// which nobody told: their edits and deletions during an outage are shown late,
// but shown.
func (f *feed) review(ctx context.Context) error {
	size := pageLimit(ctx, f.carrier.account, maxReviewed)
	for ids := range slices.Chunk(f.latestShown(min(maxReviewed, maxReviews*size)), size) {
		if err := f.reviewPage(ctx, ids); err != nil {
			return err
		}
	}
	return f.failed(ctx, f.showEdits(ctx))
}

func (f *feed) reviewPage(ctx context.Context, ids []string) error {
	rows, _, err := readRows(ctx, f.carrier.account, f.group, directus.Query{
		Filter: directus.And(f.group.filter, directus.Filter{f.group.fields.key(): map[string]any{"_in": ids}}), Limit: len(ids),
	})
	if n := len(ids); n > 1 && errors.Is(err, directus.ErrTooLarge) {
		if err := f.reviewPage(ctx, ids[:n/2]); err != nil {
			return err
		}
		return f.reviewPage(ctx, ids[n/2:])
	}
	if err == nil {
		err = f.update(ctx, rows)
	}
	if err := f.failed(ctx, err); err != nil {
		return err
	}
	missing := slices.DeleteFunc(ids, func(id string) bool {
		return slices.ContainsFunc(rows, func(r row) bool { return r.id == id })
	})
	if f.key.isShared() && len(missing) > 0 {
		// Asked before it would say nothing: a rule may have come just then.
		if err := f.recheck(ctx); err != nil {
			return err
		}
	}
	f.vanish(missing)
	return nil
}

// latestShown lists the newest rows that are to be seen in some channel.
func (f *feed) latestShown(limit int) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var ids []string
	for id, s := range f.shown.rows {
		if slices.ContainsFunc(s.places, func(p place) bool { return p.state == visible }) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b string) int { return f.shown.rows[b].written.Compare(f.shown.rows[a].written) })
	return ids[:min(limit, len(ids))]
}

// vanish takes back messages that are not to be read any more. They may be
// deleted or out of the filter, so they may come again.
func (f *feed) vanish(ids []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var entries []entry
	for _, id := range ids {
		delete(f.pending, id)
		known := f.shown.rows[id]
		if known == nil {
			continue // its event has come meanwhile
		}
		for k := range known.places {
			if p := &known.places[k]; p.state == visible {
				p.state = moved
				entries = append(entries, redactions(id, p, f.clock())...)
			}
		}
	}
	f.journal.append(few(entries)...)
}
