package bridge

import (
	"context"
	"errors"
	"slices"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/feed"
	"directus-ircd/bridge/resume"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

// rangeScan reads the messages of a history between two bounds, from one of them towards the
// other.
type rangeScan struct {
	*historian
	rows  collection.Scan
	lo    *collection.Bound // only rows behind it are wanted; nil: no bound
	hi    *collection.Bound // only rows in front of it are wanted; nil: no bound
	found []found           // in the direction of the scan
}

// maxTies is how many more messages than wanted a page may hold because they share the time
// of its last message. A client that pages by time misses any further ones; paging by msgid
// finds them.
const maxTies = 1000

// scan makes a rangeScan for about limit messages. It reads from hi down or from lo up.
func (h *historian) scan(down bool, lo, hi *collection.Bound, limit int) *rangeScan {
	sc := &rangeScan{historian: h, lo: lo, hi: hi}
	h.scans = append(h.scans, sc)
	base := h.filter
	sc.rows = collection.Scan{Account: h.member.account, Group: h.group, Down: down}
	// One row more, because the date of a page's last row is read again with the next
	// page, and another one to know whether there are further messages.
	sc.rows.Size = min(max(limit, 1)+2, collection.MaxPage)
	near := lo
	if down {
		near = hi
	}
	if near != nil {
		sc.rows.Start = collection.Row{ID: near.ID, Date: near.Date}
	}
	if lo != nil {
		base = directus.And(base, lo.Below(h.group))
	}
	if hi != nil {
		base = directus.And(base, h.group.Dates.Before(hi.End(h.group.Dates)))
	}
	if dates := h.group.Dates; h.ahead.From.Before(h.ahead.Until) {
		base = directus.And(base, directus.Or(dates.Before(h.ahead.From.Add(dates.Unit())), dates.From(h.ahead.Until)))
	}
	sc.rows.Base = base
	return sc
}

// isEmpty reports whether nothing can lie between the bounds.
func (sc *rangeScan) isEmpty() bool {
	return sc.lo != nil && sc.hi != nil && sc.lo.Compare(*sc.hi) >= 0
}

// errUnfinished says that a page of long texts takes further requests. The reader gives up
// its turn in the budget before it goes on.
var errUnfinished = errors.New("the page takes further requests")

// fill reads n messages, those that share the time of the last one, and one more; or all if
// there are fewer. After errUnfinished the next call goes on.
func (sc *rangeScan) fill(ctx context.Context, n int) error {
	for !sc.rows.Done && !sc.has(n) {
		if err := sc.step(ctx); err != nil {
			return err
		}
		if sc.isLong() && !sc.rows.Done && !sc.has(n) {
			return errUnfinished
		}
	}
	return nil
}

// has reports whether fill has read enough.
func (sc *rangeScan) has(n int) bool {
	if len(sc.found) <= n || len(sc.found) > n+maxTies {
		return len(sc.found) > n
	}
	return n == 0 || !sc.found[len(sc.found)-1].sharesTime(sc.found[n-1])
}

// some reads one message more than reach(n, since), or all if there are fewer.
func (sc *rangeScan) some(ctx context.Context, n int, since time.Time) error {
	for !sc.rows.Done && len(sc.found) <= sc.reach(n, since) {
		if err := sc.step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// reach is how many of the messages found by a scan down are wanted: n, and beyond that those
// dated from since on, unless since is zero. It is at most feed.MaxBehind, as a session that
// lags further behind its feed is ended anyway.
func (sc *rangeScan) reach(n int, since time.Time) int {
	for !since.IsZero() && n < min(len(sc.found), feed.MaxBehind) && !sc.found[n].row.Date.Before(since) {
		n++
	}
	return n
}

// step reads one page of rows.
func (sc *rangeScan) step(ctx context.Context) error {
	rows, dense, err := sc.rows.Next(ctx)
	if err != nil {
		return err
	}
	sc.rows.Size = min(2*sc.rows.Size, collection.MaxPage) // many rows were left out, so ask for more
	return sc.add(ctx, rows, dense)
}

// add adds the messages of those rows of a page that are to be shown.
func (sc *rangeScan) add(ctx context.Context, rows []collection.Row, dense bool) error {
	if err := sc.settleTimes(ctx, rows, dense); err != nil {
		return err
	}
	sc.read += textsOf(rows)
	rows = slices.DeleteFunc(rows, func(r collection.Row) bool {
		return sc.lo != nil && !sc.lo.IsInFrontOf(r) || sc.hi != nil && sc.hi.IsInFrontOf(r) || !sc.channel.Matches(r)
	})
	list, err := sc.shown(ctx, rows)
	if err != nil {
		return err
	}
	for _, f := range list {
		if _, early := sc.early[f.row.ID]; !early {
			sc.found = append(sc.found, f)
			sc.keep(&f)
		}
	}
	return nil
}

// take returns the first n messages of the scan and those that share the time of the last of
// them, at most maxTies, oldest first. end says that there are no more messages.
func (sc *rangeScan) take(n int) (list []found, end bool) {
	n = min(n, len(sc.found))
	for most := n + maxTies; n > 0 && n < len(sc.found) && n < most && sc.found[n].sharesTime(sc.found[n-1]); {
		n++
	}
	list = slices.Clone(sc.found[:n])
	if sc.rows.Down {
		slices.Reverse(list)
	}
	return list, sc.rows.Done && n == len(sc.found)
}

// settleTimes sets the display times of rows: see collection.DisplayTime. If dense, the rows
// may be only a part of those of their dates, and Directus is asked how many are in front.
func (h *historian) settleTimes(ctx context.Context, rows []collection.Row, dense bool) error {
	if h.group.Dates.HaveFractions() {
		return nil
	}
	order := make([]*collection.Row, len(rows))
	for i := range rows {
		order[i] = &rows[i]
	}
	slices.SortStableFunc(order, func(a, b *collection.Row) int { return collection.CompareRows(*a, *b) })
	ranks := map[collection.RankKey]int{}
	for _, r := range order {
		if !h.channel.Covers(*r) {
			continue
		}
		s := collection.RankKey{Conversation: collection.ConversationOf(*r, h.channel, h.member.account.ID()), Date: r.Date.UnixMilli()}
		rank, counted := ranks[s]
		if !counted && dense {
			front, err := h.inFront(ctx, *r)
			if err != nil {
				return err
			}
			rank = front
		}
		ranks[s] = rank + 1
		r.At = collection.DisplayTime(r.Date, rank)
	}
	return nil
}

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
	rows := book.Behind(*lo, from, h.until, date, h.reads)
	rows = rows[max(0, len(rows)-maxTies):]
	sc := h.scan(false, nil, nil, len(rows))
	if end == nil {
		var err error
		if sc.found, err = h.overtaken(ctx, p, *lo); err != nil {
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

// overtaken reads the rows that a line of the client has overtaken, if the client goes on
// from such a line at p, whose bound is lo: see session.noteOvertakes.
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
	key := h.group.Fields.Key()
	rows, _, err := collection.ReadPlaces(ctx, h.member.account, h.group, directus.Query{Filter: h.filter, Sort: []string{"-" + key}, Limit: 1})
	if err == nil && len(rows) > 0 {
		of.Raise(rows[0].ID)
	}
	return of.Top
}
