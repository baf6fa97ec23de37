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

// Scan reads the rows of a filter page by page in the order of the collection,
// by date and then by key, or backwards. All that reads many rows goes this way:
// catch-up, backlog and history.
//
// Directus may store a date more exactly than it gives it, and compares what it
// stores. So a page never begins behind the last row read, but at a date as it is
// given: the rows of one given date are read together, and those of a date that
// has more than a page holds by their keys alone. Rows whose date cannot be read,
// as of the year 1 or 12345, have no place in the order and are left out. No row is skipped or given
// twice because another comes or goes meanwhile.
//
// Of rows too long for one answer the places are read first, and the rows by their keys:
// a database without an index on the date sorts whole rows for each page, and had to sort
// them as often as their texts make answers.
type Scan struct {
	Account *directus.Account
	Group   *Group
	Base    directus.Filter
	Down    bool // newest first
	// Size is how many rows are asked for at once, at most: see limit.
	Size int
	// fit is how many of them at most, as more were too large an answer; 0: not known.
	fit int
	// Start is a row near which a date with many rows may be entered: what lies
	// on its other side is not wanted. Its id is empty if there is none.
	Start Row

	Done   bool      // there are no more rows
	Bound  time.Time // what is left begins there, going up, or ends before it, going down; zero: all
	offset int       // of these, the rows read; only where dates do not come in their own order
	tie    *tie      // the date that is being read by keys; nil if none is
	placed *Placed   // a page whose rows are being read by keys; nil if none is
}

// tie is a date with more rows than a page holds.
type tie struct {
	date time.Time
	// Numbers are read by comparison: last is the key of the last row read, nil before
	// the first, and operator compares the next keys with it.
	last     any
	operator string
	// Texts Directus does not compare, and a database has an order of its own for
	// them: all keys are read, and the rows by these. left are the keys of those that
	// are still to be read; known says that it is set.
	texts bool
	known bool
	left  []string
}

// Next reads the next rows, in the direction of the scan. None may come though
// there are more: go on until done. dense says that they are a part of those of
// their date; else all rows of a date come together.
func (s *Scan) Next(ctx context.Context) (rows []Row, dense bool, err error) {
	switch {
	case s.placed != nil:
		return s.nextOfPlaced(ctx)
	case s.tie != nil:
		rows, err = s.nextOfCrowd(ctx)
		return rows, true, err
	}
	rows, whole, more, err := s.page(ctx)
	if err != nil {
		return nil, false, err
	}
	if rows = s.turnPage(rows, more); whole || len(rows) == 0 {
		return rows, s.tie != nil, nil
	}
	s.placed, s.Done = &Placed{Left: rows, last: s.Done}, false
	return s.nextOfPlaced(ctx)
}

// turnPage makes the scan go on behind a page, and returns the rows of it that come now.
func (s *Scan) turnPage(rows []Row, more bool) []Row {
	read := len(rows)
	rows = slices.DeleteFunc(rows, func(r Row) bool { return r.Date.IsZero() })
	s.sort(rows)
	switch {
	case !more:
		s.Done = true
		return rows
	case len(rows) == 0:
		s.offset += read
		return nil
	}
	last := rows[len(rows)-1].Date
	whole := slices.IndexFunc(rows, func(r Row) bool { return r.Date.Equal(last) })
	if whole == 0 && s.offset == 0 {
		s.enter(rows[0])
		return nil
	}
	if s.turn(last, whole, read) {
		rows = rows[:whole]
	}
	return rows
}

// turn moves the bound to the last date of a full page: that is read again, with all
// its rows. Where the clock of a dateTime field was set back, at the end of summer
// time, that is no step ahead: then it is false, and all rows of the page count.
func (s *Scan) turn(last time.Time, whole, read int) bool {
	bound := last
	if s.Down {
		bound = last.Add(s.Group.Dates.Unit())
	}
	ahead := bound.After(s.Bound)
	if s.Down {
		ahead = s.Bound.IsZero() || bound.Before(s.Bound)
	}
	if whole == 0 || !ahead {
		s.offset += read
		return false
	}
	s.Bound, s.offset = bound, 0
	return true
}

// rest is the filter for what is left.
func (s *Scan) rest() directus.Filter {
	switch {
	case s.Bound.IsZero():
		return s.Group.Dated(s.Base)
	case s.Down:
		return directus.And(s.Base, s.Group.Dates.Before(s.Bound))
	}
	return directus.And(s.Base, s.Group.Dates.From(s.Bound))
}

// enter begins to read a date by keys.
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

// startsAt reports that nothing is wanted of the rows of a date on one side of start.
func (s *Scan) startsAt(date time.Time, id string) bool {
	return s.Start.ID != "" && s.Start.Date.Equal(date) && sameKind(s.Start.ID, id)
}

