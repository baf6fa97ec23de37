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

// historyTimeout bounds all requests to Directus for one part of a history, including those
// for names.
const historyTimeout = 8 * time.Second

// History implements ircd.HistoryReader. What it reads depends only on the user's own rights,
// not on whether the channel is joined. Rows without a date, as an import may leave them,
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

// pageEvents are the events that show a part of a page: messages, with their reactions if
// wanted.
func (s *session) pageEvents(ctx context.Context, h *historian, list []found, withReactions bool) []ircd.Event {
	var reactions map[string][]*ircd.Reaction
	if withReactions {
		reactions = s.member.reactionsTo(ctx, h.group, list)
	}
	events := make([]ircd.Event, 0, len(list))
	for _, f := range list {
		if h.feed != nil {
			h.feed.Remember(f.row, h.channel, f.message) // so that the client is told if it is deleted
			h.feed.RememberReactions(f.row, h.channel, reactions[f.row.ID])
		}
		events = append(events, f.message)
		for _, r := range reactions[f.row.ID] {
			events = append(events, r)
		}
	}
	return events
}

// inTurn waits for a turn in the budget of what is read at once, and then reads a part of a
// history within historyTimeout. It may be called from any goroutine.
func (s *session) inTurn(ctx context.Context, h *historian, read func(context.Context) error) error {
	return s.backend.pages.Read(ctx, s.member.reads, h.isLong(), func() (int64, error) {
		ctx, cancel := context.WithTimeout(ctx, historyTimeout)
		defer cancel()
		before := h.read
		err := read(ctx)
		return h.read - before, err
	})
}

// historian reads the history of one channel or conversation as one user. Only one goroutine
// uses it at a time.
type historian struct {
	member  *member
	channel *collection.Channel
	groups  []*collection.Group // groups to try to read the channel in, best first
	group   *collection.Group   // the group that is tried
	filter  directus.Filter     // of the rows of the target
	name    string              // the canonical name of the target
	feed    *feed.Feed          // the session's feed of the target; nil if it has none
	most    int64               // bytes that the messages of a page may take before they are dropped; 0: no limit
	kept    int64               // bytes that all found messages take, or took before they were dropped
	read    int64               // bytes of all texts that were read
	scans   []*rangeScan        // all that were made for the page
	plan    *pagePlan           // how the page is read; nil before it is known
	until   int64               // the session was shown live the latecomers that arrived after this place
	end     *pageEnd            // of the last page of the target that the session was shown; nil: none
	early   map[string]struct{} // rows to leave out; see joined.early
	batch   *batch              // with the latest rows; nil: they are read
	cutAt   time.Time           // older rows were not read, as they are not in the batch; zero: all were that were asked for
	ahead   resume.Future       // dates that the device has had already, left out as far as a filter can
}

// historian makes the historian of a target: a channel, or the conversation with a nick. The
// error is an *ircd.Error.
func (s *session) historian(ctx context.Context, target string) (*historian, error) {
	if c := s.channelNamed(target); c != nil {
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

// historyOf makes the historian of a channel, or of all private messages. It reads in groups
// of this channel alone, as the user may not be allowed to read the fields of others.
func (s *session) historyOf(c *collection.Channel) *historian {
	h := &historian{member: s.member, channel: c, name: c.Name(), groups: s.plan.aloneOf(c)}
	h.end, h.until = s.pageEnds[c], math.MaxInt64
	if j := s.joined[c.Key()]; j != nil && j.Channel == c {
		h.name = j.Name()
		h.feed, h.until, h.early = j.view.feed, j.arrived, j.early
		h.groups = slices.DeleteFunc(h.groups, func(g *collection.Group) bool { return g.Fields != h.feed.Group.Fields })
		if len(h.groups) == 0 { // the channel is moving to another configuration
			h.groups = []*collection.Group{h.feed.Group}
		}
	}
	h.filter = h.groups[0].Filter
	return h
}

// inGroup calls read for one group after the other, until one is not forbidden to the user.
func (h *historian) inGroup(read func() error) (err error) {
	for _, h.group = range h.groups {
		if err = read(); !collection.IsForbidden(err) {
			break
		}
	}
	return err
}

// latest reads the newest messages, oldest first: limit of them, and beyond that those dated
// from since on, unless since is zero. If had is not nil, it reads only what the device may
// have missed, and adjusts had to the keys of the collection. end says that there are no
// older messages. If some is set and ctx ends early, the messages found so far are returned
// without an error, and cut says that some may be missing.
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
		if h.batch != nil {
			if err := h.batch.give(ctx, sc, since); err != nil {
				return err
			}
		}
		return sc.some(ctx, limit, since)
	})
	if cut = err != nil && ctx.Err() != nil && some && sc != nil && len(sc.found) > 0; err != nil && !cut {
		return nil, false, false, err
	}
	n := sc.reach(limit, since)
	list = sc.found[:min(n, len(sc.found))]
	slices.Reverse(list)
	h.cutAt = sc.cutAt
	return list, !cut && len(sc.found) <= n && h.cutAt.IsZero(), cut, nil
}

// learn makes sure that the format of the collection's dates is known.
func (h *historian) learn(ctx context.Context) error {
	if h.group.Dates.Known() {
		return nil
	}
	_, err := collection.NewestRow(ctx, h.member.account, h.group)
	return err
}
