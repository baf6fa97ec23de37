package simulation

import (
	"testing"
	"time"
)

// Where the backlog of a device begins is told by what was there before it came: what it has missed since may be dated
// earlier, as the clock of Directus was set back.
func TestWhereABacklogBegins(t *testing.T) {
	begin := time.Now()
	after := func(seconds int) time.Time { return begin.Add(time.Duration(seconds) * time.Second) }
	w := &world{start: begin, chronicle: newChronicle(1, 0), verdict: verdict{}}
	row := func(n int, stored, dated time.Time) *record {
		r := &record{collection: "messages", message: n, created: dated, versions: []version{{from: stored, item: map[string]any{"text": "some"}}}}
		w.chronicle.messages[n] = []*record{r}
		return r
	}
	rows := []*record{row(1, after(200), after(5)), row(2, after(10), after(10)), row(3, after(20), after(20))}
	c := &client{w: w, spec: clientSpec{kind: tagged, device: "device1"}, stays: []stay{{}, {}}}
	c.visits = []visit{{channel: "#dev", epoch: 1, begin: after(30), end: after(100)}, {channel: "#dev", epoch: 2, stay: 1, begin: after(900)}}
	mine := []sighting{
		{token: token{n: 3}, at: after(30), epoch: 1, past: true, channel: "#dev"},
		{token: token{n: 1}, at: after(900), epoch: 2, stay: 1, past: true, channel: "#dev"},
	}
	r := newReading(w, c, channelSpec{name: "#dev", collection: "messages"}, mine, rows)
	s := &span{begin: after(30), sights: mine, first: c.visits[0]}
	if got := r.first(s); got != 2 {
		t.Errorf("it begins at row %d", got)
	}
}

// What a plain client is shown of the time before it came tells where its backlog begins, unless a feed may have found that
// late: it was stored while the clock of Directus was set back by more than a minute.
func TestWhereThePastOfAPlainClientBegins(t *testing.T) {
	for back, place := range map[int]int{59: 0, 61: 2} {
		begin := time.Now()
		after := func(seconds int) time.Time { return begin.Add(time.Duration(seconds) * time.Second) }
		w := &world{start: begin, chronicle: newChronicle(1, 0), verdict: verdict{}}
		var rows []*record
		for n, stored := range []int{200, 150, 160} {
			dated := after(stored)
			if n == 0 {
				dated = after(160 - back)
			}
			r := &record{collection: "messages", message: n, created: dated, versions: []version{{from: after(stored), item: map[string]any{"text": "some"}}}}
			w.chronicle.messages[n] = []*record{r}
			rows = append(rows, r)
		}
		c := &client{w: w, spec: clientSpec{kind: plain}, stays: []stay{{}}, visits: []visit{{channel: "#dev", epoch: 1, begin: after(300)}}}
		mine := []sighting{{token: token{n: 0}, at: after(301), epoch: 1, past: true, channel: "#dev"}, {token: token{n: 2}, at: after(301), epoch: 1, past: true, channel: "#dev"}}
		r := newReading(w, c, channelSpec{name: "#dev", collection: "messages"}, mine, rows)
		if got := r.first(&span{begin: after(300), sights: mine, first: c.visits[0]}); got != place {
			t.Errorf("set back by %d s: it begins at row %d, not %d", back, got, place)
		}
	}
}
