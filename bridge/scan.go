package bridge

import (
	"context"
	"encoding/json"
	"errors"
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
type scan struct {
	account *directus.Account
	group   *group
	base    directus.Filter
	down    bool // newest first
	// size is how many rows are asked for at once.
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
}

// crowd is a date with more rows than a page holds.
type crowd struct {
	date time.Time
	last any // the key of the last row read; nil before the first
	// operator compares the next keys with last.
	operator string
	// counted says that the keys are texts, which Directus does not compare: it
	// is asked for the rows behind as many as were read. tail is the last of them.
	counted bool
	read    int
	tail    string
}

// next reads the next rows, in the direction of the scan. None may come though
// there are more: go on until done. dense says that they are a part of those of
// their date; else all rows of a date come together.
func (s *scan) next(ctx context.Context) (rows []row, dense bool, err error) {
	if s.crowd != nil {
		rows, err = s.nextOfCrowd(ctx)
		return rows, true, err
	}
	rows, more, err := s.read(ctx, s.rest(), s.offset, s.group.dates.field, s.group.fields.key())
	if err != nil {
		return nil, false, err
	}
	read := len(rows)
	rows = slices.DeleteFunc(rows, func(r row) bool { return r.date.IsZero() })
	s.sort(rows)
	switch {
	case !more:
		s.done = true
		return rows, false, nil
	case len(rows) == 0:
		s.offset += read
		return nil, false, nil
	}
	last := rows[len(rows)-1].date
	whole := slices.IndexFunc(rows, func(r row) bool { return r.date.Equal(last) })
	if whole == 0 && s.offset == 0 {
		s.enter(rows[0])
		return nil, true, nil
	}
	if s.turn(last, whole, read) {
		rows = rows[:whole]
	}
	return rows, false, nil
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
	s.crowd = &crowd{date: first.date, counted: !first.hasNumber()}
	if s.crowd.counted || s.start.id == "" || !s.start.date.Equal(first.date) || !sameKind(s.start.id, first.id) {
		return
	}
	s.crowd.operator = "_gte"
	if s.down {
		s.crowd.operator = "_lte"
	}
	s.crowd.last = json.Number(s.start.id)
}

func (s *scan) nextOfCrowd(ctx context.Context) ([]row, error) {
	c := s.crowd
	filter, offset := directus.And(s.base, s.group.dates.of(c.date)), c.read
	if c.last != nil {
		filter = directus.And(filter, directus.Compare(s.group.fields.key(), c.operator, c.last))
	}
	again := c.read > 0 && s.limit(ctx) > 1
	if again {
		offset-- // the last row once more, to see that none has come or gone before it
	}
	rows, more, err := s.read(ctx, filter, offset, s.group.fields.key())
	if err != nil {
		return nil, err
	}
	if again {
		if len(rows) == 0 || rows[0].id != c.tail {
			return nil, errMoved
		}
		rows = rows[1:]
	}
	if !more {
		s.crowd, s.bound = nil, c.date
		if !s.down {
			s.bound = c.date.Add(s.group.dates.unit())
		}
		return rows, nil
	}
	if len(rows) == 0 {
		return nil, nil // no more than the last one fits into an answer
	}
	last := rows[len(rows)-1]
	if c.counted {
		c.read, c.tail = c.read+len(rows), last.id
		return rows, nil
	}
	c.last, c.operator = last.key, "_gt"
	if s.down {
		c.operator = "_lt"
	}
	return rows, nil
}

var (
	// errForeign says that Directus gave what was not asked for.
	errForeign = errors.New("directus gave messages between others")
	// errMoved says that rows came or went between two pages, where that matters.
	// The next attempt finds them.
	errMoved = errors.New("messages of one date have changed while they were read")
)

func (s *scan) read(ctx context.Context, filter directus.Filter, offset int, order ...string) (rows []row, more bool, err error) {
	if s.down {
		order = slices.Clone(order)
		for i := range order {
			order[i] = "-" + order[i]
		}
	}
	for {
		n := s.limit(ctx)
		rows, more, err = readRows(ctx, s.account, s.group, directus.Query{Filter: filter, Sort: order, Limit: n, Offset: offset})
		if n <= 1 || !errors.Is(err, directus.ErrTooLarge) {
			break
		}
		s.fit = n / 2 // somebody stores long texts
	}
	if err == nil && more && len(rows) == 0 {
		err = errForeign
	}
	return rows, more, err
}

// limit is how many rows are asked for at once.
func (s *scan) limit(ctx context.Context) int {
	n := pageLimit(ctx, s.account, s.size)
	if s.fit > 0 {
		n = min(n, s.fit)
	}
	return n
}

// sort orders rows that are equal as they are given.
func (s *scan) sort(rows []row) {
	slices.SortStableFunc(rows, compareRows)
	if s.down {
		slices.Reverse(rows)
	}
}
