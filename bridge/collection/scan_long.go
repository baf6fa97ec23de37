package collection

import (
	"context"
	"errors"
	"time"

	"directus-ircd/directus"
)

// Placed is a page of rows that are too long for one answer: their keys and dates are
// known, and the rows are read by these.
type Placed struct {
	Left  []Row     // rows still to be read, in the direction of the scan, with key and date only
	split time.Time // the date of which only some rows were read; zero: there is none
	last  bool      // no other page follows
}

// Cut removes up to n rows from Left, which must not be empty, and returns their keys: all
// rows of one or more dates or, if dense, some of a date that has more than n.
func (p *Placed) Cut(n int) (keys []string, dense bool) {
	n = min(n, len(p.Left))
	first, run := p.Left[0].Date, 1
	for run < len(p.Left) && p.Left[run].Date.Equal(first) {
		run++
	}
	if dense = run > n || p.split.Equal(first); dense {
		p.split, n = first, min(n, run)
	}
	for !dense && n < len(p.Left) && p.Left[n].Date.Equal(p.Left[n-1].Date) {
		n--
	}
	for _, r := range p.Left[:n] {
		keys = append(keys, r.ID)
	}
	p.Left = p.Left[n:]
	return keys, dense
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
