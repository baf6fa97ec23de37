// Package bell wakes a goroutine that waits in a select.
package bell

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
