package bridge

import (
	"context"
	"errors"
	"slices"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/feed"
	"directus-ircd/bridge/people"
	"directus-ircd/directus"
)

// rangeScan reads the messages of a history between two bounds, from one of them towards the
// other.
type rangeScan struct {
	*historian
	rows  collection.Scan
	lo    *collection.Bound  // only rows behind it are wanted; nil: no bound
	hi    *collection.Bound  // only rows in front of it are wanted; nil: no bound
	found []found            // in the direction of the scan
	refs  *people.References // of the rows of a batch while they are added; else nil
	cutAt time.Time          // the scan has ended there with a batch; zero: it has not
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
	if near != nil && near.ID != "" { // and one for the row that the query names, which is read with its date
		sc.rows.Size = min(sc.rows.Size+1, collection.MaxPage)
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
	list, err := sc.shown(ctx, rows, sc.refs)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(f found) bool {
		_, early := sc.early[f.row.ID]
		return early
	})
	if first := len(sc.found); first == 0 {
		sc.found = list
	} else {
		sc.found = append(sc.found, list...)
	}
	for i := range list {
		sc.keep(&list[i])
	}
	return nil
}

// take takes the first n messages of the scan and those that share the time of the last of
// them, at most maxTies, out of it, oldest first. end says that there are no more messages.
func (sc *rangeScan) take(n int) (list []found, end bool) {
	n = min(n, len(sc.found))
	for most := n + maxTies; n > 0 && n < len(sc.found) && n < most && sc.found[n].sharesTime(sc.found[n-1]); {
		n++
	}
	list, sc.found = sc.found[:n:n], sc.found[n:]
	if sc.rows.Down {
		slices.Reverse(list)
	}
	return list, sc.rows.Done && len(sc.found) == 0
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
