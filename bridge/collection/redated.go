package collection

import (
	"crypto/rand"
)

// Bookmark is a place in the order in which the rows of a collection have appeared. Places
// are counted per Book: a daemon that was restarted begins another. The zero value is in no
// book.
type Bookmark struct {
	Book  string `json:"book"`
	Place int64  `json:"place"`
}

// Later returns the later of two bookmarks; o if they are of different books.
func (b Bookmark) Later(o Bookmark) Bookmark {
	if o.Book == "" || o.Book == b.Book && o.Place < b.Place {
		return b
	}
	return o
}

// Bookmark returns the place of the row that was counted in last.
func (l *latecomers) Bookmark() Bookmark {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.name == "" {
		l.name = rand.Text()
	}
	return Bookmark{l.name, l.come}
}

// Redate takes note of a row that was changed. If its date is another than before, a client
// that has not received the row would not look for it there: the row counts as a latecomer
// from now on, at its old place.
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
	for c := range l.all() {
		if c.row.ID == r.ID {
			c.row, late = mark, true
		}
	}
	if !late {
		l.add(latecomer{row: mark, place: a.place, at: was, redated: true})
	}
}

// Since lists the latecomers that appeared after a bookmark, and the keys of rows that
// appeared before it and were given another date since. reader reports whether the client
// reads the feeds of an audience. A bookmark of another book yields nothing.
func (l *latecomers) Since(mark Bookmark, reader func(Audience) bool) (rows []Row, before map[string]struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if mark.Book == "" || mark.Book != l.name {
		return nil, nil
	}
	before = map[string]struct{}{}
	for c := range l.all() {
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
