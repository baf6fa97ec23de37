package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/resume"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

// pageEnd is where the last page of a history that a client was shown has ended. A client
// that goes on from there was shown the latecomers that had arrived by then.
type pageEnd struct {
	id      string    // key of the last row
	at      time.Time // display time of the last row
	arrived int64     // place of the latest row when the page was asked for
}

// latecomers reads, in the order of the collection, rows in front of the bound lo that the
// client has not seen, although by its query it has seen everything up to p: rows that came
// late, and rows that were overtaken. Of the late ones at most maxTies are read, those dated
// last. lo is the bound of p; nil if there is none.
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
		from = max(from, end.arrived)
	}
	var left collection.Overtake
	overtook := false
	if end == nil {
		if left, overtook = h.group.Dates.Over.Of(h.member.account.ID(), id, p.Time); overtook {
			from = left.Since(from)
		}
	}
	rows := book.Behind(*lo, from, h.until, date, h.reads)
	if overtook {
		rows = left.Missing(rows, *lo)
	}
	rows = rows[max(0, len(rows)-maxTies):]
	sc := h.scan(false, nil, nil, len(rows))
	if overtook {
		var err error
		if sc.found, err = h.overtaken(ctx, left, *lo); err != nil {
			return nil, err
		}
	}
	rows = slices.DeleteFunc(rows, func(r collection.Row) bool {
		return slices.ContainsFunc(sc.found, func(f found) bool { return f.row.ID == r.ID })
	})
	if err := sc.addKeyed(ctx, rows); err != nil {
		return nil, err
	}
	slices.SortStableFunc(sc.found, func(a, b found) int { return collection.CompareRows(a.row, b.row) })
	return sc.found, nil
}

// reads reports whether the user reads feeds of an audience: their own, or the channel's.
func (h *historian) reads(of collection.Audience) bool {
	return of == collection.AudienceOf(h.member.account.ID()) || h.feed != nil && of == h.feed.Audience()
}

// addKeyed reads rows by their keys. The scan has no bounds.
func (sc *rangeScan) addKeyed(ctx context.Context, rows []collection.Row) error {
	h := sc.historian
	for len(rows) > 0 {
		page := rows[:min(len(rows), collection.PageSize, sc.rows.Limit(ctx))]
		keys := make([]string, len(page))
		for i, r := range page {
			keys[i] = r.ID
		}
		read, _, err := sc.rows.Ask(ctx, h.group.Keyed(h.filter, keys))
		if errors.Is(err, directus.ErrTooLarge) && len(page) > 1 {
			continue // Limit is lower now
		}
		if err != nil {
			return err
		}
		rows = rows[len(page):]
		slices.SortFunc(read, collection.CompareRows)
		if err := sc.add(ctx, read, len(page) <= collection.MaxRanked); err != nil {
			return err
		}
	}
	return nil
}

// overtaken reads the rows behind those that a client had seen when it left which a line of it has
// overtaken. The client goes on from the line, whose bound is lo: see session.noteOvertakes.
func (h *historian) overtaken(ctx context.Context, left collection.Overtake, lo collection.Bound) ([]found, error) {
	lo.Behind = false
	sc := h.scan(false, &left.Seen, &lo, maxTies)
	// This is not fill, which pauses when the page is long: as each call makes a new scan,
	// it would never get to the end.
	if err := sc.some(ctx, maxTies, time.Time{}); err != nil {
		return nil, err
	}
	list, _ := sc.take(maxTies)
	return slices.DeleteFunc(list, func(f found) bool {
		_, own := left.Lines[f.row.ID]
		return own
	}), nil
}

// strays reads rows that a device has not received although they are dated before everything
// that its position lets it miss: they came late, or were given an earlier date, since this
// daemon was started. redated are the keys of rows that the device has under another date.
func (h *historian) strays(ctx context.Context, had resume.Position) (list []found, redated map[string]struct{}, err error) {
	rows, redated := h.groups[0].Dates.Late.Since(had.Told, h.reads)
	rows = slices.DeleteFunc(rows, func(r collection.Row) bool {
		return !r.Date.Before(had.From()) || slices.ContainsFunc(had.Delivered, func(s resume.Delivery) bool { return s.ID == r.ID })
	})
	slices.SortFunc(rows, collection.CompareRows)
	rows = slices.CompactFunc(rows, func(a, b collection.Row) bool { return a.ID == b.ID })
	err = h.inGroup(func() error {
		sc := h.scan(false, nil, nil, len(rows))
		defer func() { list = sc.found }()
		return sc.addKeyed(ctx, rows[max(0, len(rows)-maxTies):])
	})
	return list, redated, err
}

// highestKey is the highest numeric key of the target, or of list if Directus does not answer;
// empty if there is none.
func (h *historian) highestKey(ctx context.Context, list []found) string {
	var of resume.Position
	for _, f := range list {
		of.Raise(f.row.ID)
	}
	if h.batch != nil {
		of.Raise(h.batch.top[h.channel.Room])
		return of.Top
	}
	key := h.group.Fields.Key()
	rows, _, err := collection.ReadPlaces(ctx, h.member.account, h.group, directus.Query{Filter: h.filter, Sort: []string{"-" + key}, Limit: 1})
	if err == nil && len(rows) > 0 {
		of.Raise(rows[0].ID)
	}
	return of.Top
}

// highestKeys is highestKey for some rooms, by key.
func (h *historian) highestKeys(ctx context.Context, rooms []string) (map[string]string, error) {
	key, room := h.group.Fields.Key(), h.group.Index.Field
	var groups []map[string]json.RawMessage
	if err := h.member.account.Items(ctx, h.group.Collection, directus.Query{
		Max: key, GroupBy: room, Filter: directus.Compare(room, "_in", rooms), Limit: len(rooms),
	}, &groups); err != nil {
		return nil, err
	}
	top := make(map[string]string, len(groups))
	for _, g := range groups {
		var highest map[string]json.RawMessage
		if json.Unmarshal(g["max"], &highest) == nil {
			top[collection.Scalar(g[room])] = collection.Scalar(highest[key])
		}
	}
	return top, nil
}
