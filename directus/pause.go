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
	// pauseWidth is how many requests are under way at the same time while Directus asks
	// for fewer. At most that many are turned away in each window of its rate limit.
	pauseWidth = 4
	// pauseAfter is how long requests still queue after Directus last turned one away.
	pauseAfter = 10 * time.Second
	// longestPause is how long a request is repeated if its ctx has no deadline.
	longestPause = time.Minute
	// nearlyOver is how soon a limit ends that was met only because the clock of Directus is not
	// known exactly.
	nearlyOver = 100 * time.Millisecond
	// The gap between two queued requests begins with firstGap and grows up to
	// longestGap. When it shrinks below leastGap it becomes zero.
	firstGap   = 50 * time.Millisecond
	longestGap = 4 * time.Second
	leastGap   = 10 * time.Millisecond
)

// ahead is the key of a context of Ahead.
type ahead struct{}

// Ahead returns a context whose requests do not stand in line behind those of others while
// Directus asks for fewer requests: somebody who waits for a login gives up within seconds,
// somebody who is in does not. The caller bounds how many such requests there are at a time.
func Ahead(ctx context.Context) context.Context { return context.WithValue(ctx, ahead{}, true) }

// A pause makes all REST requests and upgrades of a Client wait while Directus, or a proxy
// in front of it, turns requests away for being too many. Requests queue, first come, first
// served. One that is turned away keeps its place and is repeated after the Retry-After of
// the answer. That suits a limit that counts in windows. If there is no Retry-After, or so
// few requests get through after it that the limit cannot be one of windows, requests go one
// by one with a gap in between. The gap doubles with each request that is turned away and
// shrinks with each that is not. A pause is safe for concurrent use.
type pause struct {
	begun time.Time     // static: the durations below count from it
	line  chan struct{} // cap pauseWidth: a request holds a place; Go serves waiting senders in order

	mu     sync.Mutex    // guards what follows
	until  time.Duration // no request begins before then; 0: none was ever turned away
	last   time.Duration // from then on requests do not queue, and gap is zero
	gap    time.Duration // between the beginnings of two requests
	next   time.Duration // earliest beginning of the next request, if gap is not zero
	passed int           // requests that got through since the last one that was turned away
}

func newPause() *pause {
	return &pause{begun: time.Now(), line: make(chan struct{}, pauseWidth)}
}

// through makes the request k by calling once, and repeats it while it is turned away. It
// gives up when the next attempt would come after the deadline of ctx, with the error of
// the last one.
func (p *pause) through(ctx context.Context, k call, once func() error) error {
	latest := time.Now().Add(longestPause)
	if d, ok := ctx.Deadline(); ok {
		latest = d
	}
	held := false
	for {
		if !held && p.queues() && ctx.Value(ahead{}) == nil {
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

// queues reports whether requests have to queue now.
func (p *pause) queues() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Since(p.begun) < p.last
}

// left is the time until a request may begin.
func (p *pause) left() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.until - time.Since(p.begun)
}

// turn waits until the caller's request may begin, and returns that time.
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

// pass notes a request that was not turned away.
func (p *pause) pass() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.passed++
	if p.gap -= p.gap / 32; p.gap < leastGap {
		p.gap = 0
	}
}

// hold makes all requests wait because one was turned away. told is the Retry-After of the
// answer, of which at most maxDelay counts; 0: none. begun is when that request began.
func (p *pause) hold(told, begun time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Since(p.begun)
	early := told > 0 && told <= nearlyOver && p.until > 0 && begun < p.until+nearlyOver
	if begun >= p.until && !early { // if not, it was under way already when another one was turned away
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

// tooMany reports whether a call was turned away, without being processed, because there were
// too many. By default nginx says so with a 503. A 503 may also come from a server behind it,
// which may have carried the call out, so a call that changes something is not repeated then.
func tooMany(k call, err error) bool {
	e, ok := errors.AsType[*Error](err)
	switch {
	case !ok:
		return false
	case e.Status == http.StatusTooManyRequests:
		return true
	}
	return e.Status == http.StatusServiceUnavailable && e.Code == "" && strings.HasPrefix(e.server, "nginx") &&
		(!k.changes() || strings.HasPrefix(k.path, loginPath))
}
