package collection

import (
	"cmp"
	"time"
)

// Bound is a gap between the rows of a history: in front of a row, which need
// not exist, or behind it. Without an id it is in front of all rows of its date.
type Bound struct {
	Date   time.Time
	ID     string
	Behind bool
}

// IsInFrontOf reports that a row lies behind the border.
func (b Bound) IsInFrontOf(r Row) bool {
	if c := r.Date.Compare(b.Date); c != 0 || b.ID == "" {
		return c >= 0
	}
	c := CompareIDs(r.ID, b.ID)
	return c > 0 || c == 0 && !b.Behind
}

// Compare orders borders.
func (b Bound) Compare(other Bound) int {
	c := b.Date.Compare(other.Date)
	switch {
	case c != 0:
		return c
	case b.ID == "" || other.ID == "":
		return cmp.Compare(len(b.ID), len(other.ID)) // the one without is in front
	}
	if c = CompareIDs(b.ID, other.ID); c != 0 || b.Behind == other.Behind {
		return c
	}
	if b.Behind {
		return 1
	}
	return -1
}

// End is the date before which lies all that is in front of the border.
func (b Bound) End(d *Dates) time.Time {
	date := b.Date.Truncate(d.Unit())
	if b.ID != "" || date.Before(b.Date) {
		date = date.Add(d.Unit())
	}
	return date
}
