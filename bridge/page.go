package bridge

import (
	"context"
	"encoding/json"
	"fmt"

	"directus-ircd/directus"
)

// maxPage is how many items are asked for at once at most.
const maxPage = 512

// readRows reads items of a group; more says that the page is full, so that
// there may be further ones.
func readRows(ctx context.Context, account *directus.Account, g *group, q directus.Query) (rows []row, more bool, err error) {
	q.Fields, q.CutRelated = g.query, true
	q.Limit = pageLimit(ctx, account, q.Limit)
	var items []json.RawMessage
	if err := account.Items(ctx, g.collection, q, &items); err != nil {
		return nil, false, fmt.Errorf("read collection %s: %w", g.collection, err)
	}
	g.weight.learn(items)
	rows = make([]row, 0, len(items))
	for _, raw := range items {
		r, err := g.parse(raw)
		if err != nil {
			return nil, false, fmt.Errorf("collection %s: %w", g.collection, err)
		}
		if g.concerns(r, account.ID()) {
			rows = append(rows, r)
		}
	}
	return rows, len(items) >= q.Limit, nil
}

// readPlaces is readRows without all but the key and the date of each item.
func readPlaces(ctx context.Context, account *directus.Account, g *group, q directus.Query) (rows []row, more bool, err error) {
	q.Fields = []string{g.fields.key(), g.fields.Date}
	var items []json.RawMessage
	if err := account.Items(ctx, g.collection, q, &items); err != nil {
		return nil, false, fmt.Errorf("read keys of collection %s: %w", g.collection, err)
	}
	rows = make([]row, len(items))
	for i, raw := range items {
		if rows[i], err = g.parse(raw); err != nil {
			return nil, false, fmt.Errorf("collection %s: %w", g.collection, err)
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
	return min(wanted, maxPage)
}

// newestRow reads the latest row that has a date; its id is empty if there is
// none.
func newestRow(ctx context.Context, account *directus.Account, g *group) (row, error) {
	rows, _, err := readRows(ctx, account, g, directus.Query{
		Filter: g.dated(g.filter), Sort: []string{"-" + g.fields.Date, "-" + g.fields.key()}, Limit: 1,
	})
	if err != nil || len(rows) == 0 {
		return row{}, err
	}
	return rows[0], nil
}
