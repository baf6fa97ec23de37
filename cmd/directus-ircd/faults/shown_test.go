package faults

import (
	"slices"
	"time"

	"directus-ircd/directus/directustest"
)

// judgeCount finds what a connection showed twice. A client that pages knows messages by their ids, so that to it only
// what comes twice in the same way, or under two ids, is double.
func (w *world) judgeCount(sum *tally, r *reader, shown map[key]int, mine []sighting, store *collection) {
	if r.style != paging {
		for k, n := range shown {
			if extra := n - max(store.times[k], 1); extra > 0 {
				sum.doubled += extra
				w.blame("doubled: %s was shown %v %d times", r.name, k, n)
			}
		}
		return
	}
	type way struct {
		key  key
		live bool
	}
	ids := map[key]string{}
	ways := map[way]int{}
	for _, s := range mine {
		if id, ok := ids[s.key]; ok && id != s.msgid && store.times[s.key] == 1 {
			sum.doubled++
			w.blame("doubled: %s was shown %v as %s and %s", r.name, s, id, s.msgid)
		}
		ids[s.key] = s.msgid
		in := way{s.key, s.page == 0}
		if ways[in]++; ways[in] > store.times[s.key] {
			sum.doubled++
			w.blame("doubled: %s was shown %v twice, live: %v", r.name, s, in.live)
		}
	}
}

// proof is how long it takes until what a device was shown is known to be received, and written down: the daemon waits
// ten times as long as it last wrote, which a busy disk makes seconds.
const proof = 15 * time.Second

// judgeResuming finds what a device was shown on an earlier connection and now again.
func (w *world) judgeResuming(sum *tally, r *reader, mine []sighting, end time.Time, before map[key]time.Duration) {
	for _, s := range mine {
		left, again := before[s.key]
		switch {
		case again && left < proof:
			sum.again++
		case again:
			sum.doubled++
			w.blame("doubled: %s was shown %v again, which it had seen %v before the end of another connection", r.name, s, left)
		}
	}
	for _, s := range mine {
		before[s.key] = end.Sub(s.at)
	}
}

// judgeHoles finds what is missing between what a connection showed, from the backlog to the very end where it lasted that
// long.
func (w *world) judgeHoles(sum *tally, r *reader, shown map[key]int, channel string, store *collection, final bool) {
	first, last := len(store.rows), -1
	for k := range shown {
		if place, ok := store.of[k]; ok && store.times[k] == 1 { // else it is not known which of them was shown
			first, last = min(first, place), max(last, place)
		}
	}
	if final {
		last = len(store.rows) - 1
		if !r.told[channel] {
			first = min(first, max(0, len(store.rows)-backlog))
		}
	}
	for place := first; place <= last; place++ {
		if k := store.rows[place].key; shown[k] == 0 && w.mayRead(r.person, k, channel) {
			sum.lost++
			w.blame("lost: %s was not shown %v, place %d of %d to %d, final: %v", r.name, k, place, first, last, final)
		}
	}
}

// judgeAll finds what no connection showed.
func (w *world) judgeAll(sum *tally, r *reader, everything map[key]bool, channel string, store *collection) {
	for _, row := range store.rows {
		switch {
		case everything[row.key] || !w.mayRead(r.person, row.key, channel):
		case r.told[channel]:
			sum.leftOut++
		default:
			sum.lost++
			w.blame("lost: %s was not shown %v", r.name, row.key)
		}
	}
}

// glimpse is a message as a reader was shown it.
type glimpse struct {
	row  row
	late time.Duration // behind its date
}

// judgeOrder finds what was shown behind a later message, live and in each answer, and says how late both were shown.
func (w *world) judgeOrder(sum *tally, r *reader, mine []sighting, store *collection) {
	shown := map[int][]glimpse{}
	for _, s := range mine {
		place, ok := store.of[s.key]
		if !ok || store.times[s.key] > 1 { // which of them it is nobody knows
			continue
		}
		now := glimpse{store.rows[place], s.at.Sub(store.rows[place].date)}
		if i := slices.IndexFunc(shown[s.page], func(before glimpse) bool { return w.belongsBehind(before.row, now.row, s.page) }); i >= 0 {
			before := shown[s.page][i]
			sum.disordered++
			w.blame("out of order: %s was shown %v %v after it was stored, behind %v, which is %v younger and was shown %v after it was stored, page %d",
				r.name, s, now.late.Round(time.Millisecond), before.row.key, before.row.date.Sub(now.row.date), before.late.Round(time.Millisecond), s.page)
			continue
		}
		shown[s.page] = append(shown[s.page], now)
	}
}

// belongsBehind reports whether a message that was shown first belongs behind another one. History goes by dates. Live, it
// does where its key says so too: of messages that are written at the same time, a database that stores them side by side
// may give the one with the later date the lower key. And what such a database has not stored yet nobody can be shown.
func (w *world) belongsBehind(first, other row, page int) bool {
	switch {
	case first.place < other.place:
		return false
	case page > 0:
		return true
	case w.dx.Database() == directustest.SQLite:
		return first.id > other.id
	}
	return first.id > other.id && !w.together(first.key, other.key)
}

// together reports whether two messages were written at the same time: each was sent before the answer to the other came.
func (w *world) together(x, y key) bool {
	a, b := w.book.letters[x], w.book.letters[y]
	return a != nil && b != nil && a.asked.Before(b.known) && b.asked.Before(a.known)
}
