package bridge

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/rooms"
	"directus-ircd/directus"
	"directus-ircd/ircd"
	"directus-ircd/ircd/wire"
)

const (
	// targetQueries is how many targets are read in parallel.
	targetQueries = 4
	// maxPeers is up to how many private conversations are looked through for the oldest:
	// those with the latest messages.
	maxPeers = 512
)

// Targets implements ircd.HistoryReader. Channels that the user may not read are left out,
// joined or not.
func (s *session) Targets(ctx context.Context, from, to time.Time, limit int) ([]ircd.HistoryTarget, error) {
	ctx, cancel := context.WithTimeout(ctx, historyTimeout)
	defer cancel()
	peers, backwards := maxPeers, to.Before(from)
	if backwards {
		from, to, peers = to, from, limit
	}
	var mu sync.Mutex
	var targets []ircd.HistoryTarget // guarded by mu
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(targetQueries)
	ask := func(h *historian, read func() ([]ircd.HistoryTarget, error)) {
		work.Go(func() error {
			return ircd.Recover(&s.member.log, func() error {
				var list []ircd.HistoryTarget
				err := s.inTurn(ctx, h, func(context.Context) error {
					return h.inGroup(func() (err error) {
						list, err = read()
						return err
					})
				})
				if collection.IsForbidden(err) {
					return nil
				}
				mu.Lock()
				defer mu.Unlock()
				targets = append(targets, list...)
				return err
			})
		})
	}
	for _, cfg := range s.plan.Channels {
		h := s.historyOf(s.plan.channels[wire.Fold(cfg.Name)])
		ask(h, func() ([]ircd.HistoryTarget, error) { return h.latestBetween(ctx, from, to) })
	}
	if now, err := s.awaitListing(ctx); err != nil {
		return nil, err
	} else if now != nil {
		h := s.historyOf(s.plan.rooms.Groups[0].Channels[0])
		h.groups = s.plan.rooms.Groups
		ask(h, func() ([]ircd.HistoryTarget, error) { return s.roomsBetween(ctx, h, now, from, to) })
	}
	if p := s.plan.private; p != nil {
		h := s.historyOf(p.Channels[0])
		ask(h, func() ([]ircd.HistoryTarget, error) { return h.peersBetween(ctx, from, to, peers) })
	}
	if err := work.Wait(); err != nil {
		return nil, historyError("*", err)
	}
	slices.SortStableFunc(targets, func(a, b ircd.HistoryTarget) int { return a.Latest.Compare(b.Latest) })
	over := max(0, len(targets)-limit)
	if backwards {
		return targets[over:], nil
	}
	return targets[:len(targets)-over], nil
}

// roomsBetween lists the rooms in which the latest message was written between two times, by one
// request for all rooms.
func (s *session) roomsBetween(ctx context.Context, h *historian, now *rooms.Listing, from, to time.Time) ([]ircd.HistoryTarget, error) {
	if err := h.learn(ctx); err != nil {
		return nil, err
	}
	date, room := h.group.Fields.Date, s.plan.rooms.Room
	limit := s.plan.rooms.Current().Limit
	if info, err := s.member.account.Info(ctx); err == nil && info.QueryLimitMax > 0 {
		limit = min(limit, info.QueryLimitMax)
	}
	var groups []map[string]json.RawMessage
	if err := s.member.account.Items(ctx, h.group.Collection, directus.Query{
		Max: date, GroupBy: room, Filter: h.group.Dated(h.group.Dates.From(from)), Limit: limit,
	}, &groups); err != nil {
		return nil, err
	}
	var targets []ircd.HistoryTarget
	for _, g := range groups {
		var latest map[string]json.RawMessage
		if json.Unmarshal(g["max"], &latest) != nil {
			continue
		}
		id := collection.Scalar(g[room])
		c, at := s.plan.rooms.Channel(id), collection.ParseDateIn(collection.Scalar(latest[date]), h.group.Dates.Zone)
		if now.Rooms[id] != nil && c != nil && isBefore(from, at) && isBefore(at, to) {
			targets = append(targets, ircd.HistoryTarget{Name: s.nameOf(c), Latest: at})
		}
	}
	return targets, nil
}

// downTo makes a scan from the latest message down to the time from.
func (h *historian) downTo(ctx context.Context, from time.Time, size int) (*rangeScan, error) {
	if err := h.learn(ctx); err != nil {
		return nil, err
	}
	b := bounds{historian: h, ctx: ctx}
	sc := h.scan(true, b.behind(ircd.Position{Time: from}), nil, size)
	return sc, b.err
}

