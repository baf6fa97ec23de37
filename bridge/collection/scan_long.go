package collection

import (
	"time"
)

// Placed is a page of rows that are too long for one answer, of which the places are
// known.
type Placed struct {
	Left  []Row     // in the direction of the scan, without all but their keys and dates
	split time.Time // the date of which an answer has brought some; zero: there is none
	last  bool      // no other page follows
}

// Cut takes up to n places off what is left: all of a date, or, as it is said then, some
// of one that has more.
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
