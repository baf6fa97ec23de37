package bridge

import (
	"cmp"
	"time"
)

// border is a gap between the rows of a history: in front of a row, which need
// not exist, or behind it. Without an id it is in front of all rows of its date.
type border struct {
	date   time.Time
	id     string
	behind bool
}

// isInFrontOf reports that a row lies behind the border.
func (b border) isInFrontOf(r row) bool {
	if c := r.date.Compare(b.date); c != 0 || b.id == "" {
		return c >= 0
	}
	c := compareIDs(r.id, b.id)
	return c > 0 || c == 0 && !b.behind
}

// compare orders borders.
func (b border) compare(other border) int {
	c := b.date.Compare(other.date)
	switch {
	case c != 0:
		return c
	case b.id == "" || other.id == "":
		return cmp.Compare(len(b.id), len(other.id)) // the one without is in front
	}
	if c = compareIDs(b.id, other.id); c != 0 || b.behind == other.behind {
		return c
	}
	if b.behind {
		return 1
	}
	return -1
}

// end is the date before which lies all that is in front of the border.
func (b border) end(d *dates) time.Time {
	date := b.date.Truncate(d.unit())
	if b.id != "" || date.Before(b.date) {
		date = date.Add(d.unit())
	}
	return date
}
