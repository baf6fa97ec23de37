package collection

import "crypto/rand"

// Bookmark is a place among those that the rows of a collection have come at, in one book of
// them: a daemon that was started again begins another. The zero value is in none.
type Bookmark struct {
	Book  string `json:"book"`
	Place int64  `json:"place"`
}

// Later is the one that was set last.
func (b Bookmark) Later(o Bookmark) Bookmark {
	if o.Book == "" || o.Book == b.Book && o.Place < b.Place {
		return b
	}
	return o
}

// Bookmark is at the latest row.
func (l *latecomers) Bookmark() Bookmark {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.name == "" {
		l.name = rand.Text()
	}
	return Bookmark{l.name, l.come}
}

// Redate takes a row that was changed. If it has another date, who has not had it by then does
// not look for it there: it is a latecomer from then on, at the place where it came.
func (l *latecomers) Redate(r Row) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a, known := l.places[r.ID]
	if !known || r.RawDate == "" || a.date.Equal(r.Date) {
		return
	}
	mark, was := Row{ID: r.ID, Date: r.Date}, a.date
	a.date = r.Date
	l.places[r.ID] = a
	late := false
	for i := range l.late {
		if l.late[i].row.ID == r.ID {
			l.late[i].row, late = mark, true
		}
	}
	if !late {
		l.Add(latecomer{row: mark, place: a.place, at: was, redated: true})
	}
}

// Since lists the latecomers behind a bookmark, and the keys of those that were given another
// date though they came in front of it. reader says whose feeds are read.
func (l *latecomers) Since(mark Bookmark, reader func(Audience) bool) (rows []Row, before map[string]struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if mark.Book == "" || mark.Book != l.name {
		return nil, nil
	}
	before = map[string]struct{}{}
	for _, c := range l.late {
		switch {
		case c.of != "" && !reader(c.of):
		case c.place > mark.Place:
			rows = append(rows, c.row)
		case c.redated:
			before[c.row.ID] = struct{}{}
		}
	}
	return rows, before
}
