package simulation

import (
	"slices"
	"time"
)

// lateness is how long it may take until a message is shown whose event Directus has lost: until the next regular reading of
// the collection, as a half longer than five minutes at most, and as long as an outage meanwhile lasts.
const lateness = 9 * time.Minute

// mostMissing is how many messages in a row may lack their events so that the daemon surely waits for them.
const mostMissing = 64

// reading is what a client was shown of a channel, held against what is stored there.
type reading struct {
	w     *world
	c     *client
	ch    channelSpec
	rows  []*record // in the order of the collection
	place map[int]int
	sent  map[int]bool // by the client itself
	back  *setBack
	mine  []sighting
	own   []sighting // of mine: lines that the client had sent, as they were shown at once
}

func newReading(w *world, c *client, ch channelSpec, mine []sighting, rows []*record) *reading {
	r := &reading{w: w, c: c, ch: ch, rows: rows, mine: mine, place: map[int]int{}, sent: map[int]bool{}}
	for i, row := range rows {
		r.place[row.message] = i
	}
	for _, l := range c.letters {
		r.sent[l.token.n] = true
	}
	for _, s := range mine {
		if r.sent[s.token.n] && s.page == 0 && !s.past {
			r.own = append(r.own, s)
		}
	}
	r.back = newSetBack(r)
	return r
}

// span is a time for which a client is to be shown everything: a visit, or all visits of a client that goes on from where
// it was.
type span struct {
	begin  time.Time // what is stored from then on is to be shown
	life   int       // of the daemon, in which it begins
	sights []sighting
	end    time.Time
	final  bool // the client is there when all has come to rest
	first  visit
}

func (r *reading) judge() {
	r.judgeOrder()
	for _, s := range r.spans() {
		r.judgeHoles(s)
	}
}

// row is what a sighting shows; false if nothing can be said about it: it was stored under another date, or again (see restored),
// or it could not be read all the time.
func (r *reading) row(s sighting) (*record, bool) {
	i, known := r.place[s.token.n]
	if !known || r.w.chronicle.restored(s.token.n) || dated(r.rows[i]) || !r.w.whole(r.c, r.ch, r.rows[i], r.w.start, s.at) {
		return nil, false
	}
	return r.rows[i], true
}

// disturbed reports whether events did not come, or not in order, when a message was stored.
func (r *reading) disturbed(row *record) bool {
	return r.isUnannounced(row) || during(r.w.reversals, row.stored())
}

// isUnannounced reports whether the event of a message may not have come, or long after it was stored.
func (r *reading) isUnannounced(row *record) bool {
	return slices.ContainsFunc(r.w.chronicle.deprived(row), func(person int) bool { return r.w.mayCarry(person, row.stored()) }) ||
		during(r.w.disorders, row.stored())
}

func during(times []stay, at time.Time) bool {
	return slices.ContainsFunc(times, func(s stay) bool { return !at.Before(s.begin) && !at.After(s.end) })
}

// mayChangePlaces reports whether a message may be shown behind later ones. That events came in reverse is no excuse where
// keys are numbers that count up: one that is missing shows, and what is behind it waits. But in front of the first of a
// collection nothing is known to be missing, many missing keys may be a jump, and what is behind a gap waits for long only
// where rights and filters leave few of them.
func (r *reading) mayChangePlaces(row *record) bool {
	if r.isUnannounced(row) || r.ch.uuids(r.w.scenario.settings) {
		return r.disturbed(row)
	}
	gaps := slices.ContainsFunc(r.w.chronicle.rights[r.c.spec.person], func(s rights) bool { return s.rule[r.ch.collection] }) ||
		slices.ContainsFunc(r.w.reloads, func(t time.Time) bool { return row.stored().After(t) && row.stored().Sub(t) < regrouping })
	hidden := slices.ContainsFunc(r.w.reversals, func(s stay) bool {
		before, _ := slices.BinarySearchFunc(r.back.stored, s.begin, time.Time.Compare)
		by, _ := slices.BinarySearchFunc(r.back.stored, s.end.Add(1), time.Time.Compare)
		return during([]stay{s}, row.stored()) && (before == 0 || by-before > mostMissing)
	})
	return (gaps || hidden) && r.disturbed(row)
}

