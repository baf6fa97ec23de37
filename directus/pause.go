package directus

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	// pauseWidth is how many requests are under way at once while Directus asks for
	// fewer: as many too many are asked in each of its windows.
	pauseWidth = 4
	// pauseAfter is how long requests stay in line after the last that was one too many.
	pauseAfter = 10 * time.Second
	// longestPause is how long a request without a deadline is repeated.
	longestPause = time.Minute
	// firstGap, longestGap and leastGap bound the time between two requests in line, where
	// it is not in windows that they are counted; below the least there is none.
	firstGap   = 50 * time.Millisecond
	longestGap = 4 * time.Second
	leastGap   = 10 * time.Millisecond
)

// A pause is what all REST requests and upgrades keep while Directus, or a proxy in front
// of it, takes no more of them: they stand in line, the first to come in front, and who
// was one too many keeps the place and asks again after the time that was told. Where none
// is told, or where so few get through after it that they are not counted in windows, they
// go one by one, with a gap in between that is found by trying: it doubles with each that
// is one too many, and shrinks with each that is not. It is safe for concurrent use.
type pause struct {
	begun time.Time     // a moment, from which the times below count
	line  chan struct{} // cap pauseWidth: held by who may ask; waiters of a channel are FIFO

	mu     sync.Mutex    // guards what follows
	until  time.Duration // nobody asks before; 0: there was no pause yet
	last   time.Duration // from here on nobody stands in line, and there is no gap
	gap    time.Duration // between the beginnings of two requests
	next   time.Duration // when the next may begin
	passed int           // requests that got through since until
}

func newPause() *pause {
	return &pause{begun: time.Now(), line: make(chan struct{}, pauseWidth)}
}

// through asks by once until the answer is not that there was one request too many,
// or until the next try would come too late for ctx: then that answer is the error.
func (p *pause) through(ctx context.Context, k call, once func() error) error {
	latest := time.Now().Add(longestPause)
	if d, ok := ctx.Deadline(); ok {
		latest = d
	}
	held := false
	for {
		if !held && p.queues() {
			select {
			case p.line <- struct{}{}:
				held = true
				defer func() { <-p.line }()
			case <-ctx.Done():
				return transportError(ctx, ctx.Err())
			}
		}
		begun, err := p.turn(ctx)
		if err != nil {
			return transportError(ctx, err)
		}
		err = once()
		if !tooMany(k, err) {
			p.pass()
			return err
		}
		p.hold(retryAfter(err), begun)
		if time.Now().Add(p.left()).After(latest) {
			return err
		}
	}
}

// queues reports whether requests stand in line.
func (p *pause) queues() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Since(p.begun) < p.last
}

// left is the time until somebody may ask.
func (p *pause) left() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.until - time.Since(p.begun)
}

// turn waits until it is the caller's turn to ask, and tells when that was.
func (p *pause) turn(ctx context.Context) (begun time.Duration, err error) {
	for {
		p.mu.Lock()
		now := time.Since(p.begun)
		at := max(now, p.until)
		if now >= p.last {
			p.gap = 0
		}
		if p.gap > 0 {
			at = max(at, p.next)
			p.next = at + p.gap + rand.N(p.gap/4)
		}
		p.mu.Unlock()
		if at > now {
			if err := sleep(ctx, at-now, nil); err != nil {
				return 0, err
			}
		}
		if p.left() <= 0 {
			return max(at, now), nil
		}
	}
}

// pass notes a request that was not one too many.
func (p *pause) pass() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.passed++
	if p.gap -= p.gap / 32; p.gap < leastGap {
		p.gap = 0
	}
}

// hold makes everybody wait after a request that was one too many, of which told is what
// its answer says, believed for maxDelay, and begun when it was asked.
func (p *pause) hold(told, begun time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Since(p.begun)
	if begun >= p.until { // else it was on its way when the pause began
		if told <= 0 || p.gap > 0 || p.until > 0 && p.passed < pauseWidth {
			p.gap = min(max(2*p.gap, firstGap), longestGap)
		}
		p.passed = 0
	}
	if told <= 0 {
		told = max(p.gap, firstGap)
	}
	told = min(told, maxDelay)
	p.until = max(p.until, now+told)
	p.last = max(p.last, p.until+pauseAfter)
}

// tooMany reports whether a call was turned away, unprocessed, for there were too many.
// nginx says so by 503 unless told otherwise, which it says of nothing else that it
// knows itself; what might have been carried out is not asked again for that.
func tooMany(k call, err error) bool {
	e, ok := errors.AsType[*Error](err)
	switch {
	case !ok:
		return false
	case e.Status == http.StatusTooManyRequests:
		return true
	}
	return e.Status == http.StatusServiceUnavailable && e.Code == "" && strings.HasPrefix(e.server, "nginx") &&
		(!k.changes() || k.path == "/auth/login")
}
