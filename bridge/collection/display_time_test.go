package collection

import (
	"fmt"
	"strconv"
	"testing"
	"time"
)

// Rows of one second are told apart as history does, in whatever order they come,
// and each conversation counts its own.
func TestMoments(t *testing.T) {
	m := NewDisplayTimes()
	date := time.Date(2026, 11, 23, 13, 18, 39, 0, time.UTC)
	limit := date.Add(time.Hour)
	one, two := Conversation{Channel: &Channel{}}, Conversation{Channel: &Channel{}}
	at := func(id int, in Conversation, fine bool) int {
		r := Row{ID: strconv.Itoa(id), Date: date, RawDate: date.Format(TimestampLayout)}
		return int(m.Note(r, in, fine, limit).Sub(date) / time.Millisecond)
	}
	for _, want := range []struct{ id, rank int }{{9, 0}, {10, 1}, {9, 0}, {12, 2}, {11, 2}, {12, 3}} {
		if got := at(want.id, one, false); got != want.rank {
			t.Errorf("row %d has rank %d, want %d", want.id, got, want.rank)
		}
	}
	if got := at(13, two, false); got != 0 {
		t.Errorf("the first of another channel has rank %d", got)
	}
	if newest := m.Newest[one]; !newest.Equal(date.Add(3 * time.Millisecond)) {
		t.Errorf("newest %v", newest)
	}
	if got := at(14, one, true); got != 0 {
		t.Errorf("rank %d where fractions are stored", got)
	}
	undated := Row{ID: "15", Date: date.Add(time.Minute)}
	if got := m.Note(undated, one, false, limit); !got.Equal(undated.Date) {
		t.Errorf("a row without a date is shown at %v", got)
	}
	for id := range 1500 {
		at(100+id, one, false)
	}
	if got := at(5000, one, false); got != MaxRank {
		t.Errorf("rank %d behind a thousand", got)
	}
}

// What is remembered of seconds stays small, and the last one is never forgotten.
func TestMomentsBounded(t *testing.T) {
	m := NewDisplayTimes()
	date := time.Date(2026, 11, 23, 13, 0, 0, 0, time.UTC)
	in := Conversation{Channel: &Channel{}}
	for i := range 9000 {
		second := date.Add(time.Duration(i/3) * time.Second)
		r := Row{ID: fmt.Sprintf("%05d", i), Date: second, RawDate: "x"}
		if got := m.Note(r, in, false, second); !got.Equal(DisplayTime(second, i%3)) {
			t.Fatalf("row %d is shown at %v", i, got)
		}
		if m.size > maxDisplayTimes || len(m.seconds) > maxDisplayTimes {
			t.Fatalf("%d keys in %d seconds", m.size, len(m.seconds))
		}
	}
	tie := date.Add(time.Hour * 24)
	for i := range 2000 {
		r := Row{ID: fmt.Sprintf("%05d", i), Date: tie, RawDate: "x"}
		if got := m.Note(r, in, false, tie); !got.Equal(DisplayTime(tie, i)) {
			t.Fatalf("row %d of the tie is shown at %v", i, got)
		}
	}
	if m.size > MaxRank+1+maxDisplayTimes/2 {
		t.Errorf("%d keys", m.size)
	}
}

// Where the clock of a dateTime field was set back, a page does not bring the scan
// ahead: it goes on by counting and not in a circle.
func TestScanTurn(t *testing.T) {
	date := time.Date(2026, 10, 25, 2, 0, 0, 0, time.UTC)
	for _, down := range []bool{false, true} {
		way := time.Minute
		if down {
			way = -way
		}
		s := Scan{Group: &Group{Dates: &Dates{like: "2026-10-25T02:00:00"}}, Down: down}
		steps := []struct {
			last   time.Duration
			whole  int
			ahead  bool
			offset int
		}{
			{10, 3, true, 0},   // the last date is read again
			{50, 4, true, 0},   // and so on
			{5, 2, false, 5},   // set back: all count
			{20, 0, false, 10}, // one date
			{50, 3, false, 15}, // not ahead yet
			{51, 3, true, 0},
		}
		for i, step := range steps {
			if got := s.turn(date.Add(step.last*way), step.whole, 5); got != step.ahead || s.offset != step.offset {
				t.Errorf("down %v, step %d: ahead %v, offset %d, want %v and %d", down, i, got, s.offset, step.ahead, step.offset)
			}
		}
	}
}

func TestBorders(t *testing.T) {
	date := time.Date(2026, 11, 23, 13, 18, 39, 0, time.UTC)
	list := []Bound{ // in order
		{Date: date.Add(-time.Second), ID: "99", Behind: true}, {Date: date}, {Date: date, ID: "9"}, {Date: date, ID: "9", Behind: true},
		{Date: date, ID: "10"}, {Date: date, ID: "10", Behind: true}, {Date: date.Add(time.Millisecond)}, {Date: date.Add(time.Second), ID: "1"},
	}
	rows := []struct {
		Row
		place int // how many bounds are in front of it
	}{
		{Row{ID: "99", Date: date.Add(-time.Second)}, 0}, {Row{ID: "100", Date: date.Add(-time.Second)}, 1}, {Row{ID: "8", Date: date}, 2},
		{Row{ID: "9", Date: date}, 3}, {Row{ID: "10", Date: date}, 5}, {Row{ID: "11", Date: date}, 6}, {Row{ID: "1", Date: date.Add(time.Second)}, 8},
	}
	for i, a := range list {
		for k, b := range list {
			if got := a.Compare(b); got < 0 != (i < k) || got > 0 != (i > k) {
				t.Errorf("%v and %v: %d", a, b, got)
			}
		}
		for _, r := range rows {
			if a.IsInFrontOf(r.Row) != (i < r.place) {
				t.Errorf("%v and row %s of %v", a, r.ID, r.Date)
			}
		}
	}
}
