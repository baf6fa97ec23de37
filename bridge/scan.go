package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"directus-ircd/directus"
)

// scan reads the rows of a filter page by page in the order of the collection,
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
type scan struct {
	account *directus.Account
	group   *group
	base    directus.Filter
	down    bool // newest first
	// size is how many rows are asked for at once, at most: see limit.
	size int
	// fit is how many of them at most, as more were too large an answer; 0: not known.
	fit int
	// start is a row near which a date with many rows may be entered: what lies
	// on its other side is not wanted. Its id is empty if there is none.
	start row

	done   bool      // there are no more rows
	bound  time.Time // what is left begins there, going up, or ends before it, going down; zero: all
	offset int       // of these, the rows read; only where dates do not come in their own order
	crowd  *crowd    // the date that is being read by keys; nil if none is
	placed *placed   // a page whose rows are being read by keys; nil if none is
}

// crowd is a date with more rows than a page holds.
type crowd struct {
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

// next reads the next rows, in the direction of the scan. None may come though
// there are more: go on until done. dense says that they are a part of those of
// their date; else all rows of a date come together.
func (s *scan) next(ctx context.Context) (rows []row, dense bool, err error) {
	switch {
	case s.placed != nil:
		return s.nextOfPlaced(ctx)
	case s.crowd != nil:
		rows, err = s.nextOfCrowd(ctx)
		return rows, true, err
	}
	rows, whole, more, err := s.page(ctx)
	if err != nil {
		return nil, false, err
	}
	if rows = s.turnPage(rows, more); whole || len(rows) == 0 {
		return rows, s.crowd != nil, nil
	}
	s.placed, s.done = &placed{left: rows, last: s.done}, false
	return s.nextOfPlaced(ctx)
}

// turnPage makes the scan go on behind a page, and returns the rows of it that come now.
func (s *scan) turnPage(rows []row, more bool) []row {
	read := len(rows)
	rows = slices.DeleteFunc(rows, func(r row) bool { return r.date.IsZero() })
	s.sort(rows)
	switch {
	case !more:
		s.done = true
		return rows
	case len(rows) == 0:
		s.offset += read
		return nil
	}
	last := rows[len(rows)-1].date
	whole := slices.IndexFunc(rows, func(r row) bool { return r.date.Equal(last) })
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
func (s *scan) turn(last time.Time, whole, read int) bool {
	bound := last
	if s.down {
		bound = last.Add(s.group.dates.unit())
	}
	ahead := bound.After(s.bound)
	if s.down {
		ahead = s.bound.IsZero() || bound.Before(s.bound)
	}
	if whole == 0 || !ahead {
		s.offset += read
		return false
	}
	s.bound, s.offset = bound, 0
	return true
}

// rest is the filter for what is left.
func (s *scan) rest() directus.Filter {
	switch {
	case s.bound.IsZero():
		return s.group.dated(s.base)
	case s.down:
		return directus.And(s.base, s.group.dates.before(s.bound))
	}
	return directus.And(s.base, s.group.dates.from(s.bound))
}

// enter begins to read a date by keys.
func (s *scan) enter(first row) {
	s.crowd = &crowd{date: first.date, texts: !first.hasNumber()}
	if s.crowd.texts || !s.startsAt(first.date, first.id) {
		return
	}
	s.crowd.operator = "_gte"
	if s.down {
		s.crowd.operator = "_lte"
	}
	s.crowd.last = json.Number(s.start.id)
}

// startsAt reports that nothing is wanted of the rows of a date on one side of start.
func (s *scan) startsAt(date time.Time, id string) bool {
	return s.start.id != "" && s.start.date.Equal(date) && sameKind(s.start.id, id)
}

func (s *scan) nextOfCrowd(ctx context.Context) ([]row, error) {
	c := s.crowd
	if c.texts {
		return s.nextOfTexts(ctx)
	}
	filter := directus.And(s.base, s.group.dates.of(c.date))
	if c.last != nil {
		filter = directus.And(filter, directus.Compare(s.group.fields.key(), c.operator, c.last))
	}
	rows, more, err := s.readCrowd(ctx, filter)
	if err != nil {
		return nil, err
	}
	if !more {
		s.leave()
		return rows, nil
	}
	c.last, c.operator = rows[len(rows)-1].key, "_gt"
	if s.down {
		c.operator = "_lt"
	}
	return rows, nil
}

// leave goes on behind the date of a crowd.
func (s *scan) leave() {
	s.bound = s.crowd.date
	if !s.down {
		s.bound = s.bound.Add(s.group.dates.unit())
	}
	s.crowd = nil
}

// nextOfTexts reads the rows of the next keys of a crowd.
func (s *scan) nextOfTexts(ctx context.Context) ([]row, error) {
	c := s.crowd
	if !c.known {
		keys, err := s.keysOf(ctx, c.date)
		if err != nil {
			return nil, err
		}
		c.left, c.known = keys, true
	}
	page := c.left[:min(s.limit(ctx), len(c.left))]
	var rows []row
	if len(page) > 0 {
		var err error
		filter := directus.And(s.base, directus.Compare(s.group.fields.key(), "_in", page))
		rows, _, err = s.ask(ctx, directus.Query{Filter: filter, Limit: len(page)})
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
func (s *scan) keysOf(ctx context.Context, date time.Time) ([]string, error) {
	filter := directus.And(s.base, s.group.dates.of(date))
	keys, err := readKeys(ctx, s.account, s.group, filter, maxCrowd)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(keys, compareIDs)
	if len(keys) > 0 && s.startsAt(date, keys[0]) {
		i, found := slices.BinarySearchFunc(keys, s.start.id, compareIDs)
		switch {
		case !s.down:
			keys = keys[i:]
		case found:
			keys = keys[:i+1]
		default:
			keys = keys[:i]
		}
	}
	if s.down {
		slices.Reverse(keys)
	}
	return keys, nil
}

// maxCrowd is how many keys of one date are read, where they are texts: all that an
// import has left there, at a hundred thousand rows a matter of 200 questions.
const maxCrowd = 100_000

// readKeys reads the keys that match a filter, in the order that the database has for
// them, more than most if there are more. Each page begins with the last key of the one
// before, to see that none has come or gone in front of it.
func readKeys(ctx context.Context, account *directus.Account, g *group, filter directus.Filter, most int) ([]string, error) {
	key := g.fields.key()
	var keys []string
	for {
		size, overlap := pageLimit(ctx, account, maxPage), 0
		if len(keys) > 0 && size > 1 {
			overlap = 1
		}
		var items []map[string]json.RawMessage
		q := directus.Query{Fields: []string{key}, Filter: filter, Sort: []string{key}, Limit: size, Offset: len(keys) - overlap}
		if err := account.Items(ctx, g.collection, q, &items); err != nil {
			return nil, fmt.Errorf("read keys of collection %s: %w", g.collection, err)
		}
		if overlap > 0 && (len(items) == 0 || scalar(items[0][key]) != keys[len(keys)-1]) {
			return nil, errMoved
		}
		for _, item := range items[overlap:] {
			keys = append(keys, scalar(item[key]))
		}
		if len(items) < size || len(keys) > most {
			return keys, nil
		}
	}
}

var (
	// errForeign says that Directus gave what was not asked for.
	errForeign = errors.New("directus gave messages between others")
	// errMoved says that rows came or went between two pages, where that matters.
	// The next attempt finds them.
	errMoved = errors.New("messages of one date have changed while they were read")
)

// page reads the next page of what is left. If its rows are not whole, they are too long
// for one answer, and have no more than a key and a date.
func (s *scan) page(ctx context.Context) (rows []row, whole, more bool, err error) {
	q := directus.Query{
		Filter: s.rest(), Sort: s.order(s.group.dates.field, s.group.fields.key()),
		Limit: pageLimit(ctx, s.account, s.size), Offset: s.offset,
	}
	whole = s.room() >= q.Limit
	if whole {
		rows, more, err = s.ask(ctx, q)
		whole = q.Limit == 1 || !errors.Is(err, directus.ErrTooLarge)
	}
	if !whole {
		rows, more, err = readPlaces(ctx, s.account, s.group, q)
	}
	if err == nil && more && len(rows) == 0 {
		err = errForeign
	}
	return rows, whole, more, err
}

func (s *scan) readCrowd(ctx context.Context, filter directus.Filter) (rows []row, more bool, err error) {
	for {
		n := s.limit(ctx)
		rows, more, err = s.ask(ctx, directus.Query{Filter: filter, Sort: s.order(s.group.fields.key()), Limit: n})
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
func (s *scan) order(fields ...string) []string {
	if s.down {
		for i := range fields {
			fields[i] = "-" + fields[i]
		}
	}
	return fields
}

// ask reads rows, and goes on with fewer at once if they are too large an answer.
func (s *scan) ask(ctx context.Context, q directus.Query) (rows []row, more bool, err error) {
	if q.Limit > 1 { // one row comes whatever it takes
		q.MaxAnswer = maxRowsAnswer
	}
	rows, more, err = readRows(ctx, s.account, s.group, q)
	if errors.Is(err, directus.ErrTooLarge) {
		s.fit = max(1, q.Limit/4)
	}
	return rows, more, err
}

// limit is how many rows are asked for at once: as many as probably fit into an answer.
func (s *scan) limit(ctx context.Context) int {
	return min(pageLimit(ctx, s.account, s.size), s.room())
}

// room is how many rows probably fit into an answer.
func (s *scan) room() int {
	if n := s.group.weight.fit(); s.fit == 0 || n < s.fit {
		return n
	}
	return s.fit
}

// sort orders rows that are equal as they are given.
func (s *scan) sort(rows []row) {
	slices.SortStableFunc(rows, compareRows)
	if s.down {
		slices.Reverse(rows)
	}
}

// nextOfPlaced reads the next rows of a page whose places are known. What does not match
// any more is left out.
func (s *scan) nextOfPlaced(ctx context.Context) ([]row, bool, error) {
	p := *s.placed
	keys, dense := p.cut(min(s.room(), pageLimit(ctx, s.account, maxPage)))
	filter := directus.And(s.base, directus.Compare(s.group.fields.key(), "_in", keys))
	rows, _, err := s.ask(ctx, directus.Query{Filter: filter, Limit: len(keys)})
	if errors.Is(err, directus.ErrTooLarge) && len(keys) > 1 {
		return nil, dense, nil
	}
	if err != nil {
		return nil, dense, err
	}
	s.sort(rows)
	if s.placed = &p; len(p.left) == 0 {
		s.placed, s.done = nil, p.last
	}
	return rows, dense, nil
}
