package directus

import (
	"net/http"
	"sync"
	"time"
)

const (
	// clockDrift bounds how fast two clocks come apart: by one part in clockDrift.
	// Any clock of a computer is more exact than that.
	clockDrift = 5000
	// staleDate is how long after the end of a second Node.js may still send that
	// second in a Date header, which it caches.
	staleDate = 50 * time.Millisecond
	// maxPastClocks bounds how many settings of the clock are remembered one by one; the
	// oldest ones are merged.
	maxPastClocks = 16
)

// serverClock estimates the clock of Directus from the Date headers of its answers.
// One header bounds the clock to a second plus the time that the answer took. The
// bounds of several answers together are much narrower, because the answers come at
// different fractions of a second. It is safe for concurrent use.
//
// Callers take every date from here, by Client.Now. The machine's wall clock is read only once,
// by newServerClock. That reading plus the monotonic time since then is the estimate,
// kept within the bounds that the answers of Directus leave. So the wall clock need not
// be right, and setting it while the program runs has no effect.
type serverClock struct {
	base  time.Time // static: a local moment; all durations below count from it
	shown time.Time // static: the date that the wall clock showed at base

	mu    sync.Mutex    // guards what follows
	at    time.Duration // when the last answer came
	early time.Time     // lower bound of the time that Directus' clock would have shown at base
	late  time.Time     // upper bound of the same
	since time.Duration // earliest moment at which the clock can have been set to these bounds
	past  []pastClock   // the bounds before each setting of the clock, the oldest first
}

// pastClock holds the bounds of the clock of Directus that were valid until it was set.
type pastClock struct {
	early    time.Time     // lower bound of the time that the clock would have shown at base
	late     time.Time     // upper bound of the same
	from, to time.Duration // the clock ran with these bounds at most from then to then
}

// newServerClock reads the wall clock, which is time.Now where wall is nil.
func newServerClock(wall func() time.Time) serverClock {
	base := time.Now()
	shown := wallAt(base)
	if wall != nil {
		shown = wall().UTC().Round(0)
	}
	return serverClock{base: base, shown: shown}
}

// observe narrows the bounds by the Date of an answer. asked and answered are local
// moments with monotonic readings, so that setting the local clock is not mistaken for
// setting the clock of Directus.
func (c *serverClock) observe(asked, answered time.Time, header http.Header) {
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil || header.Get("Age") != "" { // from a cache: the Date is old
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	at := answered.Sub(c.base)
	early, late := date.Add(-at), date.Add(time.Second+staleDate-asked.Sub(c.base))
	drift := max(0, at-c.at) / clockDrift
	if c.early.IsZero() || early.After(c.late.Add(drift)) || late.Before(c.early.Add(-drift)) {
		c.set(at)
		c.at, c.early, c.late = at, early, late
		return
	}
	c.at = at
	if c.early = c.early.Add(-drift); early.After(c.early) {
		c.early = early
	}
	if c.late = c.late.Add(drift); late.Before(c.late) {
		c.late = late
	}
}

// set notes that the clock of Directus was set between the last answer and the one that came
// at the moment at. It does nothing before the first answer. Callers hold mu.
func (c *serverClock) set(at time.Duration) {
	if c.early.IsZero() {
		return
	}
	c.past = append(c.past, pastClock{c.early, c.late, c.since, at})
	c.since = c.at
	if n := len(c.past) - maxPastClocks; n > 0 {
		a, b := c.past[n-1], c.past[n]
		if a.early.Before(b.early) {
			b.early = a.early
		}
		if a.late.Add(a.to).After(b.late.Add(b.to)) {
			b.late = a.late.Add(a.to - b.to)
		}
		b.from = a.from
		c.past = append([]pastClock{b}, c.past[n+1:]...)
	}
}

// earliest is the earliest time that the clock of Directus may have shown between the local
// moments moment and ours. ok is false until the first answer.
func (c *serverClock) earliest(moment, ours time.Time) (date time.Time, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.early.IsZero() {
		return time.Time{}, false
	}
	since := moment.Sub(c.base)
	date = c.early.Add(max(since, c.since) - max(0, ours.Sub(c.base)-c.at)/clockDrift)
	for _, p := range c.past {
		if at := p.early.Add(max(since, p.from)); p.to >= since && at.Before(date) {
			date = at
		}
	}
	return date, true
}

// latest is the latest time that the clock of Directus may have shown until the local moment
// ours. It is zero until the first answer.
func (c *serverClock) latest(ours time.Time) (date time.Time) {
	_, date, _ = c.now(ours)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.past {
		if at := p.late.Add(p.to); at.After(date) {
			date = at
		}
	}
	return date
}

// now returns the bounds of Directus' clock at a local moment. ok is false until the first
// answer.
func (c *serverClock) now(ours time.Time) (early, late time.Time, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.early.IsZero() {
		return time.Time{}, time.Time{}, false
	}
	at := ours.Sub(c.base)
	drift := max(0, at-c.at) / clockDrift
	return c.early.Add(at - drift), c.late.Add(at + drift), true
}

// estimate is the likeliest time of Directus' clock at a local moment: the local wall clock
// as read at base, moved into the bounds.
func (c *serverClock) estimate(ours time.Time) time.Time {
	own := c.shown.Add(ours.Sub(c.base))
	early, late, ok := c.now(ours)
	switch {
	case ok && own.Before(early):
		return early
	case ok && own.After(late):
		return late
	}
	return own
}

// wallAt is the date that the local wall clock showed at a moment. Nothing else
// turns a moment into a date.
func wallAt(moment time.Time) time.Time { return moment.UTC().Round(0) }

// Now estimates the time by the clock of Directus, within the bounds of ServerTime. Before
// the first answer it is the machine's own time. Whatever Directus does not date itself is
// dated by Now, so do not compare its dates with those of time.Now.
func (c *Client) Now() time.Time { return c.clock.estimate(time.Now()) }

// Now is Client.Now.
func (a *Account) Now() time.Time { return a.client.Now() }

// ServerTime bounds the time that the clock of Directus shows now. early and late are
// about a second apart at first and come closer with each answer to a REST call of any
// account. ServerTime itself sends nothing; ok is false until the first answer. Behind
// a proxy that writes its own Date header it is the proxy's clock.
func (c *Client) ServerTime() (early, late time.Time, ok bool) { return c.clock.now(time.Now()) }

// ClocksApart is how far apart the clocks are, at least, that the answers have shown. It is 0
// if one clock fits all of them. Otherwise several machines answer, or the clock was set.
func (c *Client) ClocksApart() time.Duration { return c.clock.apart() }

func (c *serverClock) apart() (by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	earliest, latest := c.late, c.early // of what the clocks would have shown at base
	for _, p := range c.past {
		if p.late.Before(earliest) {
			earliest = p.late
		}
		if p.early.After(latest) {
			latest = p.early
		}
	}
	return max(0, latest.Sub(earliest))
}

// ServerTime is Client.ServerTime.
func (a *Account) ServerTime() (early, late time.Time, ok bool) { return a.client.ServerTime() }

// EarliestSince is the earliest time that the clock of Directus may have shown since a local
// moment. Nothing that was stored since then has an earlier date, even if the clock was set
// back in between. ok is false until the first answer.
func (a *Account) EarliestSince(moment time.Time) (date time.Time, ok bool) {
	return a.client.clock.earliest(moment, time.Now())
}

// LatestEver is the latest time that the clock of Directus may have shown so far. It is later
// than ServerTime if the clock was set back, and zero until the first answer.
func (a *Account) LatestEver() time.Time { return a.client.clock.latest(time.Now()) }
