package feed

import (
	"time"

	"directus-ircd/directus"
)

const (
	// lessPause is how long a session waits after it has tried to read a channel in another
	// group, at first: each try costs a subscription, and every session makes its own.
	lessPause = 3 * time.Minute
	// longestPause is what that grows to, as long as Directus refuses.
	longestPause = 4 * lessPause
)

// RetryPause spaces out what Directus may refuse each time. It belongs to the session's
// goroutine; the zero value lets a first try begin at once.
type RetryPause struct {
	next time.Time
	wait time.Duration // after the next try; zero: lessPause
}

func (p *RetryPause) IsOver(now time.Time) bool { return !now.Before(p.next) }

// Begin notes a try: the one after it waits twice as long as this one did.
func (p *RetryPause) Begin(now time.Time) {
	wait := max(p.wait, lessPause)
	p.next, p.wait = now.Add(directus.Jitter(wait)), min(2*wait, longestPause)
}