// mayCarry reports whether a person may have carried the feed of others at a moment: users share feeds where Directus says
// what they may read, and one who has gone keeps a feed for a while.
func (w *world) mayCarry(person int, at time.Time) bool {
	return w.shared && slices.ContainsFunc(w.clients, func(c *client) bool {
		return c.spec.person == person && slices.ContainsFunc(c.stays, func(s stay) bool {
			return s.begin.Before(at) && (s.end.IsZero() || s.end.Add(35*time.Second).After(at))
		})
	})
}

// before reports whether a message comes before another. Keys that do not count up put those of one moment in no order that
// events would have, and what was stored later, while the clock of Directus was set back, is shown when it comes.
func (r *reading) before(a, b *record) bool {
	if a.stored().After(b.stored()) {
		return false
	}
	if r.ch.uuids(r.w.scenario.settings) {
		return a.date().Before(b.date())
	}
	return r.place[a.message] < r.place[b.message]
}

// judgeOrder: what is shown comes in the order of the collection, unless events did not; one's own line is shown as soon as
// it is stored.
func (r *reading) judgeOrder() {
	newest := map[[3]int]*record{}
	for _, s := range r.mine {
		row, ok := r.row(s)
		if !ok || r.sent[row.message] || s.page == 0 && r.back.behind[row.message] && r.disturbed(row) {
			continue
		}
		if s.page == 0 && !s.past && s.at.Sub(row.stored()) > lateness && s.at.Sub(r.visit(s).begin) > lateness {
			r.w.fail("late: %s was shown m%d in %s at %.3f, stored at %.3f", r.c.name, row.message, r.ch.name, r.w.since(s.at), r.w.since(row.stored()))
		}
		if s.page == 0 && r.mayChangePlaces(row) {
			continue
		}
		r.w.verdict["nothing is out of order"]++
		in := [3]int{s.stay, s.epoch, s.page}
		if s.past {
			in[2] = -1 // a backlog that could not be read in time follows what has come meanwhile
		}
		if last := newest[in]; last != nil && r.before(row, last) {
			r.w.fail("out of order: %s was shown m%d in %s at %.3f behind m%d, which is %v younger", r.c.name, row.message, r.ch.name,
				r.w.since(s.at), last.message, last.date().Sub(row.date()))
			continue
		}
		newest[in] = row
	}
}

// visit is the one in which something was shown.
func (r *reading) visit(s sighting) (v visit) {
	for _, v := range r.c.visits {
		if v.channel == r.ch.name && v.epoch == s.epoch {
			return v
		}
	}
	return v
}

// spans are those of the client in the channel. One begins anew where the client was told that it has missed more than it is
// shown (of a device: more than resume.max_messages), and how to ask for that: none but the latest follow then.
func (r *reading) spans() (spans []*span) {
	over := r.goesOn()
	for _, v := range r.c.visits {
		if v.channel != r.ch.name {
			continue
		}
		var s *span
		life := r.c.stays[v.stay].life
		if !v.cut.IsZero() {
			s = &span{begin: v.cut, life: life}
			spans = append(spans, s)
		} else if n := len(spans); over && n > 0 && !r.w.wreckedBetween(spans[n-1].life, life) {
			s = spans[n-1]
		} else if !over || r.isProven(v) {
			s = &span{begin: v.begin, life: life, first: v}
			spans = append(spans, s)
		} else {
			continue
		}
		s.end, s.final = v.end, !v.begin.After(r.w.rest) && (v.end.IsZero() || v.end.Sub(r.w.rest) >= quiet)
		for _, seen := range r.mine {
			if seen.epoch == v.epoch {
				s.sights = append(s.sights, seen)
			}
		}
	}
	return spans
}

