package collection

import (
	"cmp"
	"encoding/json"
	"time"

	"directus-ircd/directus"
)

// Bound is a gap between the rows of a history: in front of a row, which need
// not exist, or behind it. Without an id it is in front of all rows of its date.
type Bound struct {
	Date   time.Time
	ID     string
	Behind bool
	Over   string // the rows with higher keys lie behind it, too; empty: none does for its key
}

// IsInFrontOf reports that a row lies behind the border.
func (b Bound) IsInFrontOf(r Row) bool {
	if r.IsOver(b.Over) {
		return true
	}
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

// Below matches what may lie behind the border.
func (b Bound) Below(g *Group) directus.Filter {
	if b.Over == "" {
		return g.Dates.From(b.Date)
	}
	return directus.Or(g.Dates.From(b.Date), directus.Compare(g.Fields.Key(), "_gt", json.Number(b.Over)))
}

// End is the date before which lies all that is in front of the border.
func (b Bound) End(d *Dates) time.Time {
	date := b.Date.Truncate(d.Unit())
	if b.ID != "" || date.Before(b.Date) {
		date = date.Add(d.Unit())
	}
	return date
}
