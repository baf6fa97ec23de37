package directus

import (
	"net/http"
	"sync"
	"time"
)

const (
	// clockDrift is how far two clocks come apart in a while, at most: one part
	// in five thousand is more than a clock that is worth something loses.
	clockDrift = 5000
	// staleDate is how much longer than its second Node.js may give a Date.
	staleDate = 50 * time.Millisecond
	// maxPastClocks is how often the clock may be set until the times at which it was are
	// not told apart any more.
	maxPastClocks = 16
)

// serverClock knows the clock of Directus from the Date headers of its answers.
// One of them tells it to a second and the time that the answer took; what
// several allow in common is much less, as they come at different fractions of
// a second. It is safe for concurrent use.
//
// Dates are made of it and of nothing else. The machine's wall clock is read once,
// by newServerClock: until Directus has answered, and within the bounds that its
// answers leave, that reading and the monotonic clock since tell the time. So
// nothing depends on the wall clock being right, and nothing notices when it is set.
type serverClock struct {
	base time.Time // a moment of ours; the zero of `at`. Immutable

	mu    sync.Mutex
	at    time.Duration
	early time.Time     // the clock of Directus at base, at least; as of at
	late  time.Time     // and at most
	since time.Duration // when it may have begun to show that, at the soonest
	past  []pastClock   // what it showed before it was set, the oldest first
}

// pastClock is what the clock of Directus showed until it was set.
type pastClock struct {
	early    time.Time     // at base, at least
	late     time.Time     // and at most
	from, to time.Duration // when it may have shown that
}

func newServerClock() serverClock { return serverClock{base: time.Now()} }

// observe learns from an answer to a request made and answered at these moments
// of our clock. Readings of the monotonic clock keep a step of ours from
// counting as one of theirs.
func (c *serverClock) observe(asked, answered time.Time, header http.Header) {
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil || header.Get("Age") != "" { // a cache tells when it asked
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

// set notes that the clock was set between the last answer and one at a moment, unless that is
// the first. The caller holds mu.
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

// earliest is the earliest time that the clock of Directus may have shown since a moment of
// ours; ok is false until the first answer.
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

// latest is the latest time that the clock of Directus may have shown until a moment of ours;
// zero until the first answer.
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

// now gives the bounds at a moment of our clock.
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

// estimate is the likeliest time at a moment of ours: the wall clock as it stood at
// base, as far as Directus does not contradict it.
func (c *serverClock) estimate(ours time.Time) time.Time {
	own := wallAt(c.base).Add(ours.Sub(c.base))
	early, late, ok := c.now(ours)
	switch {
	case ok && own.Before(early):
		return early
	case ok && own.After(late):
		return late
	}
	return own
}

// wallAt makes a date of a moment: what the wall clock showed. It is the only place
// that does so.
func wallAt(moment time.Time) time.Time { return moment.UTC().Round(0) }

// Now is the time by the clock of Directus, by which everything is dated that is not
// in Directus itself: the best estimate within the bounds of ServerTime, and before
// the first answer the machine's own time as of New. Dates of it and the moments of
// time.Now are not to be compared.
func (c *Client) Now() time.Time { return c.clock.estimate(time.Now()) }

// Now is that of the Client.
func (a *Account) Now() time.Time { return a.client.Now() }

// ServerTime tells what the clock of Directus shows now: not before early and
// not after late, which are a second apart at first and come closer. It is learnt
// from the answers to the REST calls of all accounts and asks nothing itself; ok
// is false until the first. Behind a proxy that writes its own Date it is the
// proxy's clock.
func (c *Client) ServerTime() (early, late time.Time, ok bool) { return c.clock.now(time.Now()) }

// ServerTime is that of the Client.
func (a *Account) ServerTime() (early, late time.Time, ok bool) { return a.client.ServerTime() }

// EarliestSince is the earliest time that the clock of Directus may have shown since a moment
// of ours, as far as its answers tell: nothing that was stored since then is dated before that,
// also where the clock was set back. ok is false until the first answer.
func (a *Account) EarliestSince(moment time.Time) (date time.Time, ok bool) {
	return a.client.clock.earliest(moment, time.Now())
}

// LatestEver is the latest time that the clock of Directus may have shown so far, as far as its
// answers tell: later than ServerTime where it was set back. Zero until the first answer.
func (a *Account) LatestEver() time.Time { return a.client.clock.latest(time.Now()) }
