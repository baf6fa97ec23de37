package collection

import (
	"slices"
	"sync"
	"time"
)

// maxOvertakes bounds the lines that are remembered as overtakes, the latest.
const maxOvertakes = 4096

// overtakes remembers the lines of clients that were shown to their senders at once, ahead
// of other rows that their feeds had still to deliver when the clients left. A client that
// fetches history from such a line on has not seen all rows in front of it. It is safe for
// concurrent use. The zero value is ready for use.
type overtakes struct {
	mu    sync.Mutex
	list  []Overtake // the oldest first; guarded by mu
	lines int        // in all of them; guarded by mu
}

// Overtake is the state in which one client has left a channel. Immutable.
type Overtake struct {
	User  string
	Lines map[string]time.Time // the display times of the client's lines, by key
	Seen  Bound                // the client has seen all in front of this bound, but for Waiting and what came after Arrived
	// Waiting are rows in front of Seen that the feed had for the client when it left: their keys and dates.
	Waiting []Row
	// Arrived is the place of the row that had come last by then, see latecomers.SoFar.
	Arrived int64
}

// Since is the place from which on late rows are missing to a client that goes on from a line at a place. The line has
// its place when the feed brings it, which may be later than the client was shown it; 0 if it is not known.
func (o Overtake) Since(place int64) int64 {
	if place == 0 {
		return o.Arrived
	}
	return min(place, o.Arrived)
}

// Missing are those of the rows that came late, and of those that waited, that the client has not been shown, in the order of the
// collection.
func (o Overtake) Missing(late []Row, in Bound) []Row {
	for _, r := range o.Waiting {
		if !in.IsInFrontOf(r) {
			late = append(late, r)
		}
	}
	slices.SortFunc(late, CompareRows)
	late = slices.CompactFunc(late, func(a, b Row) bool { return a.ID == b.ID })
	return slices.DeleteFunc(late, func(r Row) bool { _, own := o.Lines[r.ID]; return own })
}

// Note remembers an overtake, and forgets the oldest ones beyond maxOvertakes lines.
func (o *overtakes) Note(left Overtake) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.list, o.lines = append(o.list, left), o.lines+len(left.Lines)
	for o.lines > maxOvertakes && len(o.list) > 1 {
		o.lines -= len(o.list[0].Lines)
		o.list = slices.Delete(o.list, 0, 1)
	}
}

// Of finds the latest overtake of a user that has a line, which is named by its key or, if
// id is empty, by its display time.
func (o *overtakes) Of(user, id string, at time.Time) (Overtake, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, left := range slices.Backward(o.list) {
		if left.User != user {
			continue
		}
		for line, time := range left.Lines {
			if id == line || id == "" && time.Equal(at) {
				return left, true
			}
		}
	}
	return Overtake{}, false
}
