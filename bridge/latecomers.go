package bridge

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"directus-ircd/directus"
	"directus-ircd/ircd"
)

const (
	// maxArrivals is how many of the latest rows are remembered with their place among
	// those that have come.
	maxArrivals = 4096
	// maxLatecomers bounds the latecomers that are remembered, the latest; their keys
	// have 255 bytes at most.
	maxLatecomers = 2048
	// latecomerLife is how long they are.
	latecomerLife = 24 * time.Hour
)

// latecomers remembers in which order the rows of a collection have come, as far as any
// feed has heard of them, and which of them came behind rows that are dated later: a
// long transaction dates its rows before it shows them. A client that was away for a
// while and knows only the last row that it has seen would never find those. All users
// share it; it is safe for concurrent use. The zero value is ready for use.
type latecomers struct {
	mu     sync.Mutex
	come   int64              // places so far; guarded by mu
	newest row                // of these, no more than its key and date; guarded by mu
	places map[string]arrival // of the latest, by key; guarded by mu
	order  []string           // the keys of places, as they came, empty where one follows; guarded by mu
	late   []latecomer        // as they came; guarded by mu
}

// arrival is the place of a row among those that have come.
type arrival struct {
	date  time.Time
	place int64
	news  bool // it came as such, and was not late
}

type latecomer struct {
	row   row // no more than its key and date
	place int64
	at    time.Time // when it came, by the clock of Directus
	// of is whose feed it was late in, though not in that which had heard of it first: its
	// place is that at which it was. Zero: it was late in all.
	of audience
}

// audience says whose feed it is: one user's, or of all of whom Directus has said the same.
type audience struct {
	user  string
	proof proof
}

// audience is that of the feed.
func (f *feed) audience() audience {
	if f.key.isShared() {
		return audience{proof: f.key.proof}
	}
	return audience{user: f.key.owner.account.ID()}
}

// note counts in a row that is history already.
func (l *latecomers) note(r row) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count(r)
}

// arrive counts in a row that has come at a moment of the clock of Directus. What is
// dated later than limit is of the future, and no row is late because of it.
func (l *latecomers) arrive(r row, at, limit time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.count(r) || r.rawDate == "" {
		return
	}
	l.places[r.id] = arrival{r.date, l.come, true}
	switch mark := (row{id: r.id, date: r.date}); {
	case r.date.After(limit):
	case compareRows(r, l.newest) > 0:
		l.newest = mark
	default:
		l.places[r.id] = arrival{r.date, l.come, false}
		l.add(latecomer{row: mark, place: l.come, at: at})
	}
}

// follow notes that a row, which was counted in, has come to a feed behind one that is
// dated later: Directus tells each subscription in an order of its own.
func (l *latecomers) follow(r row, at time.Time, of audience) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.places[r.id].place < l.come {
		l.next("")
		l.add(latecomer{row{id: r.id, date: r.date}, l.come, at, of})
	}
}

// add remembers a latecomer. The caller holds mu.
func (l *latecomers) add(late latecomer) {
	l.late = append(l.late, late)
	old := max(0, len(l.late)-maxLatecomers)
	for old < len(l.late) && late.at.Sub(l.late[old].at) > latecomerLife {
		old++
	}
	l.late = slices.Delete(l.late, 0, old)
}

// count notes the place of a row; false if it has one. The caller holds mu.
func (l *latecomers) count(r row) bool {
	if _, known := l.places[r.id]; known {
		return false
	}
	if l.places == nil {
		l.places = map[string]arrival{}
	}
	l.next(r.id)
	l.places[r.id] = arrival{r.date, l.come, false}
	return true
}

// next takes the next place, for a row or for none. The caller holds mu.
func (l *latecomers) next(id string) {
	l.come++
	if l.order = append(l.order, id); len(l.order) > maxArrivals {
		delete(l.places, l.order[0])
		l.order = l.order[1:]
	}
}

// soFar is the place of the latest row.
func (l *latecomers) soFar() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.come
}

