package bridge

import (
	"context"
	"errors"
	"time"

	"directus-ircd/directus"
)

// placed is a page of rows that are too long for one answer, of which the places are
// known.
type placed struct {
	left  []row     // in the direction of the scan, without all but their keys and dates
	split time.Time // the date of which an answer has brought some; zero: there is none
	last  bool      // no other page follows
}

// cut takes up to n places off what is left: all of a date, or, as it is said then, some
// of one that has more.
func (p *placed) cut(n int) (keys []string, dense bool) {
	n = min(n, len(p.left))
	first, run := p.left[0].date, 1
	for run < len(p.left) && p.left[run].date.Equal(first) {
		run++
	}
	if dense = run > n || p.split.Equal(first); dense {
		p.split, n = first, min(n, run)
	}
	for !dense && n < len(p.left) && p.left[n].date.Equal(p.left[n-1].date) {
		n--
	}
	for _, r := range p.left[:n] {
		keys = append(keys, r.id)
	}
	p.left = p.left[n:]
	return keys, dense
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
