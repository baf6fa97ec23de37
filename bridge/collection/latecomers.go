package collection

import (
	"iter"
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	// maxArrivals bounds the rows whose place is remembered; the latest are.
	maxArrivals = 4096
	// maxLatecomers bounds the latecomers that are remembered; the latest are. Their keys
	// have 255 bytes at most.
	maxLatecomers = 2048
	// maxFollowed bounds the same of those that were late in the feeds of one audience alone,
	// which are as many for each row as there are audiences.
	maxFollowed = 8 * maxLatecomers
	// latecomerLife is how long a latecomer is remembered.
	latecomerLife = 24 * time.Hour
)

// latecomers remembers in which order the rows of a collection became visible to any
// feed, and which of them appeared after rows with later dates: a long transaction dates
// its rows well before it commits. A client that was away and knows only the last row
// that it has seen would never find those. All users share it; it is safe for concurrent
// use. The zero value is ready for use.
type latecomers struct {
	mu     sync.Mutex
	come   int64              // the last place that was taken; guarded by mu
	newest Row                // the new row with the latest date, key and date only; guarded by mu
	places map[string]arrival // of the latest rows, by key; guarded by mu
	order  []string           // keys of the latest places, empty for a place taken by Follow; guarded by mu
	name   string             // Bookmark.Book, unique; empty: not needed so far; guarded by mu

	// late and followed are in the order in which they were added; guarded by mu.
	late     []latecomer // for everybody
	followed []latecomer // for one audience
}

// arrival is the place of a row in the order in which rows have appeared.
type arrival struct {
	date  time.Time
	place int64
	news  bool // the row was announced as new, and was not late
}

// latecomer is a row that appeared after a row with a later date, or was given another date.
type latecomer struct {
	row   Row // key and date only
	place int64
	at    time.Time // when it appeared, by the clock of Directus
	// of is the audience whose feeds had the row late, after another feed had it in time;
	// place is where it was late. Empty: it was late for everybody.
	of Audience
	// redated means that the row appeared in time and was given another date since.
	redated bool
}

// Note counts in a row that was read from the history, not announced as new.
func (l *latecomers) Note(r Row) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count(r)
}

// Arrive counts in a new row that was announced at the time at of the clock of Directus.
// A row dated after limit lies in the future and makes no other row late.
func (l *latecomers) Arrive(r Row, at, limit time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.count(r) || r.RawDate == "" {
		return
	}
	l.places[r.ID] = arrival{r.Date, l.come, true}
	switch mark := (Row{ID: r.ID, Date: r.Date}); {
	case r.Date.After(limit):
	case CompareRows(r, l.newest) > 0:
		l.newest = mark
	default:
		l.places[r.ID] = arrival{r.Date, l.come, false}
		l.add(latecomer{row: mark, place: l.come, at: at})
	}
}

// Follow notes that a row that was counted in reached the feeds of an audience after one
// with a later date: Directus serves each subscription in an order of its own.
func (l *latecomers) Follow(r Row, at time.Time, of Audience) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.places[r.ID].place < l.come {
		l.next("")
		l.add(latecomer{row: Row{ID: r.ID, Date: r.Date}, place: l.come, at: at, of: of})
	}
}

// add remembers a latecomer. The caller holds mu.
func (l *latecomers) add(late latecomer) {
	if late.of == "" {
		l.late = latest(append(l.late, late), maxLatecomers, late.at)
	} else {
		l.followed = latest(append(l.followed, late), maxFollowed, late.at)
	}
}

// latest are the last of some latecomers, as many as may be remembered and none that is old.
func latest(list []latecomer, most int, now time.Time) []latecomer {
	old := max(0, len(list)-most)
	for old < len(list) && now.Sub(list[old].at) > latecomerLife {
		old++
	}
	return list[old:]
}

// all are those for everybody and then the others. The caller holds mu.
func (l *latecomers) all() iter.Seq[*latecomer] {
	return func(yield func(*latecomer) bool) {
		for _, list := range [...][]latecomer{l.late, l.followed} {
			for i := range list {
				if !yield(&list[i]) {
					return
				}
			}
		}
	}
}

// count notes the place of a row; false if it has one. The caller holds mu.
func (l *latecomers) count(r Row) bool {
	if _, known := l.places[r.ID]; known {
		return false
	}
	if l.places == nil {
		l.places = map[string]arrival{}
	}
	l.next(r.ID)
	l.places[r.ID] = arrival{r.Date, l.come, false}
	return true
}

// next takes the next place, for a row or for none. The caller holds mu.
func (l *latecomers) next(id string) {
	l.come++
	l.order = append(l.order, id)
	for id != "" && len(l.places) >= maxArrivals || len(l.order) > maxArrivals+maxFollowed {
		delete(l.places, l.order[0])
		l.order = l.order[1:]
	}
}

// SoFar returns the place of the row that was counted in last.
func (l *latecomers) SoFar() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.come
}

// Behind lists, in the order of the collection, the rows in front of a bound that appeared
// after the row at the bound, and not after place until. from is the place of the row at
// the bound; 0 means that only its date is known, and then only latecomers are listed
// that appeared after that date. With a place, rows that were not late are listed as
// well: a row of the future, or one that was history when its feed began, is followed by
// rows that are dated before it and late for nobody. Those dated same are left out; same
// is the date by which the client named the row at the bound, zero if it did not. reader
// reports whether the client reads the feeds of an audience.
func (l *latecomers) Behind(b Bound, from, until int64, same time.Time, reader func(Audience) bool) []Row {
	l.mu.Lock()
	defer l.mu.Unlock()
	var rows []Row
	for c := range l.all() {
		after := from > 0 && c.place > from || from == 0 && c.at.After(b.Date)
		if c.of != "" && (from == 0 || !reader(c.of)) {
			continue
		}
		if after && c.place <= until && !b.IsInFrontOf(c.row) {
			rows = append(rows, c.row)
		}
	}
	forgotten := l.come - int64(len(l.order)) // the last place of which the row is
	for place := max(from, forgotten) + 1; from > 0 && place <= min(until, l.come); place++ {
		r := Row{ID: l.order[place-forgotten-1]}
		a := l.places[r.ID]
		if r.Date = a.date; a.news && !a.date.Equal(same) && !b.IsInFrontOf(r) {
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, CompareRows)
	return slices.CompactFunc(rows, func(a, b Row) bool { return a.ID == b.ID })
}

// PlaceOf returns the place of a row, or with an empty id that of the first row that
// appeared with a date; 0 if it is not known.
func (l *latecomers) PlaceOf(id string, date time.Time) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if id != "" {
		return l.places[id].place
	}
	first := int64(0)
	for a := range maps.Values(l.places) {
		if a.date.Equal(date) && (first == 0 || a.place < first) {
			first = a.place
		}
	}
	return first
}

// MaxRanked is up to how many latecomers at once Directus is asked for the rank that gives
// each its display time, where dates are whole seconds. More are ranked among themselves.
const MaxRanked = 64
