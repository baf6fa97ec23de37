// Package bell wakes a goroutine that waits for several things.
package bell

import "sync/atomic"

// Bell is readable after it was rung. Being rung several times before it is read counts
// once. Any goroutine may ring it, under any lock.
type Bell chan struct{}

// New returns a bell that was not rung.
func New() Bell { return make(Bell, 1) }

// Ring never blocks.
func (b Bell) Ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}

// Pull is one of several that ring the same bell. To wait for the bell alone and then look who
// has rung costs a fraction of a select over as many channels. The zero Pull rings none.
type Pull struct {
	Bell Bell // static
	rung atomic.Bool
}

// Ring never blocks, and may be called by any goroutine.
func (p *Pull) Ring() {
	if p.Bell != nil && !p.rung.Swap(true) {
		p.Bell.Ring()
	}
}

// Rung reports whether the pull was used since the last call. Whoever has heard the bell asks
// all pulls.
func (p *Pull) Rung() bool { return p.rung.Load() && p.rung.Swap(false) }

// Pass rings the bell even if the pull was used already: for those who have heard it in the
// place of its owner.
func (p *Pull) Pass() {
	p.rung.Store(true)
	p.Bell.Ring()
}
