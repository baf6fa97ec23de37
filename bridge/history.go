package bridge

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/feed"
	"directus-ircd/bridge/resume"
	"directus-ircd/directus"
	"directus-ircd/ircd"
	"directus-ircd/ircd/wire"
)

// historyTimeout bounds all that one request for history asks of Directus, and
// the names in it.
const historyTimeout = 8 * time.Second

// History implements ircd.Session. The user's own rights decide, whether the
// channel is joined or not. Rows without a date, as an import may leave them,
// have no place in the history: they are shown only when they come live.
func (s *session) History(ctx context.Context, q ircd.HistoryQuery) (*ircd.HistoryPage, error) {
	ctx, cancel := context.WithTimeout(ctx, historyTimeout)
	defer cancel()
	h, err := s.historian(ctx, q.Target)
	if err != nil {
		return nil, err
	}
	arrived := h.groups[0].Dates.Late.SoFar()
	page := &ircd.HistoryPage{Target: h.name}
	p := &parts{session: s, historian: h, collect: func(ctx context.Context) (list []found, err error) {
		list, page.End, err = h.page(ctx, q)
		return list, err
	}}
	h.most = s.backend.pages.Part()
	part := func(ctx context.Context, next func(context.Context) ([]found, error)) ([]ircd.Event, error) {
		list, err := next(ctx)
		if err != nil {
			return nil, historyError(h.name, err)
		}
		ctx, cancel := context.WithTimeout(ctx, historyTimeout)
		defer cancel()
		return s.pageEvents(ctx, h, list, q.Reactions), nil
	}
	more := func(ctx context.Context) ([]ircd.Event, error) {
		if p.collect != nil {
			if err := p.collectAll(ctx, 0); err != nil {
				return nil, historyError(h.name, err)
			}
			s.pageShown(h, p.left, arrived)
		}
		return part(ctx, p.nextPatiently)
	}
	switch err := p.collectAll(ctx, historyTimeout/2); {
	case errors.Is(err, errUnfinished):
		page.More = more
		return page, nil
	case err != nil:
		return nil, historyError(h.name, err)
	}
	s.pageShown(h, p.left, arrived)
	if page.Events, err = part(ctx, p.next); err == nil && len(p.left) > 0 {
		page.More = more
	}
	return page, err
}

// pageEvents is what is shown of a part of a page.
func (s *session) pageEvents(ctx context.Context, h *historian, list []found, withReactions bool) []ircd.Event {
	var reactions map[string][]*ircd.Reaction
	if withReactions {
		reactions = s.member.reactionsTo(ctx, h.group, list)
	}
	var events []ircd.Event
	for _, f := range list {
		if h.feed != nil {
			h.feed.Remember(f.row, h.channel, f.message) // its deletion is to be told
			h.feed.RememberReactions(f.row, h.channel, reactions[f.row.ID])
		}
		events = append(events, f.message)
		for _, r := range reactions[f.row.ID] {
			events = append(events, r)
		}
	}
	return events
}

// reading reads a part of a history when it is its turn, which historyTimeout bounds. It may be
// called from any goroutine.
func (s *session) inTurn(ctx context.Context, h *historian, read func(context.Context) error) error {
	return s.backend.pages.Read(ctx, s.member.reads, h.isLong(), func() (int64, error) {
		ctx, cancel := context.WithTimeout(ctx, historyTimeout)
		defer cancel()
		before := h.read
		err := read(ctx)
		return h.read - before, err
	})
}

// historian reads the history of one target as one user.
type historian struct {
	member  *member
	channel *collection.Channel
	groups  []*collection.Group // as which to try to read it, in order
	group   *collection.Group   // the one that is tried
	filter  directus.Filter     // which rows are the target's
	name    string              // the canonical name of the target
	feed    *feed.Feed          // that shows the target to the session; nil if none does
	most    int64               // what the messages of a page may take that are kept, in bytes; 0: no limit
	kept    int64               // what they would take, all together
	read    int64               // the bytes of all texts that were read
	scans   []*rangeScan        // of which they are
	plan    *pagePlan           // of the page that is being read; nil if none is
	until   int64               // the session was shown the latecomers behind this place as they came
	end     *pageEnd            // of the last page that the session was shown; nil: there was none
	early   map[string]struct{}
	ahead   resume.Future // is left out, as far as a filter can
}

