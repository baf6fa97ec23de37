package collection

import (
	"slices"
	"sync"
	"time"
)

// maxOvertakes bounds the lines that are remembered as overtakes, the latest.
const maxOvertakes = 4096

// overtakes remembers lines that clients which fetch history were shown as soon as they had
// sent them, in front of what their feeds had still to bring when they left. Who goes on from
// such a line has not seen all that lies in front of it. It is safe for concurrent use. The
// zero value is ready for use.
type overtakes struct {
	mu    sync.Mutex
	list  []Overtake // the oldest first; guarded by mu
	lines int        // in all of them; guarded by mu
}

// Overtake is what one client has left with. Immutable.
type Overtake struct {
	User  string
	Lines map[string]time.Time // the times of the client's lines, by key
	Seen  Bound                // what is in front of it the client has seen
}

func (o *overtakes) Note(left Overtake) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.list, o.lines = append(o.list, left), o.lines+len(left.Lines)
	for o.lines > maxOvertakes && len(o.list) > 1 {
		o.lines -= len(o.list[0].Lines)
		o.list = slices.Delete(o.list, 0, 1)
	}
}

// Of finds the latest of a user with a line, which is named by its key, or else by its time.
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
