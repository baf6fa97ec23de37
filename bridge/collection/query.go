package collection

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"directus-ircd/directus"
)

// MaxPage is the most items that are asked for at once.
const MaxPage = 512

// MaxToldApart is how many rows are remembered one by one of those that may come behind their
// dates: by what is known of a device, and so by a feed before it reads its collection again.
const MaxToldApart = 512

const (
	// AnswerTimeout bounds a request whose answer the caller can do without.
	AnswerTimeout = 3 * time.Second
	// ProbePeriod is the least time between two such requests while Directus does not
	// answer.
	ProbePeriod = 5 * time.Second
)

// ReadRows reads one page of a group's rows, without those that do not concern the user of
// the account. more means that the page was full, so that there may be further rows.
// Directus may allow fewer rows than q.Limit.
func ReadRows(ctx context.Context, account *directus.Account, g *Group, q directus.Query) (rows []Row, more bool, err error) {
	q.Fields, q.CutRelated = g.Query, true
	q.Limit = PageLimit(ctx, account, q.Limit)
	rows, bytes, err := read(ctx, account, g, q)
	if err != nil {
		return nil, false, err
	}
	g.weight.learn(len(rows), bytes)
	more = len(rows) >= q.Limit
	return slices.DeleteFunc(rows, func(r Row) bool { return !g.Concerns(r, account.ID()) }), more, nil
}

// ReadPlaces is ReadRows for nothing but the key and the date of each row, and does not
// leave out rows of others.
func ReadPlaces(ctx context.Context, account *directus.Account, g *Group, q directus.Query) (rows []Row, more bool, err error) {
	q.Fields = []string{g.Fields.Key(), g.Fields.Date}
	rows, _, err = read(ctx, account, g, q)
	return rows, err == nil && len(rows) >= q.Limit, err
}

func read(ctx context.Context, account *directus.Account, g *Group, q directus.Query) (rows []Row, bytes int, err error) {
	rows = make([]Row, 0, max(0, min(q.Limit, MaxPage)))
	err = account.Items(ctx, g.Collection, q, directus.Each(func(item []byte) error {
		r, err := g.Parse(item)
		rows, bytes = append(rows, r), bytes+len(item)
		return err
	}))
	if err != nil {
		return nil, 0, fmt.Errorf("read collection %s: %w", g.Collection, err)
	}
	return rows, bytes, nil
}

// PageLimit returns how many of the wanted items may be asked for at once, at most
// MaxPage: Directus rejects a limit above its QUERY_LIMIT_MAX.
func PageLimit(ctx context.Context, account *directus.Account, wanted int) int {
	if info, err := account.Info(ctx); err == nil && info.QueryLimitMax > 0 {
		wanted = min(wanted, info.QueryLimitMax)
	}
	return min(wanted, MaxPage)
}

// NewestRow reads the latest row that has a date. Without any it returns a row with an
// empty ID.
func NewestRow(ctx context.Context, account *directus.Account, g *Group) (Row, error) {
	rows, _, err := ReadRows(ctx, account, g, directus.Query{
		Filter: g.Dated(g.Filter), Sort: []string{"-" + g.Fields.Date, "-" + g.Fields.Key()}, Limit: 1,
	})
	if err != nil || len(rows) == 0 {
		return Row{}, err
	}
	return rows[0], nil
}

// ErrHidden says that Directus refused an item, or stored it and refused to
// show it.
var ErrHidden = errors.New("refused, or stored out of sight")

// IsForbidden reports whether an error means a missing right, which trying again does not
// cure.
func IsForbidden(err error) bool {
	return directus.IsCode(err, directus.CodeForbidden) || directus.IsCode(err, directus.CodeInvalidCollection)
}

// Overlap is how far before its cursor a feed reads again. A row becomes visible later
// than its date: by the length of the transaction that writes it, and by how far the
// clocks of several Directus nodes differ.
const Overlap = time.Minute

// PageSize is the number of rows that are usually asked for at once; it is the default
// limit of Directus.
const PageSize = 100

// Keyed returns the query for those items with the given keys that match a filter. There
// must be no more keys than PageLimit allows.
func (g *Group) Keyed(filter directus.Filter, keys []string) directus.Query {
	asked := make([]string, len(keys))
	for i, id := range keys {
		asked[i] = KeyOf(id)
	}
	return directus.Query{Filter: filter, Key: g.Fields.Key(), Keys: asked, Limit: len(keys)}
}

// Between matches the private messages of two users to each other.
func (g *Group) Between(a, b string) directus.Filter {
	said := func(from, to string) directus.Filter {
		return directus.And(directus.Eq(g.Fields.Author, from), directus.Eq(g.Fields.Recipient, to))
	}
	if a == b {
		return said(a, a)
	}
	return directus.Or(said(a, b), said(b, a))
}

// Without matches the private messages of a user, but for those to or from peers.
func (g *Group) Without(self string, peers []string) directus.Filter {
	not := func(mine, theirs string) directus.Filter {
		return directus.And(directus.Eq(mine, self), directus.Compare(theirs, "_nin", peers))
	}
	return directus.Or(not(g.Fields.Author, g.Fields.Recipient), not(g.Fields.Recipient, g.Fields.Author))
}