// historian finds out what a target is. The error is an *ircd.Error.
func (s *session) historian(ctx context.Context, target string) (*historian, error) {
	if c := s.plan.channels[wire.Fold(target)]; c != nil {
		return s.historyOf(c), nil
	}
	if s.plan.private == nil || !wire.IsNick(target) {
		return nil, noHistory(target, nil)
	}
	u, err := s.Lookup(ctx, target)
	if err != nil {
		return nil, historyError(target, err)
	}
	if u == nil || u.ID == "" {
		return nil, noHistory(target, nil)
	}
	h := s.historyOf(s.plan.private.Channels[0])
	h.name, h.filter = u.Nick, h.groups[0].Between(s.person.ID, u.ID)
	return h, nil
}

// historyOf reads a channel, or all private messages. It asks for what belongs to
// it alone: the user may not be allowed to read the fields of another channel.
func (s *session) historyOf(c *collection.Channel) *historian {
	h := &historian{member: s.member, channel: c, name: c.Name, groups: []*collection.Group{s.plan.private}}
	if !c.Private {
		h.groups = slices.DeleteFunc(slices.Clone(s.plan.groups[c]), func(g *collection.Group) bool { return len(g.Channels) > 1 })
	}
	h.end, h.until = s.pageEnds[c], math.MaxInt64
	if j := s.joined[wire.Fold(c.Name)]; j != nil && j.Channel == c {
		h.feed, h.until, h.early = j.view.feed, j.arrived, j.early
		h.groups = slices.DeleteFunc(h.groups, func(g *collection.Group) bool { return g.Fields != h.feed.Group.Fields })
		if len(h.groups) == 0 { // the channel is on its way to another configuration
			h.groups = []*collection.Group{h.feed.Group}
		}
	}
	h.filter = h.groups[0].Filter
	return h
}

// inGroup reads as the first group that the user is allowed to.
func (h *historian) inGroup(read func() error) (err error) {
	for _, h.group = range h.groups {
		if err = read(); !collection.IsForbidden(err) {
			break
		}
	}
	return err
}

// latest reads the newest messages behind the bound of a position, if there is one, not more than
// limit but for what is dated from since on, unless that is zero; oldest first. end says
// that there are no older ones. Those that have come when ctx ends are enough if some are:
// cut says that there may be more within the limit.
func (h *historian) latest(ctx context.Context, had *resume.Position, limit int, since time.Time, some bool) (list []found, end, cut bool, err error) {
	var sc *rangeScan
	err = h.inGroup(func() error {
		var lo *collection.Bound
		if had != nil {
			if err := h.learn(ctx); err != nil {
				return err
			}
			*had = had.Above(h.group.Dates.HaveNumbers())
			lo, h.ahead = had.Bound(), had.Future
		}
		sc = h.scan(true, lo, nil, limit)
		return sc.some(ctx, limit, since)
	})
	if cut = err != nil && ctx.Err() != nil && some && sc != nil && len(sc.found) > 0; err != nil && !cut {
		return nil, false, false, err
	}
	n := sc.reach(limit, since)
	list = sc.found[:min(n, len(sc.found))]
	slices.Reverse(list)
	return list, !cut && len(sc.found) <= n, cut, nil
}

// learn makes sure that it is known how the collection's dates are written.
func (h *historian) learn(ctx context.Context) error {
	if h.group.Dates.Known() {
		return nil
	}
	_, err := collection.NewestRow(ctx, h.member.account, h.group)
	return err
}
