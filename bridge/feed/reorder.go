package feed

import (
	"slices"
	"strconv"
	"time"

	"directus-ircd/bridge/collection"
)

const (
	// firstPatience is how long a row waits at first for a missing row before it, and
	// maxPatience how long it waits at most.
	firstPatience = 20 * time.Millisecond
	maxPatience   = 100 * time.Millisecond
	// leastPatience is the shortest wait, and regained how long it takes until one wait in
	// vain is forgotten: if most rows have a gap before them, the collection is read once
	// in that time.
	leastPatience = time.Millisecond
	regained      = 4 * time.Second
	// maxMissing is the largest gap that is waited for unless the last two keys were
	// consecutive: keys with larger gaps may not count up by one.
	maxMissing = 64
	// maxSkipped is how many gaps that were waited for in vain are remembered.
	maxSkipped = 64
	// firstKey is the lowest key that a database gives.
	firstKey = 1
	// longRow is the number of rows without a gap after which gaps count again.
	longRow = 16
)

// reorderBuffer puts new rows into the order of their keys when their events come in another
// order: Directus reads an item once for every subscription, concurrently. Where keys are
// numbers that count up, a missing key means that an older row is under way or lost: the rows
// behind it wait, and if it does not come soon, the collection is read. A message that has no
// gap before it never waits.
//
// The length of the wait, the patience, is learnt. A row that never comes, because the user
// may not read it or it was never stored, halves the patience, down to zero; a row that comes
// too late sets it to twice its delay. A long run without a gap restores firstPatience, and so
// does a reading that finds the missing row; a few seconds without a wait in vain double it.
// Where a filter or rights hide part of a collection, most rows may have a gap before them:
// few of them wait, until one is late.
//
// In a collection without rows the first key may be any, because those of deleted rows are not
// given again. The first row waits like one with a gap before it, unless its key is firstKey.
type reorderBuffer struct {
	next     uint64 // the key expected next; 0: not known
	held     []heldRow
	patience time.Duration
	row      int       // number of rows since the last gap
	counting bool      // the last row had its turn right behind the one before it
	vain     time.Time // when a wait was in vain last; moved on by regain
	skipped  []skip
	// strict makes each row wait for maxPatience that does not follow the one before it,
	// whatever its key is: rows come without events, see probe.
	strict bool
}

type heldRow struct {
	collection.Row
	key    uint64
	counts bool      // key is its key
	at     time.Time // when it came
}

// skip is a range of keys that were not waited for any longer.
type skip struct {
	from, to uint64    // to is not among them
	at       time.Time // when the row behind them came
	found    bool      // a reading has found one of them
}

func newReorderBuffer() reorderBuffer { return reorderBuffer{patience: firstPatience} }

// add takes rows that have come and returns those whose turn it is, which the caller puts into
// the order of the collection. missing is that of due.
func (b *reorderBuffer) add(rows []collection.Row, now time.Time) (turn []collection.Row, missing bool) {
	for _, r := range rows {
		key, counts := keyNumber(r)
		switch {
		case !counts && !b.strict:
			turn = append(turn, r)
			continue
		case !counts:
		case key < b.next:
			b.late(key, now)
		}
		b.held = append(b.held, heldRow{r, key, counts, now})
	}
	slices.SortStableFunc(b.held, func(x, y heldRow) int { return collection.CompareIDs(x.ID, y.ID) })
	next, missing := b.due(now)
	return append(turn, next...), missing
}

// due returns the rows whose turn has come. missing says that the row for which the others
// wait has not come in time: the caller reads the collection and calls flush.
func (b *reorderBuffer) due(now time.Time) (turn []collection.Row, missing bool) {
	for len(b.held) > 0 {
		front := b.held[0]
		expected := max(b.next, firstKey)
		follows, gap := front.key == expected, front.key > expected
		if !front.counts && b.strict {
			return turn, !now.Before(b.deadline())
		}
		if !front.counts { // it waited while b was strict, and what comes now does not wait
			turn = append(turn, front.Row)
			b.held = b.held[1:]
			continue
		}
		if gap && (b.strict || b.counting || b.next == 0 || front.key-b.next <= maxMissing) {
			b.regain(now)
			if now.Before(b.deadline()) {
				break
			}
			if b.skip(front, now) {
				return turn, true
			}
		}
		b.next, b.counting = max(b.next, front.key+1), follows
		turn = append(turn, front.Row)
		b.held = b.held[1:]
		if b.row++; b.row >= longRow {
			b.patience = max(b.patience, firstPatience)
		}
	}
	return turn, false
}

