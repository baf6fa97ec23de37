package bridge

import (
	"strings"
	"sync"
	"time"

	"directus-ircd/directus"
)

// dates is what is known of the dates of a collection, learnt from those that
// were read. All users share it, and a configuration takes it over from the one
// before: who was away meanwhile is to find what came late. It is safe for
// concurrent use.
type dates struct {
	field string         // immutable
	zone  *time.Location // in which Directus writes dates without one; nil: UTC; immutable
	late  latecomers     // has a lock of its own
	over  overtakes      // has a lock of its own

	mu      sync.Mutex
	like    string // a date as Directus writes it; empty: none was read; guarded by mu
	doubted bool   // that the zone is wrong was said; guarded by mu
	fine    bool   // one with a fraction was seen; guarded by mu
}

// knownDates are what is known of some fields, by their collections and names.
type knownDates map[[2]string]*dates

func knownDatesOf(groups []*group) knownDates {
	known := knownDates{}
	for _, g := range groups {
		if g != nil {
			known[[2]string{g.collection, g.fields.Date}] = g.dates
		}
	}
	return known
}

// of is what is known of the field that a group reads, in a zone; it begins with nothing if that
// is another than before.
func (k knownDates) of(g *group, zone *time.Location) *dates {
	key := [2]string{g.collection, g.fields.Date}
	if k[key] == nil || k[key].zone.String() != zone.String() {
		k[key] = &dates{field: g.fields.Date, zone: zone}
	}
	return k[key]
}

// learn notes a date as Directus wrote it.
func (d *dates) learn(raw string) {
	t := d.parse(raw)
	if t.IsZero() {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.like = raw
	d.fine = d.fine || t.Nanosecond() != 0
}

// parse is parseDate in the zone of Directus.
func (d *dates) parse(raw string) time.Time { return parseDateIn(raw, d.zone) }

// known reports that a date was read: only then the others say something.
func (d *dates) known() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.like != ""
}

// areFine reports that the collection stores fractions of a second. Once one was
// seen that is so for good: among many dates there are whole seconds by chance.
// Until then they are taken for all there are.
func (d *dates) areFine() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fine
}

// unit is the precision in which Directus gives the dates. It may store and
// compare them more exactly.
func (d *dates) unit() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case isDay(d.like):
		return day
	case d.like != "" && !strings.Contains(d.like, "."):
		return time.Second
	}
	return time.Millisecond
}

// day is what a field of type date tells.
const day = 24 * time.Hour

// isDay recognises a date without a time.
func isDay(raw string) bool { return len(raw) == len(time.DateOnly) && !strings.Contains(raw, ":") }

// from matches what is dated t or later.
func (d *dates) from(t time.Time) directus.Filter {
	return directus.Compare(d.field, "_gte", d.literal(t))
}

// before matches what is dated earlier than t.
func (d *dates) before(t time.Time) directus.Filter {
	return directus.Compare(d.field, "_lt", d.literal(t))
}

// of matches what Directus gives the date t, however exactly it is stored.
func (d *dates) of(t time.Time) directus.Filter {
	return directus.And(d.from(t), d.before(t.Add(d.unit())))
}

// timestampLayout is how Directus writes a timestamp.
const timestampLayout = "2006-01-02T15:04:05.000Z"

// literal writes a date as Directus does: a dateTime field has no zone, and what
// it is compared with is taken literally.
func (d *dates) literal(t time.Time) string {
	layout, unit := timestampLayout, d.unit()
	d.mu.Lock()
	defer d.mu.Unlock()
	if unit == day {
		return t.UTC().Format(time.DateOnly)
	}
	if _, err := time.Parse(time.RFC3339, d.like); err != nil && d.like != "" {
		layout = strings.TrimSuffix(layout, "Z")
		if d.zone != nil {
			t = t.In(d.zone)
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
