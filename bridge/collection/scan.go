package collection

import (
	"context"
	"errors"
	"slices"
	"time"

	"directus-ircd/directus"
)

// Scan reads the rows that match a filter page by page, in the order of the collection (by
// date, then by key) or backwards. Catch-up, backlog and history all read this way. A Scan
// is for one goroutine.
//
// Directus may store a date more precisely than it gives it, and compares what it stores.
// So a page never begins behind the last row read, but at a date as it was given: the rows
// of one date are read together, and a date with more rows than a page holds (a tie) by
// keys alone. Rows whose date cannot be read, as of the year 1 or 12345, have no place in
// the order and are left out. No row is skipped or returned twice because others are
// created or deleted meanwhile.
//
// If rows are too long for one answer, a page of keys and dates is read first, and then the
// rows by their keys: a database without an index on the date sorts whole rows for each
// page, and would sort them again for each answer.
type Scan struct {
	Account *directus.Account
	Group   *Group
	Base    directus.Filter
	Down    bool // newest first
	// Size is the most rows that are asked for at once: see Limit.
	Size int
	// fit is how many rows fit into an answer, as more were too many; 0: not known.
	fit int
	// Start allows a scan to begin in the middle of a tie: of the rows with the date of
	// Start, those on its other side are not wanted. Its ID is empty if all are.
	Start Row

	Done   bool      // there are no more rows
	Bound  time.Time // the rows left begin at this date or, if Down, end before it; zero: all are left
	offset int       // how many of the rows left were read; only where the order of dates is not that of time
	tie    *tie      // the date that is being read by keys; nil if none is
	placed *placed   // a page whose rows are being read by keys; nil if none is
}

// Next reads the next rows, in the direction of the scan. It may return none although there
// are more: go on until Done. dense means that rows are only a part of those of their date;
// otherwise all rows of a date are returned together. After an error the same rows may be
// asked for again.
func (s *Scan) Next(ctx context.Context) (rows []Row, dense bool, err error) {
	switch {
	case s.placed != nil:
		return s.nextOfPlaced(ctx)
	case s.tie != nil:
		rows, err = s.nextOfTie(ctx)
		return rows, true, err
	}
	rows, whole, more, err := s.page(ctx)
	if err != nil {
		return nil, false, err
	}
	if rows = s.turnPage(rows, more); whole || len(rows) == 0 {
		return rows, s.tie != nil, nil
	}
	s.placed = &placed{last: s.Done}
	for _, r := range rows {
		s.placed.left = append(s.placed.left, rowPlace{r.ID, r.Date})
	}
	s.Done = false
	return s.nextOfPlaced(ctx)
}

// NextWhole is Next for a reader that may stop behind any page: all rows from Bound on were read by
// then. It returns none if that could not be said of the next rows. Then the scan is of no use any
// more, and Bound is as it was.
func (s *Scan) NextWhole(ctx context.Context) ([]Row, error) {
	before := s.Bound
	rows, dense, err := s.Next(ctx)
	if err == nil && (dense || s.tie != nil || s.placed != nil || !s.Done && s.Bound.Equal(before)) {
		rows, s.Bound, s.Done = nil, before, false
	}
	return rows, err
}

// Narrow makes the scan go on with those of the rows left that match another filter, in the place of
// Base. It does nothing in the midst of rows that only their number tells apart.
func (s *Scan) Narrow(base directus.Filter) bool {
	if s.offset > 0 || s.tie != nil || s.placed != nil {
		return false
	}
	s.Base = base
	return true
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

func (s *Scan) rest() directus.Filter {
	switch {
	case s.Bound.IsZero():
		return s.Group.Dated(s.Base)
	case s.Down:
		return directus.And(s.Base, s.Group.Dates.Before(s.Bound))
	}
	return directus.And(s.Base, s.Group.Dates.From(s.Bound))
}

var (
	// errForeign means that Directus gave rows that were not asked for.
	errForeign = errors.New("directus gave messages between others")
	// ErrMoved means that rows were created or deleted between two pages, where that
	// matters. Trying again cures it.
	ErrMoved = errors.New("items have changed while they were read")
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

// order is that of some fields, in the direction of the scan.
func (s *Scan) order(fields ...string) []string {
	if s.Down {
		for i := range fields {
			fields[i] = "-" + fields[i]
		}
	}
	return fields
}

// Ask reads one page of rows. If they are too large an answer, the error is
// directus.ErrTooLarge, and Limit is lower from then on.
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

// Limit returns how many rows to ask for at once: as many as probably fit into an answer.
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
	order := CompareRows
	if s.Down {
		order = func(a, b Row) int { return CompareRows(b, a) }
	}
	slices.SortStableFunc(rows, order) // they nearly always are in order, which is soon seen
}
