package bridge

import (
	"context"
	"slices"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/resume"
	"directus-ircd/directus"
)

// strays reads the rows that a device has not had though they are dated before all that it can have
// missed, as far as they have come late or were given that date since this daemon was started. redated
// are the keys of those that it has under another date.
func (h *historian) strays(ctx context.Context, had resume.Position) (list []found, redated map[string]struct{}, err error) {
	rows, redated := h.groups[0].Dates.Late.Since(had.Told, h.reads)
	rows = slices.DeleteFunc(rows, func(r collection.Row) bool {
		return !r.Date.Before(had.From()) || slices.ContainsFunc(had.Steps, func(s resume.Step) bool { return s.ID == r.ID })
	})
	slices.SortFunc(rows, collection.CompareRows)
	rows = slices.CompactFunc(rows, func(a, b collection.Row) bool { return a.ID == b.ID })
	err = h.inGroup(func() error {
		w := h.walk(false, nil, nil, len(rows))
		defer func() { list = w.found }()
		return w.addKeyed(ctx, rows[max(0, len(rows)-maxTies):])
	})
	return list, redated, err
}

// highestKey is the highest key that there is, or as far as Directus cannot be asked that of a
// list; empty where there is none.
func (h *historian) highestKey(ctx context.Context, list []found) string {
	var of resume.Position
	for _, f := range list {
		of.Raise(f.row.ID)
	}
	key := h.group.Fields.Key()
	rows, _, err := collection.ReadPlaces(ctx, h.member.account, h.group, directus.Query{Filter: h.filter, Sort: []string{"-" + key}, Limit: 1})
	if err == nil && len(rows) > 0 {
		of.Raise(rows[0].ID)
	}
	return of.Top
}
