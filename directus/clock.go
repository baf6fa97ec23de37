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
)

// serverClock knows the clock of Directus from the Date headers of its answers.
// One of them tells it to a second and the time that the answer took; what
// several allow in common is much less, as they come at different fractions of
// a second. It is safe for concurrent use.
type serverClock struct {
	mu    sync.Mutex
	base  time.Time // ours, at the first answer; the zero of `at`
	at    time.Duration
	early time.Time // the clock of Directus at base, at least; as of at
	late  time.Time // and at most
}

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
	if c.base.IsZero() {
		c.base = asked
	}
	at := answered.Sub(c.base)
	early, late := date.Add(-at), date.Add(time.Second+staleDate-asked.Sub(c.base))
	drift := max(0, at-c.at) / clockDrift
	if c.early.IsZero() || early.After(c.late.Add(drift)) || late.Before(c.early.Add(-drift)) {
		c.at, c.early, c.late = at, early, late // the first, or a clock that was set
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

// ServerTime tells what the clock of Directus shows now: not before early and
// not after late, which are a second apart at first and come closer. It is learnt
// from the answers to the REST calls of all accounts and asks nothing itself; ok
// is false until the first. Behind a proxy that writes its own Date it is the
// proxy's clock.
func (c *Client) ServerTime() (early, late time.Time, ok bool) { return c.clock.now(time.Now()) }

// ServerTime is that of the Client.
func (a *Account) ServerTime() (early, late time.Time, ok bool) { return a.client.ServerTime() }
