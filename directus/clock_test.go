package directus

import (
	"math/rand/v2"
	"net/http"
	"testing"
	"time"
)

// dateHeader is what a server answers at a moment of its clock.
func dateHeader(at time.Time) http.Header {
	return http.Header{"Date": {at.UTC().Format(http.TimeFormat)}}
}

// The bounds hold the true time at any moment, and come closer with each answer,
// however far the clocks are apart.
func TestServerClock(t *testing.T) {
	for _, ahead := range []time.Duration{0, 300 * time.Millisecond, -time.Hour, 42*time.Hour + 7*time.Millisecond} {
		random := rand.New(rand.NewPCG(1, uint64(ahead)))
		ours := time.Date(2026, 11, 23, 13, 0, 0, 123e6, time.UTC)
		c := serverClock{base: ours, shown: wallAt(ours)}
		if _, _, ok := c.now(ours); ok {
			t.Fatal("knows what nobody has told")
		}
		var early, late time.Time
		for range 60 {
			asked := ours
			ours = ours.Add(time.Duration(random.Int64N(int64(40 * time.Millisecond))))
			said := ours.Add(ahead)
			ours = ours.Add(time.Duration(random.Int64N(int64(40 * time.Millisecond))))
			c.observe(asked, ours, dateHeader(said))
			ours = ours.Add(time.Duration(random.Int64N(int64(3 * time.Second))))
			var ok bool
			early, late, ok = c.now(ours)
			if truth := ours.Add(ahead); !ok || early.After(truth) || late.Before(truth) {
				t.Fatalf("ahead %v: %v is not between %v and %v", ahead, truth, early, late)
			}
		}
		if width := late.Sub(early); width > 250*time.Millisecond {
			t.Errorf("ahead %v: after 60 answers %v is all that is known", ahead, width)
		}
	}
}

// A clock that is set is believed at once; headers that say nothing, or that a
// cache repeats, are not.
func TestServerClockIsSet(t *testing.T) {
	ours := time.Date(2026, 11, 23, 13, 0, 0, 0, time.UTC)
	c := serverClock{base: ours, shown: wallAt(ours)}
	c.observe(ours, ours, dateHeader(ours))
	for _, ahead := range []time.Duration{time.Hour, -time.Minute, 0} {
		ours = ours.Add(time.Second)
		c.observe(ours, ours, dateHeader(ours.Add(ahead)))
		for _, h := range []http.Header{{}, {"Date": {"yesterday"}}, {"Date": {"Mon, 01 Jan 2001 00:00:00 GMT"}, "Age": {"0"}}} {
			c.observe(ours, ours, h)
		}
		if early, late, ok := c.now(ours); !ok || early.After(ours.Add(ahead)) || late.Before(ours.Add(ahead)) {
			t.Errorf("ahead %v: told %v to %v", ahead, early, late)
		}
	}
}

// What was stored since a moment is not dated before what the clock has shown since then, however often it was set.
func TestServerClockWasSet(t *testing.T) {
	base := time.Date(2026, 11, 23, 13, 0, 0, 0, time.UTC)
	at := func(minutes int) time.Time { return base.Add(time.Duration(minutes) * time.Minute) }
	c := serverClock{base: base, shown: wallAt(base)}
	if _, ok := c.earliest(base, base); ok {
		t.Fatal("knows what nobody has told")
	}
	aheads := map[int]int{0: 0, 10: 0, 20: -60, 30: -60, 40: 5, 50: 5}
	for m := 0; m <= 50; m += 10 {
		c.observe(at(m), at(m), dateHeader(at(m+aheads[m])))
	}
	for _, w := range []struct{ since, earliest int }{{55, 60}, {45, 50}, {40, -20}, {30, -30}, {15, -45}, {5, -50}, {-5, -50}} {
		got, ok := c.earliest(at(w.since), at(55))
		if want := at(w.earliest); !ok || got.After(want) || got.Before(want.Add(-time.Second)) {
			t.Errorf("since minute %d: %v, want %v", w.since, got, want)
		}
	}
	if got, want := c.latest(at(55)), at(60); got.Before(want) || got.After(want.Add(2*time.Second)) {
		t.Errorf("the latest is %v, want %v", got, want)
	}
	for m := 60; m < 2000; m += 10 {
		c.observe(at(m), at(m), dateHeader(at(m+m%20*30)))
	}
	if got, _ := c.earliest(at(5), at(2000)); len(c.past) != maxPastClocks || got.After(at(-50)) {
		t.Errorf("%d clocks are remembered, the earliest showed %v", len(c.past), got)
	}
	if got, want := c.latest(at(2000)), at(1990+300); got.Before(want) {
		t.Errorf("the latest is %v, want %v", got, want)
	}
}