// goesOn reports whether the client goes on from where it was.
func (r *reading) goesOn() bool { return r.c.spec.kind == paging || r.c.spec.device != "" }

// isProven reports whether a visit lasted long enough for the daemon to know what has arrived.
func (r *reading) isProven(v visit) bool {
	if r.c.spec.kind == paging {
		return true
	}
	end := v.begin.Add(proof)
	if !v.end.IsZero() && v.end.Before(end) {
		return false
	}
	return !r.c.leavesUnproven(v.stay, end) && !slices.ContainsFunc(r.c.stalled, func(s stay) bool { return s.begin.Before(end) && s.end.After(v.begin) })
}

// brokeOff reports whether the connection of a client broke between the lines of a message that it cannot be sent as one: the
// first of them has the msgid, by draft/multiline, and the client goes on from there.
func (r *reading) brokeOff(row *record) bool {
	return slices.ContainsFunc(r.c.begun, func(b beginning) bool {
		end := r.c.stays[b.stay].end
		return b.key == row.key && b.channel == r.ch.name && !end.IsZero() && end.Sub(b.at) < time.Second
	})
}

// waited reports whether the client stayed in the channel long enough to be shown a message whose event was lost. One that
// asks for what is behind the newest message that it knows does not find what is in front of that, unless the daemon has
// found it itself and remembers it as late.
func (r *reading) waited(row *record) bool {
	return slices.ContainsFunc(r.c.visits, func(v visit) bool {
		return v.channel == r.ch.name && !v.begin.After(row.stored()) && (v.end.IsZero() || v.end.Sub(row.stored()) > lateness)
	})
}

// isBehindTheFuture reports whether a client came back to ask for what is behind a message that has a later date than one which
// was stored after it, as its date was given or the clock of Directus set back, and of which the daemon knew nothing: neither a
// date nor a msgid tells what came after a message, so that it finds only what its feeds have brought, in this life. That is to
// be shown, see TestRowsBehindARowOfTheFuture.
func (r *reading) isBehindTheFuture(row *record) bool {
	back := slices.IndexFunc(r.c.visits, func(v visit) bool { return v.channel == r.ch.name && v.begin.After(row.stored()) })
	if back < 0 {
		return false
	}
	begin, life := r.c.visits[back].begin, r.c.stays[r.c.visits[back].stay].life
	return slices.ContainsFunc(r.mine, func(s sighting) bool {
		i, known := r.place[s.token.n]
		return known && s.at.Before(begin) && r.rows[i].date().After(row.date()) && r.rows[i].stored().Before(row.stored())
	}) && !r.wasBrought(row, begin, life)
}

// isBehindOwn reports whether a client was in the channel when a message was stored, was shown a line of its own that was
// stored later or stands behind it, as all of one second do in the order of their keys, and came back to another life of the
// daemon: one's own line is shown as soon as it is stored, in front of what the feed has still to bring while Directus is
// slow, and that it was is known to the life in which it was shown, no longer.
func (r *reading) isBehindOwn(row *record) bool {
	return slices.ContainsFunc(r.own, func(s sighting) bool {
		v := r.visit(s)
		i, known := r.place[s.token.n]
		return known && (r.rows[i].stored().After(row.stored()) || i > r.place[row.message]) &&
			!v.begin.After(row.stored()) && !v.end.IsZero() && v.end.Sub(row.stored()) < lateness &&
			slices.ContainsFunc(r.w.restarts[r.c.stays[s.stay].life-1:], func(t time.Time) bool { return t.Sub(v.end) < lateness })
	})
}

