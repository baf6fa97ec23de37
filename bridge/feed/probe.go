package feed

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

const (
	// probePeriod is the longest time between two probes of a feed. With probeGrace, and the
	// time that Directus takes to answer, a row is no later than ten seconds whatever becomes
	// of its event.
	probePeriod = 8 * time.Second
	// doubtPeriod is that of a feed in doubt, and doubtLife how long a feed is in doubt after
	// it has found a row without an event.
	doubtPeriod = 3 * time.Second
	doubtLife   = 10 * time.Minute
	// probeGrace is how long a row that a probe has found may wait for its event before the
	// collection is read.
	probeGrace = time.Second
	// eventGrace is how much later than a row the event may come that tells of it, and
	// longestGrace the same while late events keep coming, as in an import.
	eventGrace   = 5 * time.Second
	longestGrace = time.Minute
	// maxUnheard bounds the rows that are remembered until their events have come.
	maxUnheard = 512
)

// probe finds rows whose events never come: those that another process of Directus has stored
// where the processes have no Redis in common, and those of Flows or SQL. Where keys do not
// count up, or nothing follows, nothing else shows that such a row is missing. A feed asks for
// the keys of what was stored lately; that they are those of rows that it has seen costs
// Directus a small query. Otherwise the collection is read.
//
// A feed is in doubt for some time after it has found such a row. Then it asks more often, and
// reads the collection before it shows a row that does not follow the one before it.
//
// It belongs to run.
type probe struct {
	timer   *time.Timer          // when the feed asks next
	asked   *question            // that is not answered; nil: there is none
	answer  chan answer          // to it; has room for one
	reached []reach              // by the probes since one has failed or was left out
	found   []string             // unseen keys whose events may be on their way
	sought  []string             // keys for which the collection was read last
	strange map[string]struct{}  // keys that a reading has not found
	unheard map[string]time.Time // rows that were read, and when, of which no event has told yet
	heard   time.Time            // when the event of one of these came last
	blind   bool                 // the next reading is to find what events could not tell
	doubted time.Time            // when a row without an event was found last
}

// reach is the newest date that a feed knew when it asked.
type reach struct {
	at     time.Time
	newest time.Time
}

// expectAll says that events may be missing for a known reason, as after a lost link.
func (p *probe) expectAll() {
	p.blind, p.unheard, p.found, p.reached = true, nil, nil, nil
}

// inDoubt reports that a row without an event was found lately.
func (p *probe) inDoubt() bool { return !p.doubted.IsZero() && time.Since(p.doubted) < doubtLife }

// unannounced says what is wrong where rows come without events.
const unannounced = "Directus has stored messages without telling of them, so they are found late, by asking every few seconds: " +
	"several processes of Directus need one Redis (REDIS or REDIS_HOST in the environment of each); Flows and SQL may also store without events"

// noteRead notes rows that were published because a reading has found them.
func (f *Feed) noteRead(rows []collection.Row) {
	p := &f.probe
	if p.blind {
		return
	}
	if p.unheard == nil {
		p.unheard = map[string]time.Time{}
	}
	for _, r := range rows {
		if len(p.unheard) < maxUnheard && !f.reorder.holds(nil, []string{r.ID}) {
			p.unheard[r.ID] = time.Now()
		}
	}
}

// hear notes rows that an event has told of.
func (p *probe) hear(rows []collection.Row) {
	for _, r := range rows {
		if _, read := p.unheard[r.ID]; read {
			delete(p.unheard, r.ID)
			p.heard = time.Now()
		}
	}
}

// judge counts the rows that no event has told of in time.
func (p *probe) judge() (n int) {
	for id, at := range p.unheard {
		if since := time.Since(at); since >= longestGrace || since >= eventGrace && time.Since(p.heard) >= eventGrace {
			delete(p.unheard, id)
			n++
		}
	}
	if n > 0 {
		p.doubted = time.Now()
	}
	return n
}

// lookAround begins a probe, or looks whether the events have come of what was found a moment
// ago; if not, the collection is to be read.
func (f *Feed) lookAround(ctx context.Context) {
	p := &f.probe
	if n := p.judge(); n > 0 && f.watch.count(n) {
		f.leader.Log().Warn().Str("collection", f.Group.Collection).Int("messages", n).Msg(unannounced)
	}
	switch {
	case f.gap || f.mute || !f.cursor.set || !f.sub.Active(): // it is read as soon as it can be
		p.found, p.reached = nil, nil
	case len(p.found) > 0:
		if p.found = slices.DeleteFunc(p.found, f.hasSeen); len(p.found) > 0 {
			p.sought = p.found
			f.readAtOnce()
			f.watch.alarm(f)
		}
		p.found = nil
	default:
		p.giveUp(f.hasSeen)
		p.asked = f.question()
		go p.asked.put(ctx, f.leader.Log(), p.answer) // joined by join
		return                                        // the timer is set when the answer comes
	}
	p.timer.Reset(f.probePause())
}

