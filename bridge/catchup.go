package bridge

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"directus-ircd/directus"
)

// dateFormat is how Directus writes and compares a timestamp.
const dateFormat = "2006-01-02T15:04:05.000Z"

// catchUp reads what the collection holds since the cursor and publishes what
// was not seen, in the collection's order. The first time it only finds out
// where the collection ends: what was there before a feed is backlog.
func (f *feed) catchUp(ctx context.Context) error {
	if !f.cursor.set {
		return f.start(ctx)
	}
	last, err := f.readSince(ctx, f.cursor.date, func(rows []row) error {
		f.setState(true, nil) // so that people are told before they are shown
		return f.publish(ctx, rows)
	})
	if err != nil {
		return err
	}
	f.advance(last)
	return nil
}

// start sets the cursor to the newest row and marks all that the overlap
// reaches as seen.
func (f *feed) start(ctx context.Context) error {
	newest, _, err := f.read(ctx, directus.Query{Filter: f.group.dated(f.group.filter), Sort: f.order("-"), Limit: 1})
	if err != nil {
		return err
	}
	var last time.Time
	if len(newest) > 0 {
		last, err = f.readSince(ctx, newest[0].date, func(rows []row) error { f.markSeen(rows); return nil })
		if err != nil {
			return err
		}
	}
	f.cursor.set = true
	f.advance(last)
	return nil
}

// readSince reads page by page from a minute before since, oldest first, and
// returns the date of the last row.
func (f *feed) readSince(ctx context.Context, since time.Time, use func([]row) error) (last time.Time, err error) {
	from := f.group.dated(f.group.filter)
	if !since.IsZero() {
		from = directus.And(from, directus.Filter{f.group.fields.Date: map[string]any{"_gte": since.Add(-overlap).Format(dateFormat)}})
	}
	filter := from
	for more := true; more; {
		var rows []row
		rows, more, err = f.read(ctx, directus.Query{Filter: filter, Sort: f.order(""), Limit: pageSize})
		if err != nil {
			return last, err
		}
		if err := use(rows); err != nil {
			return last, err
		}
		if len(rows) > 0 {
			end := rows[len(rows)-1]
			last = end.date
			filter = directus.And(from, directus.After(f.group.fields.Date, end.rawDate, end.id))
		}
	}
	return last, nil
}

func (f *feed) order(sign string) []string {
	return []string{sign + f.group.fields.Date, sign + "id"}
}

func (f *feed) read(ctx context.Context, q directus.Query) (rows []row, more bool, err error) {
	return readRows(ctx, f.account, f.group, q)
}

// advance moves the cursor and forgets the keys that no later read reaches.
func (f *feed) advance(last time.Time) {
	if last.After(f.cursor.date) {
		f.cursor.date = last
	}
	horizon := f.cursor.date.Add(-2 * overlap)
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.seen, func(_ string, m mark) bool { return m.date.Before(horizon) })
	maps.DeleteFunc(f.taken, func(_ string, date time.Time) bool { return date.Before(horizon) })
}

// readRows reads items of a group; more says that the page is full, so that
// there may be further ones.
func readRows(ctx context.Context, account *directus.Account, g *group, q directus.Query) (rows []row, more bool, err error) {
	q.Fields = g.query
	if q.Limit, err = pageLimit(ctx, account, q.Limit); err != nil {
		return nil, false, err
	}
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
func pageLimit(ctx context.Context, account *directus.Account, wanted int) (int, error) {
	info, err := account.Info(ctx)
	if err != nil {
		return 0, err
	}
	if info.QueryLimitMax > 0 {
		wanted = min(wanted, info.QueryLimitMax)
	}
	return min(wanted, pageSize), nil
}

// latest reads the newest rows of one channel, oldest first.
func latest(ctx context.Context, account *directus.Account, g *group, c *channel, limit int) ([]row, error) {
	var rows []row
	base := g.dated(directus.Filter(c.Filter))
	filter := base
	for more := true; more && len(rows) < limit; {
		var page []row
		var err error
		page, more, err = readRows(ctx, account, g, directus.Query{
			Filter: filter, Sort: []string{"-" + g.fields.Date, "-id"}, Limit: limit - len(rows),
		})
		if err != nil {
			return nil, err
		}
		if rows = append(rows, page...); len(page) > 0 {
			end := page[len(page)-1]
			filter = directus.And(base, directus.Before(g.fields.Date, end.rawDate, end.id))
		}
	}
	slices.Reverse(rows)
	return rows, nil
}
