package collection

import (
	"context"
	"errors"
	"time"

	"directus-ircd/directus"
)

// placed is a page of rows that are too long for one answer, or a date whose keys are texts: the
// places of the rows are known, and the rows are read by their keys.
type placed struct {
	left  []rowPlace // of rows still to be read, in the direction of the scan
	split time.Time  // the date of which only some rows are read at a time; zero: there is none
	last  bool       // no other page follows
}

type rowPlace struct {
	id   string
	date time.Time
}

// cut removes up to n rows from left, which must not be empty, and returns their keys: all
// rows of one or more dates or, if dense, some of a date that has more than n.
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
func (s *Scan) nextOfPlaced(ctx context.Context) ([]Row, bool, error) {
	p := *s.placed
	keys, dense := p.cut(s.Limit(ctx))
	rows, _, err := s.Ask(ctx, s.Group.Keyed(s.Base, keys))
	if errors.Is(err, directus.ErrTooLarge) && len(keys) > 1 {
		return nil, dense, nil
	}
	if err != nil {
		return nil, dense, err
	}
	s.sort(rows)
	if s.placed = &p; len(p.left) == 0 {
		s.placed, s.Done = nil, p.last
	}
	return rows, dense, nil
}