// join waits for the answer to a probe, whose context has ended.
func (p *probe) join() {
	if p.asked != nil {
		<-p.answer
	}
}

// readAtOnce makes the collection be read, as events may be missing.
func (f *Feed) readAtOnce() {
	f.gap, f.lapsed = true, true
	if f.refused.IsZero() {
		f.notBefore = time.Time{}
	}
}

// probePause is the time until the next probe.
func (f *Feed) probePause() time.Duration {
	if f.probe.inDoubt() {
		return doubtPeriod
	}
	return spread(f.watch.period(f))
}

// learn takes the answer to a probe.
func (f *Feed) learn(a answer) {
	p := &f.probe
	q, wait := p.asked, f.probePause()
	p.asked = nil
	switch {
	case q.account != f.leader.Account(): // it says nothing of what the present leader may read
	case errors.Is(a.err, collection.ErrMoved):
		f.readAtOnce()
	case a.err != nil:
		p.reached = nil
		f.leader.Log().Debug().Err(a.err).Str("collection", f.Group.Collection).Msg("probe")
	default:
		p.reached = append(p.reached, q.reach)
		p.found = slices.DeleteFunc(a.keys, func(id string) bool { _, strange := p.strange[id]; return strange || f.hasSeen(id) })
		if len(p.found) > 0 {
			wait = probeGrace
		}
	}
	p.timer.Reset(wait)
}

// giveUp notes that a reading has not found keys that it was to find. Such are rows whose date
// cannot be read, and rows that are gone.
func (p *probe) giveUp(seen func(string) bool) {
	for _, id := range slices.DeleteFunc(p.sought, seen) {
		if p.strange == nil || len(p.strange) >= maxUnheard {
			p.strange = map[string]struct{}{}
		}
		p.strange[id] = struct{}{}
	}
	p.sought = nil
}

// question is one probe: it asks for the keys of the rows that match a filter. Immutable.
type question struct {
	account *directus.Account
	group   *collection.Group
	filter  directus.Filter
	most    int // keys; more say that something is new
	reach   reach
}

// answer is what Directus has answered to it.
type answer struct {
	keys []string
	err  error
}

// put asks Directus, while run goes on, and leaves the answer, which has room.
func (q *question) put(ctx context.Context, log *zerolog.Logger, to chan<- answer) {
	var a answer
	panicked := ircd.Recover(log, func() error {
		a.keys, a.err = collection.ReadKeys(ctx, q.account, q.group, q.filter, q.most)
		return nil
	})
	if panicked != nil {
		a.err = panicked
	}
	to <- a
}

// question asks for what was stored lately.
func (f *Feed) question() *question {
	q := &question{account: f.leader.Account(), group: f.Group, filter: f.Group.Filter, most: 1}
	from, key := f.askFrom()
	f.mu.Lock()
	q.reach = reach{time.Now(), f.newest}
	f.mu.Unlock()
	if f.Group.Dates.Known() { // else nothing was ever read, and anything is new
		q.most, q.filter = f.countSeenSince(from)+collection.PageSize, directus.And(q.filter, f.Group.Dates.From(from))
	}
	if key != "" {
		q.filter = directus.And(q.filter, directus.Compare(f.Group.Fields.Key(), "_gte", collection.KeyValue(key)))
	}
	return q
}

// askFrom is the date from which on a feed asks, and the key, empty if any key may be new. As
// long as it has asked without a break it asks from the date of the newest row that it knew
// for longer than collection.Overlap: what is dated before that and becomes visible now is
// later than its date by more than a reading allows for. A quiet feed asks for its last row.
func (f *Feed) askFrom() (from time.Time, key string) {
	p := &f.probe
	for len(p.reached) > 1 && time.Since(p.reached[1].at) > collection.Overlap+2*probePeriod {
		p.reached = p.reached[1:]
	}
	if from, _, back := f.sweepable(); back {
		return from, ""
	}
	from = f.cursor.date.Add(-collection.Overlap)
	if len(p.reached) > 0 && time.Since(p.reached[0].at) > collection.Overlap+2*probePeriod && p.reached[0].newest.After(from) {
		from = p.reached[0].newest
	}
	return from, f.firstKey(from)
}

// firstKey is a key below which nothing is new that is dated from a moment on; empty where
// keys do not count up. A database without an index on the date finds by the key what would
// take it a look at every row.
func (f *Feed) firstKey(from time.Time) (key string) {
	if !f.Group.Dates.HaveNumbers() {
		return ""
	}
	then, later := "", "" // the highest key of that date, and the lowest of all later ones
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, m := range f.seen {
		switch {
		case m.date.Before(from):
		case !collection.IsNumber(id):
			return ""
		case m.date.Equal(from) && (then == "" || collection.CompareIDs(id, then) > 0):
			then = id
		case m.date.After(from) && (later == "" || collection.CompareIDs(id, later) < 0):
			later = id
		}
	}
	if then == "" || later != "" && collection.CompareIDs(later, then) < 0 {
		return later
	}
	return then
}
