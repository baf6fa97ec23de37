package bridge

import (
	"context"

	"directus-ircd/bridge/collection"
	"directus-ircd/ircd"
)

// pagePlan is how a page is read, which may take more than one attempt.
type pagePlan struct {
	group *collection.Group // as which
	read  func(context.Context) ([]found, bool, error)
}

// page answers a query: messages in their order, oldest first, and whether there
// are no more in the direction that counts. After errUnfinished the next call goes on.
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

// planned finds out where a page begins and ends.
func (h *historian) planned(ctx context.Context, q ircd.HistoryQuery) (read func(context.Context) ([]found, bool, error), err error) {
	if err := h.learn(ctx); err != nil {
		return nil, err
	}
	b := borders{historian: h, ctx: ctx}
	var w *walk
	var late *collection.Bound // who has seen all up to there has not seen who came late
	switch q.Mode {
	case ircd.HistoryLatest:
		late, w = b.behind(q.From), h.walk(true, b.behind(q.From), nil, q.Limit)
	case ircd.HistoryBefore:
		w = h.walk(true, nil, b.inFrontOf(q.From), q.Limit)
	case ircd.HistoryAfter:
		late, w = b.behind(q.From), h.walk(false, b.behind(q.From), nil, q.Limit)
	case ircd.HistoryBetween:
		late, w = b.behind(q.From), h.walk(false, b.behind(q.From), b.inFrontOf(q.To), q.Limit)
		if w.isEmpty() {
			late = nil
			w = h.walk(true, b.behind(q.To), b.inFrontOf(q.From), q.Limit)
		}
	case ircd.HistoryAround:
		h.early = nil // what is in the middle is there
		if at := b.inFrontOf(q.From); at != nil && b.err == nil {
			return h.around(at, q.Limit), nil
		}
		w = h.walk(true, nil, nil, q.Limit)
	}
	if b.err != nil {
		return nil, b.err
	}
	return func(ctx context.Context) ([]found, bool, error) {
		if err := w.fill(ctx, q.Limit); err != nil {
			return nil, false, err
		}
		list, end := w.take(q.Limit)
		came, err := h.latecomers(ctx, q.From, late)
		return append(came, list...), end, err
	}, nil
}

// around takes a half from either side of a border, the reference being the first
// on the later side. Where one side has less, the other gives more.
func (h *historian) around(at *collection.Bound, limit int) func(context.Context) ([]found, bool, error) {
	older, newer := h.walk(true, nil, at, limit), h.walk(false, at, nil, limit)
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
