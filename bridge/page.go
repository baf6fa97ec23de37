package bridge

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"directus-ircd/directus"
)

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
		if g.concerns(r, account.ID()) {
			rows = append(rows, r)
		}
	}
	return rows, len(items) >= q.Limit, nil
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
			if c.matches(r) && !slices.ContainsFunc(rows, func(other row) bool { return other.id == r.id }) {
				rows = append(rows, r)
			}
		}
		pages.turn(page)
	}
	slices.Reverse(rows)
	return rows, nil
}

// pager pages through a collection by date. Directus may give a date with less
// precision than it stores and compares, so a page begins at the date of the
// last row, not behind it, and skips as many rows as were read of that date. A
// row deleted in between makes it skip one more; the next look at the collection
// finds that.
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