// isBefore compares times as clients are shown them.
func isBefore(a, b time.Time) bool { return a.UnixMilli() < b.UnixMilli() }

// latestBetween lists the channel if the latest that was said in it was between two times.
func (h *historian) latestBetween(ctx context.Context, from, to time.Time) ([]ircd.HistoryTarget, error) {
	sc, err := h.downTo(ctx, from, 1)
	if err != nil {
		return nil, err
	}
	if err := sc.some(ctx, 0, time.Time{}); err != nil || len(sc.found) == 0 || !isBefore(sc.found[0].message.Time, to) {
		return nil, err
	}
	return []ircd.HistoryTarget{{Name: h.name, Latest: sc.found[0].message.Time}}, nil
}

// peersBetween lists the users with whom the latest private message was exchanged between two
// times, the latest first. Each page leaves out the users found so far, so that a long
// conversation does not hide the others.
func (h *historian) peersBetween(ctx context.Context, from, to time.Time, limit int) ([]ircd.HistoryTarget, error) {
	sc, err := h.downTo(ctx, from, collection.PageSize)
	if err != nil {
		return nil, err
	}
	self, all := h.member.account.ID(), sc.rows.Base
	var targets []ircd.HistoryTarget
	var peers []string
	for !sc.rows.Done && len(targets) < limit && len(peers) < maxPeers {
		sc.found = sc.found[:0]
		if err := sc.step(ctx); err != nil {
			return nil, err
		}
		for _, f := range sc.found {
			peer := collection.ConversationOf(f.row, h.channel, self).Peer
			if peer == "" || slices.Contains(peers, peer) {
				continue
			}
			other := f.message.From
			if f.row.Author == self {
				other = f.message.To
			}
			peers = append(peers, peer)
			if isBefore(f.message.Time, to) {
				targets = append(targets, ircd.HistoryTarget{Name: other.Nick, Latest: f.message.Time})
			}
		}
		if len(peers) > 0 {
			sc.rows.Base = directus.And(all, h.group.Without(self, peers))
		}
	}
	return targets[:min(limit, len(targets))], nil
}

// readRooms reads the rows of some rooms, the newest first, until they take about as much memory as
// two parts of a page for each batchPages of the pages. It returns them behind those that were read
// before. Where more pages are allowed, rooms that have enough do not take the place of others.
func (b *batch) readRooms(ctx context.Context, h *historian, base directus.Filter, ids []string, pages int, rows []collection.Row) ([]collection.Row, error) {
	sc := collection.Scan{Account: h.member.account, Group: h.group, Down: true, Size: collection.MaxPage, Base: base}
	spent, most := int64(0), 2*h.most*int64(pages/batchPages)
	short := ids
	for n := 1; n <= pages; n++ {
		page, err := sc.NextWhole(ctx)
		if err != nil {
			return nil, err
		}
		rows = append(rows, page...)
		for _, r := range page {
			if room := b.rooms[collection.Scalar(r.Values[h.group.Index.Field])]; room != nil {
				room.rows = append(room.rows, r)
			}
		}
		spent += textsOf(page) + int64(len(page))*rowCost
		if sc.Done || len(page) == 0 || spent > most {
			break
		}
		if pages == batchPages {
			continue
		}
		if short = b.short(ids); len(short) == 0 {
			break
		}
		if (n%batchPages == 0 || len(short) <= len(ids)/2) && sc.Narrow(directus.Compare(h.group.Index.Field, "_in", short)) {
			b.bind(slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return slices.Contains(short, id) }), sc.Bound)
			ids = short
		}
	}
	b.spent += spent
	switch {
	case sc.Done:
		b.bind(ids, time.Time{})
	case !sc.Bound.IsZero():
		b.bind(ids, sc.Bound)
	default: // not even the rows of one date were read
		for _, id := range ids {
			delete(b.rooms, id)
		}
	}
	return rows, nil
}

// short lists those of some rooms that have fewer rows than a backlog.
func (b *batch) short(ids []string) (short []string) {
	for _, id := range ids {
		if len(b.rooms[id].rows) < b.length {
			short = append(short, id)
		}
	}
	return short
}

func (b *batch) bind(ids []string, bound time.Time) {
	for _, id := range ids {
		b.rooms[id].bound = bound
	}
}