// keyNumber is the key of a row; counts is false if it is no number.
func keyNumber(r collection.Row) (key uint64, counts bool) {
	key, err := strconv.ParseUint(r.ID, 10, 63)
	return key, err == nil && r.HasNumber()
}

// deadline is when the wait for the row missing before the first held row ends: patience after
// the first of the held rows came. It is zero if no row is held.
func (b *reorderBuffer) deadline() time.Time {
	var first time.Time
	for _, r := range b.held {
		if first.IsZero() || r.at.Before(first) {
			first = r.at
		}
	}
	if first.IsZero() {
		return first
	}
	if b.strict {
		return first.Add(maxPatience)
	}
	return first.Add(b.patience)
}

// regain restores patience for the time in which no wait was in vain.
func (b *reorderBuffer) regain(now time.Time) {
	for b.patience < firstPatience && now.Sub(b.vain) >= regained {
		b.patience = min(max(2*b.patience, leastPatience), firstPatience)
		b.vain = b.vain.Add(regained)
	}
}

// skip gives up the rows missing before front; waited says that they were waited for.
func (b *reorderBuffer) skip(front heldRow, now time.Time) (waited bool) {
	b.skipped = append(b.skipped, skip{from: b.next, to: front.key, at: front.at})
	if len(b.skipped) > maxSkipped {
		b.skipped = b.skipped[1:]
	}
	if waited = b.patience > 0 || b.strict; waited {
		b.vain = now
	}
	if b.next > 0 {
		b.patience /= 2
	}
	if b.patience < leastPatience {
		b.patience = 0
	}
	b.next, b.row, b.counting = front.key, 0, false
	return waited
}

// late raises the patience because a row came after its gap was given up.
func (b *reorderBuffer) late(key uint64, now time.Time) {
	if i := b.skippedAt(key); i >= 0 {
		b.patience = min(max(2*now.Sub(b.skipped[i].at), b.patience, firstPatience), maxPatience)
	}
}

// flush gives up waiting and returns all rows that wait, in the order of the collection: that of
// keys which do not count up is another.
func (b *reorderBuffer) flush() (turn []collection.Row) {
	for _, r := range b.held {
		turn = append(turn, r.Row)
		if r.counts {
			b.next = max(b.next, r.key+1)
		}
	}
	b.held = nil
	slices.SortStableFunc(turn, collection.CompareRows)
	return turn
}

// holds reports whether any of some rows, or any row with one of some keys, waits here.
func (b *reorderBuffer) holds(rows []collection.Row, ids []string) bool {
	return slices.ContainsFunc(b.held, func(held heldRow) bool {
		return slices.Contains(ids, held.ID) || slices.ContainsFunc(rows, func(r collection.Row) bool { return r.ID == held.ID })
	})
}

// isAhead reports whether a row is newer than all rows that have had their turn.
func (b *reorderBuffer) isAhead(r collection.Row) bool {
	key, counts := keyNumber(r)
	return counts && b.next > 0 && key >= b.next
}

// read notes rows that a reading has found: rows to come have higher keys, and a wait for one
// of them was not in vain.
func (b *reorderBuffer) read(rows []collection.Row) {
	for _, r := range rows {
		key, counts := keyNumber(r)
		if !counts {
			continue
		}
		b.next = max(b.next, key+1)
		if i := b.skippedAt(key); i >= 0 && !b.skipped[i].found {
			b.skipped[i].found = true
			b.patience = max(b.patience, firstPatience)
		}
	}
}

// skippedAt is the place of the range in which a key was not waited for any longer; -1: in none.
func (b *reorderBuffer) skippedAt(key uint64) int {
	return slices.IndexFunc(b.skipped, func(s skip) bool { return key >= s.from && key < s.to })
}
