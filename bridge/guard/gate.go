package guard

import (
	"context"
	"slices"
	"sync"
	"time"

	"directus-ircd/ircd"
)

// slowLogin is the duration from which a login means that Directus is handling too many at a
// time: it checks some 10 passwords a second, and we wait 10 s for each of its answers.
const slowLogin = 5 * time.Second

// Gate limits how many logins are under way at a time and admits them in the order in which
// they come: a thousand clients that reconnect at once must not keep Directus from everything
// else. If Directus is so busy that it checks passwords for clients that have given up, fewer
// are admitted: half as many after a slow login, and one more, up to the width, after as many
// quick ones as are allowed at a time (like congestion avoidance in TCP, RFC 5681, section
// 3.1). A nil Gate has no limit. Any goroutine may use it.
type Gate struct {
	width int

	mu       sync.Mutex      // a leaf lock
	allowed  int             // logins at a time, from 1 to width; guarded by mu
	inside   int             // logins under way; guarded by mu
	quick    int             // quick logins since allowed was changed; guarded by mu
	narrowed time.Time       // when allowed was last lowered: logins that began before count no more; guarded by mu
	waiting  []chan struct{} // each is closed when its login is admitted and counted inside; guarded by mu
}

// NewGate returns a gate for width logins at a time, nil if width is not positive.
func NewGate(width int) *Gate {
	if width <= 0 {
		return nil
	}
	return &Gate{width: width, allowed: width}
}

// Fits reports whether the gate was made by NewGate with this width.
func (g *Gate) Fits(width int) bool {
	if g == nil {
		return width <= 0
	}
	return g.width == width
}

// Enter waits until a login is admitted; leave must be called when it is over. The error, an
// *ircd.LoginError, means that ctx ended before that.
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

// leave ends a login and learns from how long it took. A short one that Directus has not
// answered says nothing.
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

// admit admits the logins that wait, as many as are allowed. The caller holds mu.
func (g *Gate) admit() {
	for g.inside < g.allowed && len(g.waiting) > 0 {
		g.inside++
		close(g.waiting[0])
		g.waiting = g.waiting[1:]
	}
}
