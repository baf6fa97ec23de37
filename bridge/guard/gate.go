package guard

import (
	"context"
	"slices"
	"sync"
	"time"

	"directus-ircd/ircd"
)

// slowLogin is how long a login takes that shows that Directus has too many at a time:
// it checks some 10 passwords a second, and each of its answers is waited for 10 s.
const slowLogin = 5 * time.Second

// Gate lets so many logins through at a time, the first to come first: a thousand
// clients that return at once are not to keep Directus from all else. On a machine so
// busy that none of them was answered in time, and Directus checked passwords for
// nobody, fewer are let through: half as many after a slow login, and one more, up to
// the width, after as many quick ones as there may be at a time (TCP's congestion
// avoidance, RFC 5681, section 3.1). A gate that is nil has no limit.
type Gate struct {
	width int

	mu       sync.Mutex
	allowed  int             // at a time, from 1 to width; guarded by mu
	inside   int             // guarded by mu
	quick    int             // logins since allowed was changed; guarded by mu
	narrowed time.Time       // what began before has been learnt from; guarded by mu
	waiting  []chan struct{} // closed when it is their turn, and they are counted inside; guarded by mu
}

func NewGate(width int) *Gate {
	if width <= 0 {
		return nil
	}
	return &Gate{width: width, allowed: width}
}

// Fits reports that the gate is one of a width.
func (g *Gate) Fits(width int) bool {
	if g == nil {
		return width <= 0
	}
	return g.width == width
}

// Enter waits for its turn; leave ends it. The error is an *ircd.LoginError.
func (g *Gate) Enter(ctx context.Context) (leave func(), err error) {
	if g == nil {
		return func() {}, nil
	}
	turn := make(chan struct{})
	g.mu.Lock()
	g.waiting = append(g.waiting, turn)
	g.admit()
	g.mu.Unlock()
	select {
	case <-turn:
	case <-ctx.Done():
		g.mu.Lock()
		defer g.mu.Unlock()
		if i := slices.Index(g.waiting, turn); i >= 0 {
			g.waiting = slices.Delete(g.waiting, i, i+1)
		} else { // its turn came at the same time
			g.inside--
			g.admit()
		}
		return nil, &ircd.LoginError{Reason: ircd.Unavailable, Text: "Many people are logging in at the moment: your credentials were not checked. Try again in a moment", Err: ctx.Err()}
	}
	entered := time.Now()
	return func() { g.leave(entered, ctx.Err() == nil) }, nil
}

// leave learns from a login. A short one that Directus has not answered says nothing.
func (g *Gate) leave(entered time.Time, answered bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	switch {
	case time.Since(entered) >= slowLogin:
		if entered.Before(g.narrowed) {
			break
		}
		g.allowed, g.quick, g.narrowed = max(1, g.allowed/2), 0, time.Now()
	case answered:
		if g.quick++; g.quick >= g.allowed {
			g.allowed, g.quick = min(g.width, g.allowed+1), 0
		}
	}
	g.admit()
}

// admit gives those their turn who are first. The caller holds mu.
func (g *Gate) admit() {
	for g.inside < g.allowed && len(g.waiting) > 0 {
		g.inside++
		close(g.waiting[0])
		g.waiting = g.waiting[1:]
	}
}
