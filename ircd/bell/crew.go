package bell

import (
	"runtime"
	"sync"
)

// Crew answers pulls in the place of the owners of their bells: to wake one goroutine for
// many owners costs less than to wake each. All methods may be called from any goroutine.
type Crew struct {
	mu      sync.Mutex // a leaf lock
	waiting []*Pull    // guarded by mu: in the order in which they were used
	taken   int        // guarded by mu: how many of these are answered already, or about to be
	hands   int        // guarded by mu: goroutines that answer
	idle    *sync.Cond // of mu: hands is 0
}

// NewCrew makes a crew. Wait joins its goroutines.
func NewCrew() *Crew {
	c := &Crew{}
	c.idle = sync.NewCond(&c.mu)
	return c
}

// maxKept is how many pulls there is room for while none waits.
const maxKept = 1 << 12

// call has a pull answered. It is called under any lock.
func (c *Crew) call(p *Pull) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = append(c.waiting, p)
	if c.hands < runtime.GOMAXPROCS(0) {
		c.hands++
		go c.work()
	}
}

// work answers pulls as long as there are any.
func (c *Crew) work() {
	const together = 16 // so that several hands share them
	var some [together]*Pull
	for {
		n := c.take(some[:])
		if n == 0 {
			return
		}
		for _, p := range some[:n] {
			if !p.Helper.Answer() {
				p.Bell.Ring()
			}
		}
	}
}

// take moves some of the waiting to a hand; none, and the hand is done.
func (c *Crew) take(some []*Pull) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n = copy(some, c.waiting[c.taken:]); n == 0 {
		if clear(c.waiting); cap(c.waiting) > maxKept {
			c.waiting = nil
		}
		c.waiting, c.taken = c.waiting[:0], 0
		if c.hands--; c.hands == 0 {
			c.idle.Broadcast()
		}
		return 0
	}
	c.taken += n
	return n
}

// Wait waits until all that is waiting has been answered.
func (c *Crew) Wait() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.hands > 0 {
		c.idle.Wait()
	}
}