func (s *Scan) nextOfCrowd(ctx context.Context) ([]Row, error) {
	c := s.tie
	if c.texts {
		return s.nextOfTexts(ctx)
	}
	filter := directus.And(s.Base, s.Group.Dates.Of(c.date))
	if c.last != nil {
		filter = directus.And(filter, directus.Compare(s.Group.Fields.Key(), c.operator, c.last))
	}
	rows, more, err := s.readCrowd(ctx, filter)
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

// leave goes on behind the date of a crowd.
func (s *Scan) leave() {
	s.Bound = s.tie.date
	if !s.Down {
		s.Bound = s.Bound.Add(s.Group.Dates.Unit())
	}
	s.tie = nil
}

// nextOfTexts reads the rows of the next keys of a crowd.
func (s *Scan) nextOfTexts(ctx context.Context) ([]Row, error) {
	c := s.tie
	if !c.known {
		keys, err := s.keysOf(ctx, c.date)
		if err != nil {
			return nil, err
		}
		c.left, c.known = keys, true
	}
	page := c.left[:min(s.Limit(ctx), len(c.left))]
	var rows []Row
	if len(page) > 0 {
		var err error
		rows, _, err = s.Ask(ctx, s.Group.Keyed(s.Base, page))
		if errors.Is(err, directus.ErrTooLarge) && len(page) > 1 {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
	}
	s.sort(rows)
	if c.left = c.left[len(page):]; len(c.left) == 0 {
		s.leave()
	}
	return rows, nil
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

// maxTie is how many keys of one date are read, where they are texts: all that an
// import has left there, at a hundred thousand rows a matter of 200 questions.
const maxTie = 100_000

// ReadKeys reads the keys that match a filter, in the order that the database has for
// them, more than most if there are more. Each page begins with the last key of the one
// before, to see that none has come or gone in front of it.
func ReadKeys(ctx context.Context, account *directus.Account, g *Group, filter directus.Filter, most int) ([]string, error) {
	key := g.Fields.Key()
	var keys []string
	for {
		size, overlap := PageLimit(ctx, account, MaxPage), 0
		if len(keys) > 0 && size > 1 {
			overlap = 1
		}
		var items []map[string]json.RawMessage
		q := directus.Query{Fields: []string{key}, Filter: filter, Sort: []string{key}, Limit: size, Offset: len(keys) - overlap}
		if err := account.Items(ctx, g.Collection, q, &items); err != nil {
			return nil, fmt.Errorf("read keys of collection %s: %w", g.Collection, err)
		}
		if overlap > 0 && (len(items) == 0 || Scalar(items[0][key]) != keys[len(keys)-1]) {
			return nil, ErrMoved
		}
		for _, item := range items[overlap:] {
			keys = append(keys, Scalar(item[key]))
		}
		if len(items) < size || len(keys) > most {
			return keys, nil
		}
	}
}

var (
	// errForeign says that Directus gave what was not asked for.
	errForeign = errors.New("directus gave messages between others")
	// ErrMoved says that rows came or went between two pages, where that matters.
	// The next attempt finds them.
	ErrMoved = errors.New("messages of one date have changed while they were read")
)

// page reads the next page of what is left. If its rows are not whole, they are too long
// for one answer, and have no more than a key and a date.
func (s *Scan) page(ctx context.Context) (rows []Row, whole, more bool, err error) {
	q := directus.Query{
		Filter: s.rest(), Sort: s.order(s.Group.Dates.field, s.Group.Fields.Key()),
		Limit: PageLimit(ctx, s.Account, s.Size), Offset: s.offset,
	}
	whole = s.room() >= q.Limit
	if whole {
		rows, more, err = s.Ask(ctx, q)
		whole = q.Limit == 1 || !errors.Is(err, directus.ErrTooLarge)
	}
	if !whole {
		rows, more, err = ReadPlaces(ctx, s.Account, s.Group, q)
	}
	if err == nil && more && len(rows) == 0 {
		err = errForeign
	}
	return rows, whole, more, err
}

func (s *Scan) readCrowd(ctx context.Context, filter directus.Filter) (rows []Row, more bool, err error) {
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

// order is that of some fields, in the direction of the scan.
func (s *Scan) order(fields ...string) []string {
	if s.Down {
		for i := range fields {
			fields[i] = "-" + fields[i]
		}
	}
	return fields
}

// Ask reads rows, and goes on with fewer at once if they are too large an answer.
func (s *Scan) Ask(ctx context.Context, q directus.Query) (rows []Row, more bool, err error) {
	if q.Limit > 1 { // one row comes whatever it takes
		q.MaxAnswer = MaxRowsAnswer
	}
	rows, more, err = ReadRows(ctx, s.Account, s.Group, q)
	if errors.Is(err, directus.ErrTooLarge) {
		s.fit = max(1, q.Limit/4)
	}
	return rows, more, err
}

// Limit is how many rows are asked for at once: as many as probably fit into an answer.
func (s *Scan) Limit(ctx context.Context) int {
	return min(PageLimit(ctx, s.Account, s.Size), s.room())
}

// room is how many rows probably fit into an answer.
func (s *Scan) room() int {
	if n := s.Group.weight.fit(); s.fit == 0 || n < s.fit {
		return n
	}
	return s.fit
}

// sort orders rows that are equal as they are given.
func (s *Scan) sort(rows []Row) {
	slices.SortStableFunc(rows, CompareRows)
	if s.Down {
		slices.Reverse(rows)
	}
}

// nextOfPlaced reads the next rows of a page whose places are known. What does not match
// any more is left out.
func (s *Scan) nextOfPlaced(ctx context.Context) ([]Row, bool, error) {
	p := *s.placed
	keys, dense := p.Cut(min(s.room(), PageLimit(ctx, s.Account, MaxPage)))
	rows, _, err := s.Ask(ctx, s.Group.Keyed(s.Base, keys))
	if errors.Is(err, directus.ErrTooLarge) && len(keys) > 1 {
		return nil, dense, nil
	}
	if err != nil {
		return nil, dense, err
	}
	s.sort(rows)
	if s.placed = &p; len(p.Left) == 0 {
		s.placed, s.Done = nil, p.last
	}
	return rows, dense, nil
}
