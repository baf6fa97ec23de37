package bridge

import (
	"context"
	"errors"
	"slices"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/resume"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

// pageEnd is where the last page of a history has ended: who goes on from there was
// shown the latecomers that had come by then.
type pageEnd struct {
	id   string
	at   time.Time
	come int64
}

// latecomers reads the rows that have come late, or were overtaken, behind what a query says
// that the client has seen last: lo is the border there. They come in the order of the
// collection. At most maxTies of the late ones are read, those dated last.
func (h *historian) latecomers(ctx context.Context, p ircd.Position, lo *collection.Bound) ([]found, error) {
	if lo == nil {
		return nil, nil
	}
	book, id := &h.group.Dates.Late, ""
	if p.MsgID != "" {
		id = lo.ID
	}
	var date time.Time
	if id == "" {
		date = p.Time.Truncate(h.group.Dates.Unit())
	}
	from := book.PlaceOf(id, date)
	end := h.end
	if end != nil && (id != "" && id != end.id || id == "" && !p.Time.Equal(end.at)) {
		end = nil
	}
	if end != nil {
		from = max(from, end.come)
	}
	rows := book.Behind(*lo, from, h.until, date, h.reads)
	rows = rows[max(0, len(rows)-maxTies):]
	w := h.walk(false, nil, nil, len(rows))
	if end == nil {
		var err error
		if w.found, err = h.overtaken(ctx, p, *lo); err != nil {
			return nil, err
		}
	}
	rows = slices.DeleteFunc(rows, func(r collection.Row) bool {
		return slices.ContainsFunc(w.found, func(f found) bool { return f.row.ID == r.ID })
	})
	if err := w.addKeyed(ctx, rows); err != nil {
		return nil, err
	}
	slices.SortStableFunc(w.found, func(a, b found) int { return collection.CompareRows(a.row, b.row) })
	return w.found, nil
}

// reads tells whose feeds the user reads.
func (h *historian) reads(of collection.Audience) bool {
	return of == collection.AudienceOf(h.member.account.ID()) || h.feed != nil && of == h.feed.Audience()
}

// addKeyed reads some rows by their keys, of a walk without borders.
func (w *walk) addKeyed(ctx context.Context, rows []collection.Row) error {
	h := w.historian
	for len(rows) > 0 {
		page := rows[:min(len(rows), collection.PageSize, w.scan.Limit(ctx))]
		keys := make([]string, len(page))
		for i, r := range page {
			keys[i] = r.ID
		}
		read, _, err := w.scan.Ask(ctx, h.group.Keyed(h.filter, keys))
		if errors.Is(err, directus.ErrTooLarge) && len(page) > 1 {
			continue // with fewer
		}
		if err != nil {
			return err
		}
		rows = rows[len(page):]
		slices.SortFunc(read, collection.CompareRows)
		if err := w.add(ctx, read, len(page) <= collection.MaxRanked); err != nil {
			return err
		}
	}
	return nil
}

// noteOvertakes remembers what a client that fetches history leaves a channel with.
func (s *session) noteOvertakes(j *joined) {
	seen := collection.Bound{Date: j.at}
	if b := j.brought; !b.date.Before(j.at) && !b.date.After(collection.DateLimit(s.member.account)) {
		seen = collection.Bound{Date: b.date, ID: b.id, Behind: true}
	}
	lines := map[string]time.Time{}
	for sent, at := range j.view.sent {
		if sent.channel == j.Channel && !at.Before(seen.Date) {
			lines[sent.id] = at
		}
	}
	if j.fetches && len(lines) > 0 {
		j.view.feed.Group.Dates.Over.Note(collection.Overtake{User: s.person.ID, Lines: lines, Seen: seen})
	}
}

// overtaken reads what a line has overtaken from which a client goes on; lo is the border
// there.
func (h *historian) overtaken(ctx context.Context, p ircd.Position, lo collection.Bound) ([]found, error) {
	id := ""
	if p.MsgID != "" {
		id = lo.ID
	}
	left, ok := h.group.Dates.Over.Of(h.member.account.ID(), id, p.Time)
	if !ok {
		return nil, nil
	}
	lo.Behind = false
	w := h.walk(false, &left.Seen, &lo, maxTies)
	// It does not pause when the page is long: each call begins anew, and would never end.
	if err := w.some(ctx, maxTies, time.Time{}); err != nil {
		return nil, err
	}
	list, _ := w.take(maxTies)
	return slices.DeleteFunc(list, func(f found) bool {
		_, own := left.Lines[f.row.ID]
		return own
	}), nil
}

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
