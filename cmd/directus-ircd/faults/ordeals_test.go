package faults

import "slices"

// ordeal is something that is not done by a fault of its own, or whose fault may come to nothing: that it came about
// is counted.
type ordeal string

const (
	staleCache   ordeal = "Directus answered from its cache, out of date"
	refusedHere  ordeal = "message refused by a Flow, its sender told why"
	filteredOut  ordeal = "item outside of every channel's filter"
	leftBehind   ordeal = "one of a user's clients behind the others"
	editTold     ordeal = "change by somebody else shown to a reader"
	deletionTold ordeal = "deletion by somebody else shown to a reader"
	sessionMoved ordeal = "session ended as its token was given to somebody else"
	otherOrder   ordeal = "namesakes come in another order to a new daemon"
	resumed      ordeal = "device back"
	exiled       ordeal = "reader taken out of a channel whose reading was forbidden"
)

var ordeals = []ordeal{
	staleCache, refusedHere, filteredOut, leftBehind, editTold, deletionTold, sessionMoved, otherOrder, resumed, exiled,
}

// met notes that a client, or the daemons, were put to an ordeal.
func (b *book) met(o ordeal) { b.do(func() { b.ordeals[o]++ }) }

// judgeOrdeals fails a whole run that has left something untried: it proves less than it says.
func (w *world) judgeOrdeals() {
	w.t.Helper()
	if *only != "" || w.givenUp {
		return
	}
	for _, o := range ordeals {
		if w.book.ordeals[o] == 0 {
			w.fail("never put to the test: %s", o)
		}
	}
	for _, f := range slices.Concat(faults, w.deploymentFaults()) {
		if w.book.faults[f.name] == 0 {
			w.fail("never committed: %s", f.name)
		}
	}
}