// wasBrought reports whether a feed brought a message to somebody who did not send it, before a moment and in a life of the
// daemon.
func (r *reading) wasBrought(row *record, to time.Time, life int) bool {
	for _, c := range r.w.clients {
		if c.spec.person != r.w.book.author(row.message) && slices.ContainsFunc(c.sights, func(s sighting) bool {
			return s.token.n == row.message && s.channel == r.ch.name && s.page == 0 && !s.past && !s.edit &&
				s.at.Before(to) && c.stays[s.stay].life == life
		}) {
			return true
		}
	}
	return false
}

// first is the place of the oldest message of a span's backlog. A device that comes back while the clock of Directus is set
// back is shown the last minute by that clock, as directus-ircd-reliability(7) says. That may be older than the backlog with which the span has
// begun, and says nothing of what is between the two. Nor does what a feed finds late that was stored while the clock was
// set back, before somebody came: a plain client is shown that as if it were a backlog.
func (r *reading) first(s *span) int {
	first := len(r.rows)
	for _, seen := range s.sights {
		row, ok := r.row(seen)
		if !ok || r.sent[row.message] || !seen.past && seen.page == 0 || r.disturbed(row) {
			continue
		}
		if r.c.spec.device != "" && r.visit(seen).begin.After(s.begin) && r.w.mayRepeat(r.c, seen, row) {
			continue
		}
		if r.c.spec.kind == plain && r.back.behind[row.message] {
			continue
		}
		begin := s.begin // what was stored since then is due wherever it stands
		if r.c.spec.kind == paging {
			begin = r.visit(seen).begin
		}
		if i := r.place[row.message]; i < first && row.stored().Before(begin) {
			first = i
		}
	}
	return first
}

// hadBefore reports whether a client was shown something before a span that goes on from there: all do that of a device, however
// short the visits before were, and one of a client which was taken out of the channel and is back in it.
func (r *reading) hadBefore(s *span, seen sighting) bool {
	if r.goesOn() {
		return seen.at.Before(s.begin)
	}
	return s.first.back && seen.stay == s.first.stay && seen.epoch < s.first.epoch
}

// judgeHoles finds what is missing in what a client was shown.
func (r *reading) judgeHoles(s *span) {
	shown := map[int]bool{}
	for _, seen := range r.mine {
		if r.hadBefore(s, seen) {
			shown[seen.token.n] = true
		}
	}
	var newest *record // shown in its turn
	var at time.Time
	for _, seen := range s.sights {
		shown[seen.token.n] = true
		row, ok := r.row(seen)
		if ok && !seen.ahead && !r.sent[row.message] && !r.disturbed(row) && (newest == nil || r.before(newest, row)) {
			newest, at = row, seen.at
		}
	}
	if s.final {
		at = r.w.rest
	}
	first := r.first(s)
	for i, row := range r.rows {
		if i < first && (r.c.spec.kind == paging || !row.stored().After(s.begin)) || dated(row) || r.back.excuses(row) || r.sent[row.message] && r.c.spec.kind == plain {
			continue
		}
		if r.c.spec.kind == paging && (r.brokeOff(row) || r.disturbed(row) && !r.waited(row) || r.isBehindTheFuture(row) || r.isBehindOwn(row)) {
			continue
		}
		due := s.final || newest != nil && r.before(row, newest) && (!r.disturbed(row) || at.Sub(row.stored()) > lateness)
		if !due || !r.w.whole(r.c, r.ch, row, r.w.start, at) {
			continue
		}
		r.w.verdict["nothing is lost"]++
		if !shown[row.message] {
			r.w.fail("lost: %s was not shown m%d in %s, stored at %.3f", r.c.name, row.message, r.ch.name, r.w.since(row.stored()))
		}
	}
}

// since is a moment as the logs show it.
func (w *world) since(t time.Time) float64 { return t.Sub(w.start).Seconds() }

// dated reports whether an item was given another date than that of its storing.
func dated(r *record) bool { return r.date().IsZero() || r.given }

// uuids reports whether the keys of a channel's collection do not count up.
func (ch channelSpec) uuids(s settings) bool {
	return s.textKeys || s.uuidKeys == (ch.collection == "messages")
}
