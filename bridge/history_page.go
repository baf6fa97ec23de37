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

// walk collects the messages of a history on one side of a border.
type rangeScan struct {
	*historian
	rows  collection.Scan
	lo    *collection.Bound // what is wanted lies behind it; nil: there is no such border
	hi    *collection.Bound // and in front of it
	found []found           // in the direction of the walk
}

// maxTies is how many messages more than wanted a page may hold because they share
// the time of the last one. Those beyond are found by msgid only: a client that
// pages by time misses them.
const maxTies = 1000

func (h *historian) scan(down bool, lo, hi *collection.Bound, limit int) *rangeScan {
	sc := &rangeScan{historian: h, lo: lo, hi: hi}
	h.scans = append(h.scans, sc)
	base := h.filter
	sc.rows = collection.Scan{Account: h.member.account, Group: h.group, Down: down}
	// The date of a page's last row is read again with the next page, and one
	// more message tells whether there are more.
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

// isEmpty reports that the borders leave nothing between them.
func (sc *rangeScan) isEmpty() bool {
	return sc.lo != nil && sc.hi != nil && sc.lo.Compare(*sc.hi) >= 0
}

// errUnfinished says that a page of long texts takes more questions: who reads it gives
// others their turn, and goes on.
var errUnfinished = errors.New("the page takes more questions")

// fill reads until n messages, those that share the time of the last one and one
// more are there, or all are. After errUnfinished it goes on where it was.
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

func (sc *rangeScan) has(n int) bool {
	if len(sc.found) <= n || len(sc.found) > n+maxTies {
		return len(sc.found) > n
	}
	return n == 0 || !sc.found[len(sc.found)-1].sharesTime(sc.found[n-1])
}

// some reads until more messages are there than are wanted, or all are; see reach.
func (sc *rangeScan) some(ctx context.Context, n int, since time.Time) error {
	for !sc.rows.Done && len(sc.found) <= sc.reach(n, since) {
		if err := sc.step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// reach is how many messages are wanted by a walk down that wants n, and all that are dated
// from since on, unless that is zero: who is further behind than maxBehind is behind the
// feed as well, and ended.
func (sc *rangeScan) reach(n int, since time.Time) int {
	for !since.IsZero() && n < min(len(sc.found), feed.MaxBehind) && !sc.found[n].row.Date.Before(since) {
		n++
	}
	return n
}

// step reads a page.
func (sc *rangeScan) step(ctx context.Context) error {
	rows, dense, err := sc.rows.Next(ctx)
	if err != nil {
		return err
	}
	sc.rows.Size = min(2*sc.rows.Size, collection.MaxPage) // much was left out
	return sc.add(ctx, rows, dense)
}

// add takes the rows of a page that are to be shown.
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

// take gives the first n messages of the walk and those that share the time of
// the last of them, oldest first; end says that there are no more. Between two
// pages of a date that has more than maxTies this may cut.
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

// settleTimes sets the times under which rows are shown: see moment. Unless dense,
// the rows of a date are all there.
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

// pageEnd is where the last page of a history has ended: who goes on from there was
// shown the latecomers that had come by then.
type pageEnd struct {
	id      string
	at      time.Time
	arrived int64
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

// reads tells whose feeds the user reads.
func (h *historian) reads(of collection.Audience) bool {
	return of == collection.AudienceOf(h.member.account.ID()) || h.feed != nil && of == h.feed.Audience()
}

// addKeyed reads some rows by their keys, of a walk without borders.
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
			continue // with fewer
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
	sc := h.scan(false, &left.Seen, &lo, maxTies)
	// It does not pause when the page is long: each call begins anew, and would never end.
	if err := sc.some(ctx, maxTies, time.Time{}); err != nil {
		return nil, err
	}
	list, _ := sc.take(maxTies)
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
