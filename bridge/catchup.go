package bridge

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"directus-ircd/directus"
)

// from matches what was written since a date, overlapping by a minute. like is
// a date as the collection holds it: a dateTime field has no zone, and Directus
// takes one that is given literally.
func (g *group) from(date time.Time, like string) directus.Filter {
	return directus.Filter{g.fields.Date: map[string]any{"_gte": formatLike(date.Add(-overlap), like)}}
}

func formatLike(date time.Time, like string) string {
	layout := "2006-01-02T15:04:05.000Z"
	if _, err := time.Parse(time.RFC3339Nano, like); err != nil && like != "" {
		layout = "2006-01-02T15:04:05"
	}
	return date.UTC().Format(layout)
}

// catchUp reads what the collection holds since the cursor and publishes what
// was not seen, in the collection's order. The first time it only finds out
// where the collection ends: what was there before a feed is backlog.
func (f *feed) catchUp(ctx context.Context) error {
	begun := time.Now()
	if !f.cursor.set {
		return f.start(ctx)
	}
	f.mu.Lock()
	like := f.like
	f.mu.Unlock()
	last, err := f.readSince(ctx, f.cursor.date, like, func(rows []row) error { return f.publish(ctx, rows, true) })
	if err != nil {
		return err
	}
	f.advance(last)
	f.mu.Lock()
	f.current = begun
	f.mu.Unlock()
	return nil
}

// start sets the cursor to the newest row and marks all that the overlap
// reaches as seen, but for what was written since the feed was opened: that is
// news, however long it took until the collection could be read.
func (f *feed) start(ctx context.Context) error {
	newest, _, err := f.read(ctx, directus.Query{Filter: f.group.dated(f.group.filter), Sort: f.order("-"), Limit: 1})
	if err != nil {
		return err
	}
	var last time.Time
	if len(newest) > 0 {
		last, err = f.readSince(ctx, earlier(newest[0].date, f.opened), newest[0].rawDate, func(rows []row) error {
			old := slices.DeleteFunc(slices.Clone(rows), f.isNews)
			f.markSeen(old)
			return f.publish(ctx, rows, true)
		})
		if err != nil {
			return err
		}
	}
	f.cursor.set = true
	f.advance(last)
	return nil
}

// isNews tells what was written since the feed was opened from history and from
// what pretends to be of the future.
func (f *feed) isNews(r row) bool {
	return r.date.After(f.opened) && r.date.Before(time.Now().Add(overlap))
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// readSince reads page by page from a minute before since, oldest first, and
// returns the date of the last row.
func (f *feed) readSince(ctx context.Context, since time.Time, like string, use func([]row) error) (last time.Time, err error) {
	from := f.group.dated(f.group.filter)
	if !since.IsZero() {
		from = directus.And(from, f.group.from(since, like))
	}
	pages := pager{base: from, field: f.group.fields.Date}
	for more := true; more; {
		var rows []row
		rows, more, err = f.read(ctx, directus.Query{
			Filter: pages.filter(), Offset: pages.offset, Limit: pageSize, Sort: f.order(""),
		})
		if err != nil {
			return last, err
		}
		if err := use(rows); err != nil {
			return last, err
		}
		if len(rows) > 0 {
			last = rows[len(rows)-1].date
		}
		pages.turn(rows)
	}
	return last, nil
}

// pager pages through a collection by date. Directus may give a date with less
// precision than it stores and compares, so a page begins at the date of the
// last row, not behind it, and skips as many rows as were read of that date.
type pager struct {
	base   directus.Filter
	field  string
	down   bool   // newest first
	at     string // date of the last row read; empty at first
	offset int
}

func (p *pager) filter() directus.Filter {
	if p.at == "" {
		return p.base
	}
	if !p.down {
		return directus.And(p.base, directus.Filter{p.field: map[string]any{"_gte": p.at}})
	}
	unit := time.Second
	if strings.Contains(p.at, ".") {
		unit = time.Millisecond
	}
	return directus.And(p.base, directus.Filter{p.field: map[string]any{"_lt": formatLike(parseDate(p.at).Add(unit), p.at)}})
}

// turn notes a page that was read.
func (p *pager) turn(rows []row) {
	if len(rows) == 0 {
		return
	}
	if at := rows[len(rows)-1].rawDate; at != p.at {
		p.at, p.offset = at, 0
	}
	for _, r := range rows {
		if r.rawDate == p.at {
			p.offset++
		}
	}
}

func (f *feed) order(sign string) []string {
	return []string{sign + f.group.fields.Date, sign + "id"}
}

func (f *feed) read(ctx context.Context, q directus.Query) (rows []row, more bool, err error) {
	return readRows(ctx, f.account, f.group, q)
}

// advance moves the cursor and forgets the keys that no later read reaches.
func (f *feed) advance(last time.Time) {
	// A row from the future must not hide what is written from now on.
	if last = earlier(last, time.Now()); last.After(f.cursor.date) {
		f.cursor.date = last
	}
	horizon := f.cursor.date.Add(-2 * overlap)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cursor.date.After(f.newest) {
		f.newest = f.cursor.date
	}
	// The latest stay all the same: an overloaded Directus may send their
	// events much later.
	maps.DeleteFunc(f.seen, func(_ string, m mark) bool {
		return m.date.Before(horizon) && f.arrived-m.order >= maxSeen
	})
	maps.DeleteFunc(f.taken, func(_ string, date time.Time) bool { return date.Before(horizon) })
}

// readRows reads items of a group; more says that the page is full, so that
// there may be further ones.
func readRows(ctx context.Context, account *directus.Account, g *group, q directus.Query) (rows []row, more bool, err error) {
	q.Fields = g.query
	q.Limit = pageLimit(ctx, account, q.Limit)
	var items []json.RawMessage
	if err := account.Items(ctx, g.collection, q, &items); err != nil {
		return nil, false, fmt.Errorf("read collection %s: %w", g.collection, err)
	}
	rows = make([]row, 0, len(items))
	for _, raw := range items {
		r, err := parseRow(raw, g.fields)
		if err != nil {
			return nil, false, fmt.Errorf("collection %s: %w", g.collection, err)
		}
		rows = append(rows, r)
	}
	return rows, len(rows) >= q.Limit, nil
}

// pageLimit is how many of the wanted items may be asked for at once: a limit
// above what the server allows (QUERY_LIMIT_MAX) is an error to it.
func pageLimit(ctx context.Context, account *directus.Account, wanted int) int {
	if info, err := account.Info(ctx); err == nil && info.QueryLimitMax > 0 {
		wanted = min(wanted, info.QueryLimitMax)
	}
	return min(wanted, pageSize)
}

// latest reads the newest rows of one channel, oldest first.
func latest(ctx context.Context, account *directus.Account, g *group, c *channel, limit int) ([]row, error) {
	var rows []row
	pages := pager{base: g.dated(directus.Filter(c.Filter)), field: g.fields.Date, down: true}
	for more := true; more && len(rows) < limit; {
		var page []row
		var err error
		page, more, err = readRows(ctx, account, g, directus.Query{
			Filter: pages.filter(), Offset: pages.offset, Limit: limit - len(rows),
			Sort: []string{"-" + g.fields.Date, "-id"},
		})
		if err != nil {
			return nil, err
		}
		for _, r := range page { // one written in between moves the next page
			if !slices.ContainsFunc(rows, func(other row) bool { return other.id == r.id }) {
				rows = append(rows, r)
			}
		}
		pages.turn(page)
	}
	slices.Reverse(rows)
	return rows, nil
}
