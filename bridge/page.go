package bridge

import (
	"context"
	"encoding/json"
	"fmt"

	"directus-ircd/directus"
)

// MaxPage is how many items are asked for at once at most.
const MaxPage = 512

// ReadRows reads items of a group; more says that the page is full, so that
// there may be further ones.
func ReadRows(ctx context.Context, account *directus.Account, g *Group, q directus.Query) (rows []Row, more bool, err error) {
	q.Fields, q.CutRelated = g.Query, true
	q.Limit = PageLimit(ctx, account, q.Limit)
	var items []json.RawMessage
	if err := account.Items(ctx, g.Collection, q, &items); err != nil {
		return nil, false, fmt.Errorf("read collection %s: %w", g.Collection, err)
	}
	g.weight.learn(items)
	rows = make([]Row, 0, len(items))
	for _, raw := range items {
		r, err := g.Parse(raw)
		if err != nil {
			return nil, false, fmt.Errorf("collection %s: %w", g.Collection, err)
		}
		if g.Concerns(r, account.ID()) {
			rows = append(rows, r)
		}
	}
	return rows, len(items) >= q.Limit, nil
}

// ReadPlaces is readRows without all but the key and the date of each item.
func ReadPlaces(ctx context.Context, account *directus.Account, g *Group, q directus.Query) (rows []Row, more bool, err error) {
	q.Fields = []string{g.Fields.Key(), g.Fields.Date}
	var items []json.RawMessage
	if err := account.Items(ctx, g.Collection, q, &items); err != nil {
		return nil, false, fmt.Errorf("read keys of collection %s: %w", g.Collection, err)
	}
	rows = make([]Row, len(items))
	for i, raw := range items {
		if rows[i], err = g.Parse(raw); err != nil {
			return nil, false, fmt.Errorf("collection %s: %w", g.Collection, err)
		}
	}
	return rows, len(items) >= q.Limit, nil
}

// PageLimit is how many of the wanted items may be asked for at once: a limit
// above what the server allows (QUERY_LIMIT_MAX) is an error to it.
func PageLimit(ctx context.Context, account *directus.Account, wanted int) int {
	if info, err := account.Info(ctx); err == nil && info.QueryLimitMax > 0 {
		wanted = min(wanted, info.QueryLimitMax)
	}
	return min(wanted, MaxPage)
}

// NewestRow reads the latest row that has a date; its id is empty if there is
// none.
func NewestRow(ctx context.Context, account *directus.Account, g *Group) (Row, error) {
	rows, _, err := ReadRows(ctx, account, g, directus.Query{
		Filter: g.Dated(g.Filter), Sort: []string{"-" + g.Fields.Date, "-" + g.Fields.Key()}, Limit: 1,
	})
	if err != nil || len(rows) == 0 {
		return Row{}, err
	}
	return rows[0], nil
}
