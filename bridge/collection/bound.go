package collection

import (
	"cmp"
	"encoding/json"
	"time"

	"directus-ircd/directus"
)

// Bound is a place between two rows of a history: in front of the row with Date and
// ID, which need not exist, or behind it. Without an ID a bound is in front of all rows
// of its date.
type Bound struct {
	Date   time.Time
	ID     string
	Behind bool   // the bound is behind the row with ID, not in front of it
	Over   string // rows with a higher numeric key are behind the bound too, whatever their date; empty: the key does not matter
}

// IsInFrontOf reports whether the row lies behind the bound.
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

// Compare orders bounds by their place in the history; it ignores Over.
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

// Below returns a filter that matches every row behind the bound, and possibly some rows
// of its date in front of it: use IsInFrontOf to tell those apart.
func (b Bound) Below(g *Group) directus.Filter {
	if b.Over == "" {
		return g.Dates.From(b.Date)
	}
	return directus.Or(g.Dates.From(b.Date), directus.Compare(g.Fields.Key(), "_gt", json.Number(b.Over)))
}

// End returns a date that is later than that of any row in front of the bound.
func (b Bound) End(d *Dates) time.Time {
	date := b.Date.Truncate(d.Unit())
	if b.ID != "" || date.Before(b.Date) {
		date = date.Add(d.Unit())
	}
	return date
}
