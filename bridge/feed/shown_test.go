package feed

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/ircd"
)

// What a feed remembers is bounded by number and by size, and the newest stay.
func TestShownRowsAreBounded(t *testing.T) {
	now := time.Now()
	for name, test := range map[string]struct{ length, kept int }{
		"many":  {10, maxRemembered},
		"long":  {10000, maxRememberedBytes / (10000 + rememberedCost + 6)},
		"giant": {maxRememberedText + 1, 0},
	} {
		m, c := newShownRows(), &collection.Channel{}
		for i := range 1000 {
			// Every other one is older than all: history, read late.
			r := collection.Row{ID: strconv.Itoa(i), Date: now.Add(time.Duration(i) * time.Second)}
			if i%2 == 1 {
				r.Date = now.Add(-time.Duration(i) * time.Hour)
			}
			m.put(r, r.Date, 0, c, &ircd.Message{ID: fmt.Sprintf("%06d", i), Text: strings.Repeat("x", test.length)})
		}
		if len(m.rows) != test.kept {
			t.Errorf("%s: %d are kept, want %d", name, len(m.rows), test.kept)
		}
		size := 0
		for id, s := range m.rows {
			size += s.cost()
			if n, _ := strconv.Atoi(id); n%2 == 1 || n < 1000-2*test.kept-1 {
				t.Errorf("%s: %s is kept", name, id)
			}
		}
		if size != m.bytes || size > maxRememberedBytes {
			t.Errorf("%s: %d bytes, counted %d", name, size, m.bytes)
		}
		for i := range 1000 {
			m.bury(strconv.Itoa(i), false)
		}
		if len(m.rows) != 0 || m.bytes != 0 || len(m.gone) != maxGone {
			t.Errorf("%s: %d rows, %d bytes, %d gone", name, len(m.rows), m.bytes, len(m.gone))
		}
	}
}

// A copy of what is remembered forgets its oldest without the original, also when a row was
// written anew.
func TestShownRowsAreCopied(t *testing.T) {
	now := time.Now()
	m, c := newShownRows(), &collection.Channel{}
	put := func(to *shownRows, id int, at time.Time) {
		to.put(collection.Row{ID: strconv.Itoa(id)}, at, 0, c, &ircd.Message{})
	}
	for i := range maxRemembered {
		put(&m, i, now.Add(time.Duration(i)*time.Second))
	}
	copied := m.clone()
	put(&copied, 0, now.Add(time.Hour))
	for i := range maxRemembered / 2 {
		put(&copied, maxRemembered+i, now.Add(time.Duration(maxRemembered+i)*time.Second))
	}
	for i := range maxRemembered {
		if m.rows[strconv.Itoa(i)] == nil {
			t.Errorf("the original has forgotten %d", i)
		}
		if kept := copied.rows[strconv.Itoa(i)] != nil; kept != (i == 0 || i > maxRemembered/2) {
			t.Errorf("the copy keeps %d: %v", i, kept)
		}
	}
	for id, s := range m.rows {
		if s.id != id || m.byAge[s.rank] != s {
			t.Errorf("%s is %s, and not where it says", id, s.id)
		}
	}
}
