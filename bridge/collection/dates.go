package collection

import (
	"strings"
	"sync"
	"sync/atomic"
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

	Notices notices // has a lock of its own

	doubted atomic.Bool // that the zone is wrong was said

	mu      sync.Mutex
	like    string // a date as Directus writes it; empty: none was read; guarded by mu
	numbers bool   // keys are numbers; guarded by mu
	fine    bool   // one with a fraction was seen; guarded by mu
}

// knownDates holds Dates by collection and field name. It is for one goroutine at a time.
type knownDates map[[2]string]*Dates

// KnownDatesOf collects the Dates of groups, to be taken over by the next configuration.
// Nil groups are left out.
func KnownDatesOf(groups []*Group) knownDates {
	known := knownDates{}
	for _, g := range groups {
		if g != nil {
			known[[2]string{g.Collection, g.Fields.Date}] = g.Dates
		}
	}
	return known
}

// Of returns the Dates of the field that a group reads. They begin afresh if the zone is
// not the one that they were learnt in.
func (k knownDates) Of(g *Group, zone *time.Location) *Dates {
	key := [2]string{g.Collection, g.Fields.Date}
	if k[key] == nil || k[key].Zone.String() != zone.String() {
		k[key] = &Dates{field: g.Fields.Date, Zone: zone}
	}
	return k[key]
}

// learn notes how Directus has written the date of a row, and whether its key is a number.
func (d *Dates) learn(r Row) {
	if r.Date.IsZero() {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.like, d.numbers = r.RawDate, r.HasNumber()
	d.fine = d.fine || r.Date.Nanosecond() != 0
}

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
	return unitOf(d.like)
}

func unitOf(like string) time.Duration {
	switch {
	case IsDay(like):
		return Day
	case like != "" && !strings.Contains(like, "."):
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
	d.mu.Lock()
	like := d.like
	d.mu.Unlock()
	layout, zone := TimestampLayout, time.UTC
	switch unitOf(like) {
	case Day:
		return t.UTC().Format(time.DateOnly)
	case time.Second:
		layout = strings.Replace(layout, ".000", "", 1)
	}
	if like != "" && IsLocal(like) {
		layout = strings.TrimSuffix(layout, "Z")
		if d.Zone != nil {
			zone = d.Zone
		}
	}
	return t.In(zone).Format(layout)
}

// IsLocal reports whether a date as Directus wrote it lacks a zone.
func IsLocal(raw string) bool {
	_, err := time.Parse(time.RFC3339Nano, raw)
	return err != nil
}

// Doubt reports true on its first call only, so that a zone that seems wrong is logged
// once.
func (d *Dates) Doubt() bool { return d.doubted.CompareAndSwap(false, true) }
