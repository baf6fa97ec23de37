package collection

import (
	"strings"
	"sync"
	"time"

	"directus-ircd/directus"
)

// Dates is what is known of the date field of a collection, learnt from the rows that
// were read, and of the order in which those rows have come. All users share it, and a
// new configuration takes it over from the one before, so that a client that was away
// meanwhile still finds the rows that came late. It is safe for concurrent use.
type Dates struct {
	field string         // immutable
	Zone  *time.Location // in which Directus writes dates without one; nil: UTC; immutable
	Late  latecomers     // has a lock of its own
	Over  overtakes      // has a lock of its own

	mu      sync.Mutex
	like    string // a date as Directus writes it; empty: none was read; guarded by mu
	numbers bool   // keys are numbers; guarded by mu
	doubted bool   // that the zone is wrong was said; guarded by mu
	fine    bool   // one with a fraction was seen; guarded by mu
}

// KnownDates holds Dates by collection and field name. It is for one goroutine at a time.
type KnownDates map[[2]string]*Dates

// KnownDatesOf collects the Dates of groups, to be taken over by the next configuration.
// Nil groups are left out.
func KnownDatesOf(groups []*Group) KnownDates {
	known := KnownDates{}
	for _, g := range groups {
		if g != nil {
			known[[2]string{g.Collection, g.Fields.Date}] = g.Dates
		}
	}
	return known
}

// Of returns the Dates of the field that a group reads. They begin afresh if the zone is
// not the one that they were learnt in.
func (k KnownDates) Of(g *Group, zone *time.Location) *Dates {
	key := [2]string{g.Collection, g.Fields.Date}
	if k[key] == nil || k[key].Zone.String() != zone.String() {
		k[key] = &Dates{field: g.Fields.Date, Zone: zone}
	}
	return k[key]
}

// learn notes a date as Directus wrote it, and whether its row has a number for a key.
func (d *Dates) learn(raw string, numbers bool) {
	t := d.parse(raw)
	if t.IsZero() {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.like, d.numbers = raw, numbers
	d.fine = d.fine || t.Nanosecond() != 0
}

// parse is ParseDateIn with the zone of Directus.
func (d *Dates) parse(raw string) time.Time { return ParseDateIn(raw, d.Zone) }

// Known reports whether a date was read. Until then HaveNumbers, HaveFractions and Unit
// are guesses.
func (d *Dates) Known() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.like != ""
}

// HaveNumbers reports whether the keys of the collection are numbers.
func (d *Dates) HaveNumbers() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.numbers
}

// HaveFractions reports whether the collection stores fractions of a second. One date
// with a fraction settles it for good, as any later date may be a whole second by
// chance. Until one is seen, dates are taken to be whole seconds.
func (d *Dates) HaveFractions() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fine
}

// Unit returns the precision in which Directus gives the dates. It may store and compare
// them more precisely.
func (d *Dates) Unit() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case IsDay(d.like):
		return Day
	case d.like != "" && !strings.Contains(d.like, "."):
		return time.Second
	}
	return time.Millisecond
}

// Day is what a field of type date tells.
const Day = 24 * time.Hour

// IsDay recognises a date without a time.
func IsDay(raw string) bool { return len(raw) == len(time.DateOnly) && !strings.Contains(raw, ":") }

// From matches what is dated t or later.
func (d *Dates) From(t time.Time) directus.Filter {
	return directus.Compare(d.field, "_gte", d.literal(t))
}

// Before matches what is dated earlier than t.
func (d *Dates) Before(t time.Time) directus.Filter {
	return directus.Compare(d.field, "_lt", d.literal(t))
}

// Of matches the rows that Directus gives the date t, however precisely theirs are stored.
func (d *Dates) Of(t time.Time) directus.Filter {
	return directus.And(d.From(t), d.Before(t.Add(d.Unit())))
}

// TimestampLayout is how Directus writes a timestamp.
const TimestampLayout = "2006-01-02T15:04:05.000Z"

// literal writes a date as Directus does: a dateTime field has no zone, and what
// it is compared with is taken literally.
func (d *Dates) literal(t time.Time) string {
	layout, unit := TimestampLayout, d.Unit()
	d.mu.Lock()
	defer d.mu.Unlock()
	if unit == Day {
		return t.UTC().Format(time.DateOnly)
	}
	if _, err := time.Parse(time.RFC3339, d.like); err != nil && d.like != "" {
		layout = strings.TrimSuffix(layout, "Z")
		if d.Zone != nil {
			t = t.In(d.Zone)
			if unit == time.Second {
				layout = strings.Replace(layout, ".000", "", 1)
			}
			return t.Format(layout)
		}
	}
	if unit == time.Second {
		layout = strings.Replace(layout, ".000", "", 1)
	}
	return t.UTC().Format(layout)
}

// IsLocal reports whether a date as Directus wrote it lacks a zone.
func IsLocal(raw string) bool {
	_, err := time.Parse(time.RFC3339Nano, raw)
	return err != nil
}

// Doubt reports true on its first call only, so that a zone that seems wrong is logged
// once.
func (d *Dates) Doubt() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	first := !d.doubted
	d.doubted = true
	return first
}
