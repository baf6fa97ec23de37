package collection

import (
	"fmt"
	"testing"
	"time"
)

// What is late in the feeds of many audiences takes nobody else's room: of an import that
// everybody's own feed brings, all that came behind a row is found from there.
func TestLatecomersOfManyFeeds(t *testing.T) {
	const rows, audiences = maxLatecomers - 1, 6
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var l latecomers
	row := func(id string) Row { return Row{ID: id, Date: at, RawDate: "at"} }
	l.Arrive(row("m"), at, at.Add(time.Hour))
	for i := range rows {
		l.Arrive(row(fmt.Sprintf("a%06d", i)), at, at.Add(time.Hour))
	}
	for who := range audiences {
		for i := range rows {
			l.Follow(row(fmt.Sprintf("a%06d", i)), at, AudienceOf(fmt.Sprint(who)))
		}
	}
	place := l.PlaceOf("m", time.Time{})
	if place == 0 {
		t.Fatal("the place of the row is forgotten")
	}
	late := l.Behind(Bound{Date: at, ID: "m", Behind: true}, place, l.SoFar(), time.Time{}, func(Audience) bool { return false })
	if len(late) != rows {
		t.Errorf("%d of %d rows are found", len(late), rows)
	}
	if n, most := len(l.late)+len(l.followed)+len(l.order), maxArrivals+2*maxFollowed+maxLatecomers; n > most {
		t.Errorf("%d are remembered, more than %d", n, most)
	}
}
