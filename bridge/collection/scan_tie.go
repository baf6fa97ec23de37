package collection

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"directus-ircd/directus"
)

// tie is a date with more rows than a page holds.
type tie struct {
	date time.Time
	// Numbers are read by comparison: last is the key of the last row read, nil before
	// the first, and operator compares the next keys with it.
	last     any
	operator string
	// Texts Directus does not compare, and a database has an order of its own for
	// them: all keys are read, and then the rows by these, as for a page of long rows.
	texts bool
}

func (s *Scan) enter(first Row) {
	s.tie = &tie{date: first.Date, texts: !first.HasNumber()}
	if s.tie.texts || !s.startsAt(first.Date, first.ID) {
		return
	}
	s.tie.operator = "_gte"
	if s.Down {
		s.tie.operator = "_lte"
	}
	s.tie.last = json.Number(s.Start.ID)
}

// startsAt reports that nothing is wanted of the rows of a date on one side of start, whose key
// may be of another kind, as a client has made it up.
func (s *Scan) startsAt(date time.Time, id string) bool {
	return s.Start.ID != "" && s.Start.Date.Equal(date) && IsNumber(s.Start.ID) == IsNumber(id) && IsUUID(s.Start.ID) == IsUUID(id)
}

// nextOfTie reads the next rows of the date that is read by keys.
func (s *Scan) nextOfTie(ctx context.Context) ([]Row, error) {
	c := s.tie
	if c.texts {
		keys, err := s.keysOf(ctx, c.date)
		if err != nil {
			return nil, err
		}
		if s.leave(); len(keys) > 0 {
			s.placed = &placed{split: c.date}
			for _, id := range keys {
				s.placed.left = append(s.placed.left, rowPlace{id, c.date})
			}
		}
		return nil, nil
	}
	filter := directus.And(s.Base, s.Group.Dates.Of(c.date))
	if c.last != nil {
		filter = directus.And(filter, directus.Compare(s.Group.Fields.Key(), c.operator, c.last))
	}
	rows, more, err := s.readTie(ctx, filter)
	if err != nil {
		return nil, err
	}
	if !more {
		s.leave()
		return rows, nil
	}
	c.last, c.operator = rows[len(rows)-1].Key, "_gt"
	if s.Down {
		c.operator = "_lt"
	}
	return rows, nil
}

// leave makes the scan go on behind the date of a tie.
func (s *Scan) leave() {
	s.Bound = s.tie.date
	if !s.Down {
		s.Bound = s.Bound.Add(s.Group.Dates.Unit())
	}
	s.tie = nil
}

// keysOf reads the keys of a date, in the direction of the scan, from start on if that
// is of the date.
func (s *Scan) keysOf(ctx context.Context, date time.Time) ([]string, error) {
	filter := directus.And(s.Base, s.Group.Dates.Of(date))
	keys, err := ReadKeys(ctx, s.Account, s.Group, filter, maxTie)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(keys, CompareIDs)
	if len(keys) > 0 && s.startsAt(date, keys[0]) {
		i, found := slices.BinarySearchFunc(keys, s.Start.ID, CompareIDs)
		switch {
		case !s.Down:
			keys = keys[i:]
		case found:
			keys = keys[:i+1]
		default:
			keys = keys[:i]
		}
	}
	if s.Down {
		slices.Reverse(keys)
	}
	return keys, nil
}

// maxTie bounds how many keys of one date are read, where keys are texts. An import may
// leave that many rows with one date; reading their keys takes 200 requests.
const maxTie = 100_000

// ReadKeys reads the keys of the rows that match a filter: see ReadItems.
func ReadKeys(ctx context.Context, account *directus.Account, g *Group, filter directus.Filter, most int) ([]string, error) {
	key := g.Fields.Key()
	var keys []string
	q := directus.Query{Fields: []string{key}, Filter: filter}
	err := ReadItems(ctx, account, g.Collection, key, q, most, func(item map[string]json.RawMessage) { keys = append(keys, idOf(item[key])) })
	if err != nil {
		return nil, fmt.Errorf("read keys of collection %s: %w", g.Collection, err)
	}
	return keys, nil
}

// ReadItems gives the items that match a query to take, in the order of the database by their key,
// which must be among the fields. It stops after the page with which there are more than most. Each
// page begins with the last key of the one before, so that items created or deleted in front of it
// are noticed: the error is ErrMoved then.
func ReadItems(ctx context.Context, account *directus.Account, collection, key string, q directus.Query, most int, take func(map[string]json.RawMessage)) error {
	read, last := 0, ""
	for {
		size, overlap := PageLimit(ctx, account, MaxPage), 0
		if read > 0 && size > 1 {
			overlap = 1
		}
		var items []map[string]json.RawMessage
		q.Sort, q.Limit, q.Offset = []string{key}, size, read-overlap
		if err := account.Items(ctx, collection, q, &items); err != nil {
			return err
		}
		if overlap > 0 && (len(items) == 0 || idOf(items[0][key]) != last) {
			return ErrMoved
		}
		for _, item := range items[overlap:] {
			take(item)
		}
		read += len(items) - overlap
		if len(items) < size || read > most {
			return nil
		}
		last = idOf(items[len(items)-1][key])
	}
}

// readTie reads rows of one date by keys, with fewer at once until they fit into an answer.
func (s *Scan) readTie(ctx context.Context, filter directus.Filter) (rows []Row, more bool, err error) {
	for {
		n := s.Limit(ctx)
		rows, more, err = s.Ask(ctx, directus.Query{Filter: filter, Sort: s.order(s.Group.Fields.Key()), Limit: n})
		if n <= 1 || !errors.Is(err, directus.ErrTooLarge) {
			break
		}
	}
	if err == nil && more && len(rows) == 0 {
		err = errForeign
	}
	return rows, more, err
}
