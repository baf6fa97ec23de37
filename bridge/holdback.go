package bridge

import (
	"directus-ircd/bridge/collection"
	"slices"
	"strconv"
	"time"
)

const (
	// firstPatience is how long a row waits for one that is missing before it,
	// until more is known, and maxPatience the most.
	firstPatience = 20 * time.Millisecond
	maxPatience   = 100 * time.Millisecond
	// maxMissing is how many keys may be missing in a row; more is an import, or
	// keys that do not count.
	maxMissing = 64
	// maxSkipped is how many of those waited for in vain are remembered.
	maxSkipped = 64
	// longRow is the number of rows without a gap after which gaps count again.
	longRow = 16
)

// holdback puts new rows in order whose events come in another: Directus reads an
// item once for every subscription, all at the same time. Where keys are numbers
// that count up, a key that is missing shows that something older is under way, or
// lost: what is behind it waits, and if it does not come soon, the collection is
// read. A lone message never waits.
//
// How long is learnt. What never comes, because the user may not read it or it was
// never stored, is waited for half as long the next time, down to nothing; what
// comes too late makes the patience twice its delay, and a long row without a gap
// brings back the first one. Of a part of a collection, by a filter or by rights, most
// rows have a gap before them: there nothing waits soon, until one was late.
type holdback struct {
	next     uint64 // the key expected next; 0: not known
	held     []heldRow
	patience time.Duration
	row      int // rows since the last gap
	skipped  []skip
}

type heldRow struct {
	collection.Row
	key uint64
	at  time.Time // when it came
}

// skip is a range of keys that were not waited for any longer.
type skip struct {
	from, to uint64    // to is not among them
	at       time.Time // when the row behind them came
}

func newHoldback() holdback { return holdback{patience: firstPatience} }

// add takes rows that have come and returns those whose turn it is, in the order
// of their keys; see due.
func (h *holdback) add(rows []collection.Row, now time.Time) (turn []collection.Row, missing bool) {
	for _, r := range rows {
		key, err := strconv.ParseUint(r.ID, 10, 63)
		switch {
		case err != nil || !r.HasNumber():
			turn = append(turn, r)
			continue
		case h.next == 0:
			h.next = key
		case key < h.next:
			h.late(key, now)
		}
		h.held = append(h.held, heldRow{r, key, now})
	}
	slices.SortStableFunc(h.held, func(a, b heldRow) int { return collection.CompareIDs(a.ID, b.ID) })
	next, missing := h.due(now)
	return append(turn, next...), missing
}

// due returns the rows whose turn has come. missing says that what the others wait
// for has not come in time: then read the collection, and flush.
func (h *holdback) due(now time.Time) (turn []collection.Row, missing bool) {
	for len(h.held) > 0 {
		front := h.held[0]
		if front.key > h.next && h.isWorthIt(front.key) {
			if now.Before(h.deadline()) {
				break
			}
			if h.skip(front) {
				return turn, true
			}
		}
		h.next = max(h.next, front.key+1)
		turn = append(turn, front.Row)
		h.held = h.held[1:]
		if h.row++; h.row >= longRow {
			h.patience = max(h.patience, firstPatience)
		}
	}
	return turn, false
}

func (h *holdback) isWorthIt(key uint64) bool { return key-h.next <= maxMissing }

// deadline is when the wait for what is missing before the first held row ends:
// counted from the first of the rows that wait. It is zero if none does.
func (h *holdback) deadline() time.Time {
	var first time.Time
	for _, r := range h.held {
		if first.IsZero() || r.at.Before(first) {
			first = r.at
		}
	}
	if first.IsZero() {
		return first
	}
	return first.Add(h.patience)
}

// skip gives up what is missing before a row; true if it was waited for.
func (h *holdback) skip(front heldRow) (waited bool) {
	h.skipped = append(h.skipped, skip{h.next, front.key, front.at})
	if len(h.skipped) > maxSkipped {
		h.skipped = h.skipped[1:]
	}
	waited = h.patience > 0
	if h.patience /= 2; h.patience < time.Millisecond {
		h.patience = 0
	}
	h.next, h.row = front.key, 0
	return waited
}

// late learns from a row that came after its turn.
func (h *holdback) late(key uint64, now time.Time) {
	for _, s := range h.skipped {
		if key >= s.from && key < s.to {
			h.patience = min(max(2*now.Sub(s.at), h.patience, firstPatience), maxPatience)
			return
		}
	}
}

// flush gives up waiting and returns all rows that wait.
func (h *holdback) flush() (turn []collection.Row) {
	for _, r := range h.held {
		turn = append(turn, r.Row)
		h.next = max(h.next, r.key+1)
	}
	h.held = nil
	return turn
}

// read notes rows that the collection holds: what comes next is behind them.
func (h *holdback) read(rows []collection.Row) {
	for _, r := range rows {
		if key, err := strconv.ParseUint(r.ID, 10, 63); err == nil && r.HasNumber() {
			h.next = max(h.next, key+1)
		}
	}
}
