package feed

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
	"directus-ircd/ircd/bell"
)

const (
	// reconcilePeriod is how often a feed reads the collection again though nothing seems to
	// be missing: rows written by Flows, by SQL or on another node may come without an event.
	reconcilePeriod = 5 * time.Minute

	// maxSeen is how many keys are kept before the collection is read again early, which
	// moves the cursor and lets old keys go.
	maxSeen = 2048

	// replayedAfter is the age from which a caught-up message is marked as old.
	replayedAfter = time.Minute
	// retrySoon is the time between two failed reads while events keep coming.
	retrySoon = time.Second
	// troubleAfter is how many failed readings in a row are reported to users.
	troubleAfter = 3
)

// Feed brings the news of a group of channels: new messages and what becomes of those that were
// shown. A Set gives a feed its readers; one of them leads it, see leader.go.
type Feed struct {
	Key     Key
	Group   *collection.Group // of the key
	journal journal
	opened  time.Time // by the clock of Directus, as far as it was known
	edits   collection.Edits
	doubt   bell.Bell          // rung by Reread
	rung    bell.Bell          // the leader is to be elected again
	alarmed bell.Bell          // another feed has found a row without an event
	watch   *watch             // of the Set; set before run
	cancel  context.CancelFunc // ends run; guarded by Set.mu

	// Owned by run.
	sub           *directus.Subscription // of the leader
	gap           bool
	told          told
	lapsed        bool        // events about shown rows may have been lost, see review
	swept         time.Time   // when the last sweep ended
	reads         int         // complete readings so far
	full          int         // entries in seen beyond which the collection is read again early
	many          int64       // value of arrived beyond which it is read again early, see isCrowded
	next          *time.Timer // when the collection is read at the latest
	notBefore     time.Time   // when the collection is read at the soonest
	refused       time.Time   // when a reading failed last; zero: the last one succeeded
	failures      int         // consecutive failed readings
	denied        bool        // the last reading failed for lack of a right
	spared        int         // failures of the leader's link at the last election
	mute          bool        // the collection was never readable: sub stays closed until it is
	debounceTimer *time.Timer // when the next debounced edit is due
	debouncedAt   time.Time   // when edits were shown last
	reorder       reorderBuffer
	turn          *time.Timer // when the next row that waits for another has waited long enough
	probe         probe

	reactions reactionFeed

	mu        sync.Mutex
	deeds     *deeds                  // of all members; has a lock of its own
	leader    Member                  // see leader.go; written by run under mu, so that run reads it without
	down      bool                    // see IsDown; guarded by mu
	cursor    cursor                  // written by run under mu, so that run reads it without
	trust     trust                   // guarded by mu
	seen      map[string]mark         // by row id; guarded by mu
	first     map[string]time.Time    // see Dated; guarded by mu
	taken     map[string]time.Time    // rows found to be a message in doubt, with their dates; guarded by mu
	arrived   int64                   // rows seen so far; guarded by mu
	last      collection.Row          // the newest that was brought, no more than its key and date; guarded by mu
	newest    time.Time               // the newest date seen, never of the future nor before the cursor; guarded by mu
	ready     bool                    // read for the first time; guarded by mu
	awaited   JoinMoment              // see Promise; guarded by mu
	uuids     bool                    // keys are uuids, so that a client may choose them; guarded by mu
	err       error                   // why the collection cannot be read; guarded by mu
	failing   int                     // reads failed in a row; guarded by mu
	current   time.Time               // when the last complete catch-up began; guarded by mu
	reached   time.Time               // the date of cursor; guarded by mu
	base      time.Time               // the date from which all rows were looked at; guarded by mu
	shown     shownRows               // guarded by mu
	inherited inheritance             // guarded by mu
	moments   collection.DisplayTimes // guarded by mu
	debounced map[string]edit         // changed texts that may change again, by row id; guarded by mu
	missed    int                     // see misses; guarded by mu
	forgot    time.Time               // the newest date of a key let go from seen; guarded by mu
	stamped   int64                   // the last edit's number; guarded by mu
	changed   chan struct{}           // closed when ready or err changes; guarded by mu
}

// mark remembers a row that was published.
type mark struct {
	date    time.Time
	order   int64
	content uint64 // see ContentOf
	shown   bool   // in some channel, or by a backlog
}

// cursor says up to where the collection has been read. Only reads move it:
// an event says nothing about those before it.
type cursor struct {
	set  bool
	date time.Time // zero: the collection was empty
}

