package collection

import (
	"encoding/json"
	"sync/atomic"
)

const (
	// MaxRowsAnswer bounds the answer that brings several rows, in bytes.
	MaxRowsAnswer = 512 << 10
	// firstRows is how many are asked for while nobody knows what they take.
	firstRows = 102 // a page of 100, see historian.walk
	// weightMemory is for how many rows a weight stands, beside those that come.
	weightMemory = 32
)

// weight is about what a row takes in an answer, in bytes, as the last ones did; 0 is not
// known. It may be used by any goroutine.
type weight struct{ bytes atomic.Int64 }

// learn notes the rows of an answer. Of two at once one may be lost.
func (w *weight) learn(items []json.RawMessage) {
	if len(items) == 0 {
		return
	}
	sum := 0
	for _, raw := range items {
		sum += len(raw)
	}
	n := int64(len(items))
	if old := w.bytes.Load(); old == 0 {
		w.bytes.Store(max(1, int64(sum)/n))
	} else {
		w.bytes.Store(max(1, (old*weightMemory+int64(sum))/(weightMemory+n)))
	}
}

// fit is how many rows probably fit into an answer; one more than one, so that they can
// be told from those of one date.
func (w *weight) fit() int {
	each := w.bytes.Load()
	if each == 0 {
		return firstRows
	}
	return int(max(2, MaxRowsAnswer/4*3/each))
}
