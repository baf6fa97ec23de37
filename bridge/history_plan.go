package bridge

import (
	"context"
	"slices"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

// pagePlan is how a page is read, which may take several calls of read: see errUnfinished.
type pagePlan struct {
	group *collection.Group // in which the page is read
	read  func(context.Context) ([]found, bool, error)
}

// page answers a query: the messages, oldest first, and whether there are no more in the
// direction of the query. After errUnfinished the next call goes on.
func (h *historian) page(ctx context.Context, q ircd.HistoryQuery) (list []found, end bool, err error) {
	if h.plan != nil {
		h.group = h.plan.group
		return h.plan.read(ctx)
	}
	err = h.inGroup(func() error {
		read, err := h.planned(ctx, q)
		if err != nil {
			return err
		}
		h.plan = &pagePlan{h.group, read}
		list, end, err = read(ctx)
		return err
	})
	return list, end, err
}

// planned finds out where a page begins and ends, and returns a function that reads it.
func (h *historian) planned(ctx context.Context, q ircd.HistoryQuery) (read func(context.Context) ([]found, bool, error), err error) {
	if err := h.learn(ctx); err != nil {
		return nil, err
	}
	b := bounds{historian: h, ctx: ctx}
	var sc *rangeScan
	var late *collection.Bound // the client has seen all up to it, except rows that came late
	switch q.Mode {
	case ircd.HistoryLatest:
		late, sc = b.behind(q.From), h.scan(true, b.behind(q.From), nil, q.Limit)
	case ircd.HistoryBefore:
		sc = h.scan(true, nil, b.inFrontOf(q.From), q.Limit)
	case ircd.HistoryAfter:
		late, sc = b.behind(q.From), h.scan(false, b.behind(q.From), nil, q.Limit)
	case ircd.HistoryBetween:
		late, sc = b.behind(q.From), h.scan(false, b.behind(q.From), b.inFrontOf(q.To), q.Limit)
		if sc.lo != nil && sc.hi != nil && sc.lo.Compare(*sc.hi) >= 0 { // the other way round
			late = nil
			sc = h.scan(true, b.behind(q.To), b.inFrontOf(q.From), q.Limit)
		}
	case ircd.HistoryAround:
		h.early = nil // the message in the middle must be in the page, even if it was shown live
		if at := b.inFrontOf(q.From); at != nil && b.err == nil {
			return h.around(at, q.Limit), nil
		}
		sc = h.scan(true, nil, nil, q.Limit)
	}
	if b.err != nil {
		return nil, b.err
	}
	return func(ctx context.Context) ([]found, bool, error) {
		if err := sc.fill(ctx, q.Limit); err != nil {
			return nil, false, err
		}
		list, end := sc.take(q.Limit)
		came, err := h.latecomers(ctx, q.From, late)
		if len(came) > 0 {
			list = append(came, list...)
		}
		return list, end, err
	}, nil
}

// around reads half of the page from each side of the bound at, which lies in front of the
// message that the query names. If one side has fewer messages, the other gives more.
func (h *historian) around(at *collection.Bound, limit int) func(context.Context) ([]found, bool, error) {
	older, newer := h.scan(true, nil, at, limit), h.scan(false, at, nil, limit)
	return func(ctx context.Context) ([]found, bool, error) {
		nOld, nNew := limit/2, limit-limit/2
		if err := older.fill(ctx, nOld); err != nil {
			return nil, false, err
		}
		nNew += max(0, nOld-len(older.found))
		if err := newer.fill(ctx, nNew); err != nil {
			return nil, false, err
		}
		nOld = min(nOld, len(older.found))
		if missing := nNew - len(newer.found); missing > 0 {
			nOld += missing
			if err := older.fill(ctx, nOld); err != nil {
				return nil, false, err
			}
		}
		before, first := older.take(nOld)
		after, last := newer.take(nNew)
		return append(before, after...), first && last, nil
	}
}

// bounds makes bounds of the positions of a query. The first error is kept in err.
type bounds struct {
	*historian
	ctx context.Context
	err error
}

// inFrontOf is the bound in front of a position; nil for the position "*".
func (b *bounds) inFrontOf(p ircd.Position) *collection.Bound { return b.at(p, false) }

// behind is the bound behind a position; nil for the position "*".
func (b *bounds) behind(p ircd.Position) *collection.Bound { return b.at(p, true) }

func (b *bounds) at(p ircd.Position, behind bool) *collection.Bound {
	switch {
	case b.err != nil || p == ircd.Position{}:
		return nil
	case p.MsgID != "":
		id, date, ok := collection.ParseMessageID(p.MsgID)
		if !ok {
			b.err = badReference(b.name)
			return nil
		}
		return &collection.Bound{Date: date, ID: id, Behind: behind}
	}
	// Times are shown with milliseconds, so a row stored within the millisecond of the time
	// counts as being at it.
	at := p.Time.UTC().Truncate(time.Millisecond)
	if unit := b.group.Dates.Unit(); unit == collection.Day && at.Sub(at.Truncate(unit)) > (collection.MaxRank+1)*time.Millisecond {
		// If dates are days, it is unknown what was said before or after a time of the
		// day: the whole day is on the side that is asked for.
		if at = at.Truncate(unit); !behind {
			at = at.Add(unit)
		}
		return &collection.Bound{Date: at}
	}
	if behind {
		at = at.Add(time.Millisecond)
	}
	bound, err := b.inFrontOfTime(b.ctx, at)
	if err != nil {
		b.err = err
		return nil
	}
	return &bound
}

// inFrontOfTime is the bound in front of everything that is shown at a time or later. If dates
// have no fractions of a second, it may lie between two rows of the same date.
func (h *historian) inFrontOfTime(ctx context.Context, at time.Time) (collection.Bound, error) {
	second := at.Truncate(max(time.Second, h.group.Dates.Unit()))
	ranks := int(at.Sub(second) / time.Millisecond)
	if ranks == 0 || ranks > collection.MaxRank+1 || h.group.Dates.HaveFractions() {
		return collection.Bound{Date: at}, nil
	}
	keys, err := h.firstKeys(ctx, h.group.Dates.Of(second))
	if err != nil || len(keys) <= ranks {
		return collection.Bound{Date: at}, err
	}
	slices.SortStableFunc(keys, collection.CompareIDs)
	return collection.Bound{Date: second, ID: keys[ranks-1], Behind: true}, nil
}

// inFront counts the rows of the same date in front of a row, as far as the count makes a
// difference to its display time.
func (h *historian) inFront(ctx context.Context, r collection.Row) (int, error) {
	part := h.group.Dates.Of(r.Date)
	if r.HasNumber() {
		part = directus.And(part, directus.Compare(h.group.Fields.Key(), "_lt", r.Key))
	}
	keys, err := h.firstKeys(ctx, part)
	keys = slices.DeleteFunc(keys, func(id string) bool { return collection.CompareIDs(id, r.ID) >= 0 })
	return len(keys), err
}

// firstKeys reads the first keys of a part of the history, enough to know each rank that
// makes a difference to a display time.
func (h *historian) firstKeys(ctx context.Context, part directus.Filter) ([]string, error) {
	return collection.ReadKeys(ctx, h.member.account, h.group, directus.And(h.filter, part), collection.MaxRank)
}
