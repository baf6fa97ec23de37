package directus

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
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
)

// A pause is what all REST requests keep while Directus, or a proxy in front of it,
// takes no more of them: they stand in line, the first to come in front, and who was
// one too many keeps the place and asks again after the time that was told. It is safe
// for concurrent use.
type pause struct {
	begun time.Time     // a moment; the zero of the two below
	line  chan struct{} // cap pauseWidth: held by who may ask; waiters of a channel are FIFO
	until atomic.Int64  // nobody asks before: nanoseconds since begun
	last  atomic.Int64  // from here on nobody stands in line, the same
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
	for tries := 0; ; tries++ {
		if !held && time.Since(p.begun) < time.Duration(p.last.Load()) {
			select {
			case p.line <- struct{}{}:
				held = true
				defer func() { <-p.line }()
			case <-ctx.Done():
				return transportError(ctx, ctx.Err())
			}
		}
		for wait := p.left(); wait > 0; wait = p.left() {
			if err := sleep(ctx, wait, nil); err != nil {
				return transportError(ctx, err)
			}
		}
		err := once()
		if !tooMany(k, err) {
			return err
		}
		p.hold(retryAfter(err), tries)
		if time.Now().Add(p.left()).After(latest) {
			return err
		}
	}
}

// left is the time until somebody may ask.
func (p *pause) left() time.Duration { return time.Duration(p.until.Load()) - time.Since(p.begun) }

// hold makes everybody wait: as long as was told, else longer with each try.
func (p *pause) hold(told time.Duration, tries int) {
	wait := told
	if wait <= 0 {
		wait = time.Duration(float64(firstDelay/4<<min(tries, 4)) * (0.5 + rand.Float64()))
	}
	until := int64(time.Since(p.begun) + wait)
	raise(&p.until, until)
	raise(&p.last, until+int64(pauseAfter))
}

// raise sets a number to another if that is larger.
func raise(n *atomic.Int64, to int64) {
	for old := n.Load(); old < to; old = n.Load() {
		if n.CompareAndSwap(old, to) {
			return
		}
	}
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
