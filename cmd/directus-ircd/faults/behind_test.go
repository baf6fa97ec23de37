package faults

import (
	"context"
	"strings"
	"time"
)

const (
	// behind is how long a client reads nothing: the daemon ends one that does not for 10 s.
	behind = 6 * time.Second
	// waiting is how long the daemon takes nothing from a client whose answers wait.
	waiting = time.Second / 2
	// mostAsked bounds the answers, in requests of 8 KiB each.
	mostAsked = 8192
)

// lag has the connection read nothing for a while, and ask for so many answers meanwhile that the daemon has to wait
// with them, and with everything else for this client; false if it did not come to that.
func (c *connection) lag(ctx context.Context) (waited bool) {
	gate := make(chan struct{})
	if !c.gate.CompareAndSwap(nil, &gate) {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, behind)
	defer cancel()
	taken, done := make(chan struct{}), make(chan struct{})
	go func() { // joined below
		defer close(done)
		request := strings.TrimSuffix(strings.Repeat("PING :"+strings.Repeat("x", 400)+"\r\n", 20), "\r\n")
		for range mostAsked {
			if c.send(request) != nil {
				return
			}
			select {
			case taken <- struct{}{}:
			case <-ctx.Done():
				return
			}
		}
	}()
	timer := time.NewTimer(waiting)
	defer timer.Stop()
	for open := true; open; {
		select {
		case <-taken:
			timer.Reset(waiting)
		case <-timer.C:
			waited = true
		case <-done: // the daemon took all there is, or the connection is over
			waited, open = false, false
		case <-ctx.Done():
			open = false
		}
	}
	c.gate.Store(nil)
	close(gate)
	<-done
	return waited
}

// lagBehind leaves one client of each of some people behind their others, for as long as the daemon bears it.
func (w *world) lagBehind(ctx context.Context, people []*person) {
	for _, p := range people {
		var list []*client
		for _, r := range w.readers {
			if r.person == p {
				list = append(list, &r.client)
			}
		}
		if len(list) == 0 {
			continue
		}
		c := list[w.random.IntN(len(list))]
		w.wg.Go(func() {
			if conn := c.connected(); conn != nil && conn.lag(ctx) {
				w.note("behind: %s", c.name)
				w.book.met(leftBehind)
			}
		})
	}
}

// lagAll leaves clients behind in peace, and clients of the people that have several.
func lagAll(ctx context.Context, w *world) {
	w.lagBehind(ctx, w.people)
	pause(ctx, behind+time.Second)
}
