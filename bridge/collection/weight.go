package collection

import (
	"encoding/json"
	"sync/atomic"
)

const (
	// MaxRowsAnswer bounds the answer that brings several rows, in bytes.
	MaxRowsAnswer = 512 << 10
	// firstRows is how many rows are asked for while their size is unknown: a page of 100
	// for a client, and the two by which a page of history is known to go on.
	firstRows = 102
	// weightMemory is how many rows the mean so far counts for when new rows are added.
	weightMemory = 32
)

// weight is a moving average of the size of a row in an answer, in bytes; 0: not known. Any
// goroutine may use it.
type weight struct{ bytes atomic.Int64 }

// learn adds the rows of an answer to the average. One of two concurrent answers may be
// lost.
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

// fit returns how many rows probably fit into an answer, at least two: a page of one row
// would look like a tie.
func (w *weight) fit() int {
	each := w.bytes.Load()
	if each == 0 {
		return firstRows
	}
	return int(max(2, MaxRowsAnswer/4*3/each))
}
