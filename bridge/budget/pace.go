package budget

import (
	"context"
	"sync"
	"time"
)

const (
	// paceRest is how many times as long as Directus has read texts for a user it does not
	// have to read others for the same one, and paceRate how many bytes of them it may read
	// for a user in a second all the same, however long it takes.
	paceRest = 3
	paceRate = 1 << 20
	// paceBurst is how much of that time is not waited for: a page or a backlog now and
	// then is read as fast as it can be.
	paceBurst = 3 * time.Second
	// paceDebt is for how long a user waits at most.
	paceDebt = 2 * time.Second
)

// pace keeps a user who reads one long page after the other from taking the time of
// Directus, and of the machine, from all others: it is the generic cell rate algorithm
// (ITU-T I.371). The zero value is ready for use, by any goroutine.
type pace struct {
	mu   sync.Mutex
	rest time.Time // when the user has rested enough; guarded by mu
}

func (p *pace) wait(ctx context.Context) error {
	p.mu.Lock()
	left := time.Until(p.rest.Add(-paceBurst))
	p.mu.Unlock()
	if left <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// took notes how long it took to read texts of so many bytes.
func (p *pace) took(d time.Duration, bytes int64) {
	rest := min(paceRest*d, time.Duration(bytes)*time.Second/paceRate)
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if left := p.rest.Sub(now); left > 0 {
		rest += left
	}
	p.rest = now.Add(min(rest, paceBurst+paceDebt))
}