// New makes a feed that is led by its first reader; Set runs it.
func New(key Key, m Member, opened time.Time) *Feed {
	f := &Feed{
		Key: key, Group: key.Group, opened: opened, edits: key.Group.Edits,
		cancel:    func() {}, // until it is started
		deeds:     &deeds{},
		doubt:     bell.New(),
		rung:      bell.New(),
		alarmed:   bell.New(),
		probe:     probe{answer: make(chan answer, 1)},
		full:      maxSeen,
		reorder:   newReorderBuffer(),
		seen:      map[string]mark{},
		taken:     map[string]time.Time{},
		shown:     newShownRows(),
		inherited: inheritance{},
		moments:   collection.NewDisplayTimes(),
		debounced: map[string]edit{},
		changed:   make(chan struct{}),
	}
	f.lead(m)
	return f
}

// run follows the subscription until ctx ends; its caller joins it.
func (f *Feed) run(ctx context.Context) {
	defer f.unsubscribe()
	for _, timer := range []**time.Timer{&f.next, &f.debounceTimer, &f.turn, &f.probe.timer} {
		*timer = time.NewTimer(reconcilePeriod)
		defer (*timer).Stop()
	}
	f.probe.timer.Reset(rand.N(probePeriod))
	defer f.probe.join()
	var vouch <-chan time.Time // nobody else depends on what the leader of an unshared feed may read
	if f.Key.IsShared() {
		ticker := time.NewTicker(leaderCheck)
		defer ticker.Stop()
		vouch = ticker.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.sub.Wake():
		case <-f.debounceTimer.C:
		case <-f.turn.C:
		case <-f.reactionWake():
		case <-f.next.C:
			f.gap = true
		case <-f.probe.timer.C:
			if f.lookAround(ctx); !f.gap {
				continue
			}
		case a := <-f.probe.answer:
			if f.learn(a); !f.gap {
				continue
			}
		case <-f.alarmed:
			if f.probe.asked == nil {
				f.probe.timer.Reset(rand.N(time.Second))
			}
			continue
		case <-f.doubt:
			f.gap, f.notBefore, f.reactions.next = true, time.Time{}, time.Time{}
		case <-vouch:
			if errors.Is(f.confirm(ctx), errUnproven) {
				f.rung.Ring()
			}
			continue
		case <-f.rung:
			if m := f.elect(); m != nil && m != f.leader {
				f.lead(m)
				f.notBefore = time.Time{}
			}
		}
		f.look(ctx)
	}
}

// look applies the events that have come, and reads the collection if that is due.
func (f *Feed) look(ctx context.Context) {
	// In this order no reaction is looked at before its message.
	reactions, missed := f.drainReactions()
	events, gap := f.drain()
	if gap {
		f.probe.expectAll()
	}
	if f.gap || gap {
		f.noteMissed(events)
	}
	if soon := f.refused.Add(retrySoon); f.gap && (gap && !f.denied || len(events) > 0) && f.notBefore.After(soon) {
		// Directus tells of something: what was refused may be allowed again. As long
		// as it is not, there is an error in the place of each event, which is a gap.
		f.notBefore = soon
		f.next.Reset(time.Until(soon))
	}
	if f.gap && time.Now().Before(f.notBefore) {
		f.takeReactions(ctx, reactions, missed)
		if gap || len(events) > 0 {
			f.lapsed = true
			f.probe.expectAll()
		}
		return // the events are in the collection, which is read soon
	}
	reads := f.reads
	err := f.step(ctx, events, gap)
	f.takeReactions(ctx, reactions, missed)
	wait := f.outcome(err)
	if err == nil && !f.gap && f.reads == reads {
		return // events alone do not put the next reading off
	}
	wait = time.Duration(float64(wait) * (0.5 + rand.Float64()))
	f.notBefore = time.Now().Add(wait)
	f.next.Reset(wait)
}

// outcome records how a step has ended and returns the time until the next reading.
func (f *Feed) outcome(err error) (wait time.Duration) {
	wait = reconcilePeriod
	switch {
	case errors.Is(err, errUnproven):
		f.rung.Ring()
		f.refused, wait = time.Now(), time.Second
	case err != nil:
		if errors.Is(err, directus.ErrLoggedOut) {
			f.leader.End(err)
			f.rung.Ring()
		}
		f.failures++
		f.refused, f.denied = time.Now(), collection.IsForbidden(err)
		wait = time.Second << min(f.failures, 9)
		if f.denied { // a right that comes back is found by the periodic check of rights, or by an event
			wait = min(wait, reconcilePeriod)
			f.silence()
		} else {
			wait = min(wait, time.Minute)
		}
		f.leader.Log().Debug().Err(err).Str("collection", f.Group.Collection).Int("attempt", f.failures).Stringer("delay", wait).Msg("catch up")
	default:
		f.refused, f.denied = time.Time{}, false
		if !f.gap {
			f.failures = 0
		}
	}
	f.setFailures(f.failures)
	return wait
}

