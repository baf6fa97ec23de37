package directustest

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// A DateKind says how the database and the type of a field store and show dates.
type DateKind int

// The kinds of dates.
const (
	// Milliseconds is a timestamp, which Directus fills in with milliseconds. Clients may
	// store microseconds, which are compared but not shown.
	Milliseconds DateKind = iota
	// WholeSeconds is a timestamp of MySQL, which rounds to seconds.
	WholeSeconds
	// DateTime is compared as it is stored, and shown in whole seconds without a
	// zone.
	DateTime
	// Day is a date without a time.
	Day
)

const (
	timestampLayout = "2006-01-02T15:04:05.000Z"
	dateTimeLayout  = "2006-01-02T15:04:05"
)

// stamp formats a time as JavaScript does, including years before 0 and years of more than
// four digits.
func stamp(t time.Time) string {
	t = t.UTC()
	if y := t.Year(); y < 0 || y > 9999 {
		return fmt.Sprintf("%+07d", y) + t.Format(timestampLayout[4:])
	}
	return t.Format(timestampLayout)
}

// now is the clock of the Fake.
func (f *Fake) now() time.Time { return time.Now().Add(time.Duration(f.ahead.Load())) }

// SetClock sets how far the clock of the Fake is ahead of time.Now. FakeOptions.Ahead is the
// initial value.
func (f *Fake) SetClock(ahead time.Duration) { f.ahead.Store(int64(ahead)) }

// shown is a moment as Directus writes it into a field: a DateTime or Day is local time in the
// zone of Directus, which databases keep and compare as it is.
func (f *Fake) shown(t time.Time, k DateKind) time.Time {
	if f.opts.Zone == nil || k != DateTime && k != Day {
		return t
	}
	t = t.In(f.opts.Zone)
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// stored is a date as the database keeps it.
func (k DateKind) stored(t time.Time) string {
	switch k {
	case WholeSeconds:
		t = t.Round(time.Second)
	case Day:
		t = t.Truncate(24 * time.Hour)
	}
	return stamp(t)
}

// given is a stored date as Directus writes it.
func (k DateKind) given(v any) any {
	s, ok := v.(string)
	t, isDate := parseDate(s)
	switch {
	case !ok || !isDate:
		return v
	case k == DateTime:
		return t.UTC().Format(dateTimeLayout)
	case k == Day:
		return t.UTC().Format(time.DateOnly)
	}
	return stamp(t)
}

func parseDate(s string) (t time.Time, ok bool) {
	if len(s) > 7 && (s[0] == '+' || s[0] == '-') {
		year, err := strconv.Atoi(s[:7])
		t, ok := parseDate("2000" + s[7:])
		return t.AddDate(year-2000, 0, 0), ok && err == nil
	}
	if len(s) < len(time.DateOnly) || s[4] != '-' {
		return time.Time{}, false
	}
	for _, layout := range []string{time.RFC3339, dateTimeLayout, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// given is the value of a field as Directus writes it. Callers hold mu.
func (f *Fake) given(name, field string, v any) any {
	c := f.collections[name]
	if c == nil || field != "date_created" && field != c.DateUpdated && !slices.Contains(c.DateFields, field) {
		return v
	}
	return c.Dates.given(v)
}

// taken is a value that a client writes into a field as the database keeps it: of a moment
// Directus writes what a clock shows in its zone into a DateTime.
func (f *Fake) taken(c *collection, field string, v any) any {
	s, _ := v.(string)
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || field != "date_created" && !slices.Contains(c.DateFields, field) {
		return v
	}
	return c.Dates.stored(f.shown(t, c.Dates))
}
