package directus

import (
	"context"
	"math/rand/v2"
	"time"
)

// Delays between attempts to open a link.
const (
	firstDelay = time.Second
	longDelay  = 15 * time.Second       // at most: people wait, and a refused connection costs nothing
	maxDelay   = time.Minute            // at most where Directus itself asks for a pause
	quickDelay = 500 * time.Millisecond // at most, after a link that had been up
	steadyLink = 10 * time.Second       // a link of that age resets the delays
	// awaitedDelay is the most while a caller waits for the link.
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

// next is the time to wait before the next attempt. The first one after a
// steady link comes at once but for a jitter, for the many links that one
// restart of Directus cuts; wasUp says that the link before was up.
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

// sleep waits for d, a kick or the end of ctx, whose error it returns. kick may
// be nil.
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

// Jitter is a pause of about d, from half of it to one and a half: it spreads what many would
// do at the same time.
func Jitter(d time.Duration) time.Duration { return d/2 + rand.N(d) }