// Reread makes the feed read its collection again soon, and retry what Directus refused
// before. It may be called from any goroutine.
func (f *Feed) Reread() { f.doubt.Ring() }

// step reads the collection if there is a gap, and then applies events.
func (f *Feed) step(ctx context.Context, events []directus.Event, gap bool) error {
	f.gap = f.gap || gap
	f.lapsed = f.lapsed || gap || f.gap && len(events) > 0
	if f.gap {
		if f.mute {
			return f.failed(ctx, f.unmute(ctx))
		}
		if !f.sub.Active() {
			// Reading before the subscription stands would leave a window
			// between the two. Its init rings again. The events are in the
			// collection as well.
			return f.failed(ctx, f.sub.Err())
		}
		if err := f.failed(ctx, f.readOn(ctx)); err != nil {
			return err
		}
		f.gap, f.probe.blind = false, false
		// More than that may carry one date, after an import.
		f.full = max(maxSeen, 2*f.countSeen())
		f.expectCrowd()
		f.SetState(true, nil)
		f.followReactions(ctx)
	}
	if err := f.apply(ctx, events); err != nil {
		f.gap, f.lapsed = true, true
		f.probe.expectAll()
		return err
	}
	if err := f.adopt(ctx); err != nil {
		f.gap = true
		return err
	}
	if f.lapsed && !f.gap {
		// Behind the events: where later ones were lost, these are older than
		// what is read.
		if err := f.review(ctx); err != nil {
			f.gap = true
			return err
		}
		f.lapsed = false
	}
	if f.gap || f.countSeen() > f.full || f.isCrowded() {
		f.gap = true
		return f.step(ctx, nil, false)
	}
	return nil
}

// apply applies events: creations first, then updates and deletions. Directus may send them
// out of order, and an update may be the first event of a row.
func (f *Feed) apply(ctx context.Context, events []directus.Event) error {
	var created, updated []collection.Row
	var deleted []string
	for _, event := range events {
		switch event.Kind {
		case directus.EventCreate:
			created = append(created, f.parse(event.Items)...)
		case directus.EventUpdate:
			updated = append(updated, f.parse(event.Items)...)
			if len(event.Items) > 0 && len(event.Items) >= collection.PageLimit(ctx, f.leader.Account(), len(event.Items)+1) {
				f.gap, f.lapsed = true, true // QUERY_LIMIT_MAX cuts what was updated at once
			}
		case directus.EventDelete:
			deleted = append(deleted, event.Keys...)
		}
	}
	f.reorder.strict = f.probe.inDoubt()
	heard := slices.Concat(created, updated)
	created, missing := f.reorder.add(slices.Concat(created, f.ahead(updated)), time.Now())
	if missing {
		f.gap = true
		f.watch.misplaced.Add(1)
	}
	if deadline := f.reorder.deadline(); !deadline.IsZero() {
		f.turn.Reset(time.Until(deadline))
	}
	slices.SortStableFunc(created, collection.CompareRows)
	if err := f.publish(ctx, created, false); err != nil {
		return err
	}
	f.probe.hear(heard)
	if f.reorder.holds(updated, deleted) { // so that what became of them is known to be theirs
		if err := f.readOn(ctx); err != nil {
			return err
		}
	}
	if err := f.hearOf(ctx, updated); err != nil {
		return err
	}
	f.remove(deleted)
	return f.showEdits(ctx)
}

// readOn catches up and then publishes all rows of the reorder buffer: the rows that they
// waited for have been read, or have no date by which a reading could find them.
func (f *Feed) readOn(ctx context.Context) error {
	if err := f.catchUp(ctx); err != nil {
		return err
	}
	return f.publish(ctx, f.reorder.flush(), false)
}

// ahead lists the changed rows that this feed hears of for the first time, and that are newer
// than all rows that have had their turn: they wait in the reorder buffer like created rows.
func (f *Feed) ahead(updated []collection.Row) (rows []collection.Row) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range updated {
		if _, seen := f.seen[r.ID]; !seen && f.reorder.isAhead(r) && f.isLate(r) {
			rows = append(rows, r)
		}
	}
	return rows
}
