package collection

import "sync/atomic"

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
func (w *weight) learn(rows, bytes int) {
	if rows == 0 {
		return
	}
	old, memory := w.bytes.Load(), int64(weightMemory)
	if old == 0 {
		memory = 0
	}
	w.bytes.Store(max(1, (old*memory+int64(bytes))/(memory+int64(rows))))
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