// An old answer counts for less, as clocks drift.
func TestServerClockForgets(t *testing.T) {
	ours := time.Date(2026, 11, 23, 13, 0, 0, 0, time.UTC)
	c := serverClock{base: ours, shown: wallAt(ours)}
	c.observe(ours, ours, dateHeader(ours))
	early, late, _ := c.now(ours.Add(5000 * time.Second))
	if width := late.Sub(early); width != 3*time.Second+staleDate {
		t.Errorf("%v wide after 5000 s", width)
	}
}

// What is dated here is dated by the clock of Directus; ours counts as far as that
// does not contradict it, and alone before the first answer.
func TestServerClockEstimates(t *testing.T) {
	ours := time.Date(2026, 11, 23, 13, 0, 0, 300e6, time.UTC)
	for ahead, want := range map[time.Duration]time.Duration{
		0:                      0,
		200 * time.Millisecond: 0, // as well as anything between the seconds
		time.Hour:              time.Hour - 300*time.Millisecond,
		-time.Hour:             -time.Hour + 700*time.Millisecond + staleDate,
	} {
		c := serverClock{base: ours, shown: wallAt(ours)}
		if got := c.estimate(ours.Add(time.Minute)); !got.Equal(ours.Add(time.Minute)) {
			t.Errorf("before the first answer it is %v", got)
		}
		c.observe(ours, ours, dateHeader(ours.Add(ahead)))
		if got := c.estimate(ours); !got.Equal(ours.Add(want)) {
			t.Errorf("ahead %v: estimated %v ahead", ahead, got.Sub(ours))
		}
	}
}

// The wall clock, however wrong it is, stands in until Directus has told the time, and is
// kept within what it has told from then on.
func TestClockOfTheMachine(t *testing.T) {
	wrong := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	c := newServerClock(func() time.Time { return wrong })
	if got := c.estimate(c.base.Add(time.Second)); !got.Equal(wrong.Add(time.Second)) {
		t.Errorf("before the first answer it is %v", got)
	}
	date := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c.observe(c.base, c.base, http.Header{"Date": {date.Format(http.TimeFormat)}})
	if got := c.estimate(c.base); got.Sub(date).Abs() > 2*time.Second {
		t.Errorf("when Directus shows %v it is %v", date, got)
	}
}

// Clocks that take turns are told apart by what one clock could not have shown.
func TestClocksApart(t *testing.T) {
	for _, apart := range []time.Duration{0, 500 * time.Millisecond, 3 * time.Second, -time.Minute} {
		ours := time.Date(2026, 11, 23, 13, 0, 0, 0, time.UTC)
		c := serverClock{base: ours, shown: wallAt(ours)}
		if c.apart() != 0 {
			t.Error("knows what nobody has told")
		}
		for i := range 40 {
			ours = ours.Add(77 * time.Millisecond)
			c.observe(ours, ours, dateHeader(ours.Add(time.Duration(i%2)*apart)))
		}
		if got := c.apart(); got > apart.Abs() || apart.Abs() > time.Second && got < apart.Abs()-2*time.Second {
			t.Errorf("%v apart: told %v", apart, got)
		}
	}
}