// behind lists the latecomers in front of a border that came after what is shown at it,
// in the order of the collection: from is the place of that, of 0 is known only when it
// was dated. Those that came behind the place until are not among them. As long as the
// place is known, the rows that were not late are among them, too: behind a row of the
// future, or one that was history when its feed began, others come in front of it that
// nothing newer has come before. Of the date same they are not: that is all that is known
// of what is shown at the border, unless it is zero. reader says whose feeds the client reads.
func (l *latecomers) behind(b border, from, until int64, same time.Time, reader func(audience) bool) []row {
	l.mu.Lock()
	defer l.mu.Unlock()
	var rows []row
	for _, c := range l.late {
		after := from > 0 && c.place > from || from == 0 && c.at.After(b.date)
		if c.of != (audience{}) && (from == 0 || !reader(c.of)) {
			continue
		}
		if after && c.place <= until && !b.isInFrontOf(c.row) {
			rows = append(rows, c.row)
		}
	}
	forgotten := l.come - int64(len(l.order)) // the last place of which the row is
	for place := max(from, forgotten) + 1; from > 0 && place <= min(until, l.come); place++ {
		r := row{id: l.order[place-forgotten-1]}
		a := l.places[r.id]
		if r.date = a.date; a.news && !a.date.Equal(same) && !b.isInFrontOf(r) {
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, compareRows)
	return slices.CompactFunc(rows, func(a, b row) bool { return a.id == b.id })
}

// placeOf is that of a row, or of the first that has come of those of a date; 0 if it
// is not known.
func (l *latecomers) placeOf(id string, date time.Time) int64 {
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

// pageEnd is where the last page of a history has ended: who goes on from there was
// shown the latecomers that had come by then.
type pageEnd struct {
	id   string
	at   time.Time
	come int64
}

// latecomers reads the rows that have come late, or were overtaken, behind what a query says
// that the client has seen last: lo is the border there. They come in the order of the
// collection. At most maxTies of the late ones are read, those dated last.
func (h *historian) latecomers(ctx context.Context, p ircd.Position, lo *border) ([]found, error) {
	if lo == nil {
		return nil, nil
	}
	book, id := &h.group.dates.late, ""
	if p.MsgID != "" {
		id = lo.id
	}
	var date time.Time
	if id == "" {
		date = p.Time.Truncate(h.group.dates.unit())
	}
	from := book.placeOf(id, date)
	end := h.end
	if end != nil && (id != "" && id != end.id || id == "" && !p.Time.Equal(end.at)) {
		end = nil
	}
	if end != nil {
		from = max(from, end.come)
	}
	rows := book.behind(*lo, from, h.until, date, func(of audience) bool {
		return of.user == h.member.account.ID() || h.feed != nil && of == h.feed.audience()
	})
	rows = rows[max(0, len(rows)-maxTies):]
	w := h.walk(false, nil, nil, len(rows))
	if end == nil {
		var err error
		if w.found, err = h.overtaken(ctx, p, *lo); err != nil {
			return nil, err
		}
	}
	rows = slices.DeleteFunc(rows, func(r row) bool {
		return slices.ContainsFunc(w.found, func(f found) bool { return f.row.id == r.id })
	})
	for len(rows) > 0 {
		page := rows[:min(len(rows), pageSize, w.scan.limit(ctx))]
		keys := make([]string, len(page))
		for i, r := range page {
			keys[i] = r.id
		}
		filter := directus.And(h.filter, directus.Compare(h.group.fields.key(), "_in", keys))
		read, _, err := w.scan.ask(ctx, directus.Query{Filter: filter, Limit: len(page)})
		if errors.Is(err, directus.ErrTooLarge) && len(page) > 1 {
			continue // with fewer
		}
		if err != nil {
			return nil, err
		}
		rows = rows[len(page):]
		slices.SortFunc(read, compareRows)
		if err := w.add(ctx, read, len(page) <= maxRanked); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(w.found, func(a, b found) int { return compareRows(a.row, b.row) })
	return w.found, nil
}

// maxRanked is how many latecomers at once are worth the questions by which their exact
// times are found where dates come in whole seconds; of more, those of a second are
// counted among themselves.
const maxRanked = 64
