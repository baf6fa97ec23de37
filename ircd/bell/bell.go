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
	Bell   Bell    // static
	Helper *Helper // static; nil: none
	rung   atomic.Bool
}

// Helper is who answers a pull before the bell is rung: Crew calls Answer, and the bell is rung if
// that returns false. Answer must not wait, and calls Rung if it does what the pull is for.
type Helper struct {
	Crew   *Crew
	Answer func() bool
}

// Ring never blocks, and may be called by any goroutine.
func (p *Pull) Ring() {
	switch {
	case p.Bell == nil || p.rung.Swap(true):
	case p.Helper != nil:
		p.Helper.Crew.call(p)
	default:
		p.Bell.Ring()
	}
}

// Rung reports whether the pull was used since the last call. Whoever has heard the bell asks
// all pulls.
func (p *Pull) Rung() bool { return p.rung.Load() && p.rung.Swap(false) }

// Again undoes Rung: for an Answer that returns false.
func (p *Pull) Again() { p.rung.Store(true) }

// Pass rings the bell even if the pull was used already: for those who have heard it in the
// place of its owner.
func (p *Pull) Pass() {
	p.rung.Store(true)
	p.Bell.Ring()
}
