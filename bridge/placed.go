package bridge

import (
	"time"
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
