package directus

import (
	"context"
	"math/rand/v2"
	"time"
)

// Delays between attempts to open a link.
const (
	firstDelay = time.Second
	longDelay  = 15 * time.Second       // the longest delay: people wait, and a refused connection costs little
	maxDelay   = time.Minute            // the longest Retry-After that is honoured
	quickDelay = 500 * time.Millisecond // the longest delay after a link that had been up
	steadyLink = 10 * time.Second       // a link that lasted this long resets the backoff
	// awaitedDelay is the longest delay while a caller of Ready waits for the link.
	awaitedDelay = time.Second
)

// backoff counts the attempts of one Realtime; its Run goroutine owns it.
type backoff struct {
	level int // failures since the last steady link
}

// up notes the end of a link that had been up for some time.
func (b *backoff) up(lasted time.Duration) {
	if lasted >= steadyLink {
		b.level = 0
	}
}

// next returns how long to wait before the next attempt. wasUp says that the last
// attempt opened a link. After a steady link the wait is at most quickDelay; it is
// random, because a restart of Directus cuts all links at the same moment.
func (b *backoff) next(wasUp bool) time.Duration {
	if wasUp && b.level == 0 {
		b.level = 1
		return rand.N(quickDelay)
	}
	d := longDelay
	if shift := max(b.level-1, 0); shift < 4 {
		d = firstDelay << shift
	}
	b.level = max(b.level, 1) + 1
	return time.Duration(float64(d) * (0.5 + rand.Float64()))
}

// sleep waits until d has passed, kick is readable or ctx ends. It returns the error
// of ctx, and nil otherwise. kick may be nil.
func sleep(ctx context.Context, d time.Duration, kick <-chan struct{}) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-kick:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Jitter returns a random duration between d/2 and 3d/2. It keeps many clients from
// doing the same thing at the same time.
func Jitter(d time.Duration) time.Duration { return d/2 + rand.N(d) }
