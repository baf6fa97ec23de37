package feed

import (
	"context"
	"errors"
	"maps"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
)

// The leader of a feed is one of its readers: events come over that member's realtime
// session, and the collection and the names in it are read as that member. When the leader
// goes, loses its session, or loses the rights that all readers share, another reader takes
// over and reads the collection again, as after any other gap.
//
// A member who leads nothing and has written nothing has no realtime session: it would bring
// nothing. Who takes over opens it, which delays what is written meanwhile by that moment and
// loses none of it, as the collection is read again. That Directus does not push the end of a
// user's session, or of a right, over it either, is why nothing is noticed later without it.

// leaderCheck is how often the leader of a shared feed has its rights checked: whatever a
// new rule hides from the leader would be missing for all readers.
const leaderCheck = 30 * time.Second

// errUnproven says that the leader of a shared feed may no longer see all that its readers
// may see.
var errUnproven = errors.New("the leader may not read all that the readers may")

// trust says up to where a shared feed was read by a leader who was found afterwards to
// have had the rights of all readers. The next leader starts reading there.
type trust struct {
	date time.Time
	next time.Time // the cursor at
	at   time.Time // which becomes date by a check that begins later
}

// lead makes a member the leader and subscribes as that member.
func (f *Feed) lead(m Member) {
	if f.sub != nil {
		f.unsubscribe()
	}
	f.mu.Lock()
	f.leader = m
	f.cursor.date, f.trust.next, f.trust.at = f.trust.date, f.trust.date, time.Now()
	f.mu.Unlock()
	f.sub = m.Realtime().Subscribe(f.Group.Collection, directus.SubscriptionQuery{
		Fields: f.Group.Query, Filter: f.Group.Filter, Events: f.Group.Events(f.edits),
	})
	f.gap, f.lapsed, f.mute = true, true, false
	f.probe.expectAll()
}

// silence ends the subscription of a user's own feed that never could be read, as that
// of private messages, which nobody has asked for: Directus would send an error for
// each, and before 12 not even say for which subscription.
func (f *Feed) silence() {
	if ready, _, _ := f.Status(); !ready && !f.Key.IsShared() {
		f.unsubscribe()
		f.mute = true
	}
}

// unmute begins again if the collection can be read by now.
func (f *Feed) unmute(ctx context.Context) error {
	_, err := collection.NewestRow(ctx, f.leader.Account(), f.Group)
	if err == nil {
		f.lead(f.leader)
	}
	return err
}

// unsubscribe ends the subscriptions of the leader.
func (f *Feed) unsubscribe() {
	f.sub.Close()
	f.endReactions()
}

// elect chooses the leader: the present one as long as its realtime session is up, else any
// reader whose session is up, else any reader at all. It is nil if nobody may lead.
func (f *Feed) elect() Member {
	led := f.leader.Link()
	if m := f.leader; led.Up && !m.IsOver() && f.suits(m) && f.journal.reads(m) {
		return m // as nearly always: who reads beside it needs no look
	}
	const failing, untried, up = 0, 1, 2
	readers := f.journal.members()
	var best, spare Member // spare has not tried to open a session yet
	most := -1
	try := func(m Member) {
		if m.IsOver() || !f.suits(m) {
			return
		}
		rank := failing
		switch link := m.Link(); {
		case link.Up:
			rank = up
		case !link.Since.IsZero():
		case led.Failures > 0: // that others cannot connect would say no more
			spare = m
		default:
			rank = untried
		}
		if rank > most {
			best, most = m, rank
		}
	}
	if _, reads := readers[f.leader]; reads {
		try(f.leader)
	}
	for m := range readers {
		if most == up {
			break
		}
		try(m)
	}
	if most < up && spare != nil && led.Failures > f.spared {
		// Perhaps it is the leader alone who cannot connect: at each of its failures one more
		// tries, and leads when it is up.
		spare.Realtime().Want()
	}
	f.spared = led.Failures
	return best
}

// IsDown reports that there is no realtime session to bring events, and that two attempts to
// open one have failed since it was there, so that nobody notices a restart of Directus. Who
// leads meanwhile makes no difference. It may be called from any goroutine.
func (f *Feed) IsDown() bool {
	link := f.Link()
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case link.Up:
		f.down = false
	case link.Failures >= 2:
		f.down = true
	}
	return f.down
}

func (f *Feed) isLedBy(m Member) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.leader == m
}

// Link is the state of the realtime session that brings the events. It may be called from any
// goroutine.
func (f *Feed) Link() directus.State {
	f.mu.Lock()
	m := f.leader
	f.mu.Unlock()
	return m.Link()
}

// failed tells the readers why the collection cannot be read; a nil err changes nothing. A
// leader of a shared feed who is refused says nothing about the other readers, unless it
// still has the rights that they have.
func (f *Feed) failed(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, errUnproven) {
		return err
	}
	if f.Key.IsShared() && collection.IsForbidden(err) {
		if err := f.recheck(ctx); err != nil {
			return err
		}
	}
	f.SetState(false, err)
	return err
}

// confirm makes sure, now and then, that the leader of a shared feed sees what the
// readers see.
func (f *Feed) confirm(ctx context.Context) error {
	if !f.Key.IsShared() || time.Since(f.leader.Rights().ProvenAt()) < leaderCheck/10 {
		return nil
	}
	return f.recheck(ctx)
}

// recheck asks Directus whether the leader still sees what the readers see. If so, all that
// was read before the question is right, and so is what was found missing.
func (f *Feed) recheck(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, collection.AnswerTimeout)
	defer cancel()
	if err := f.leader.CheckRights(ctx); err != nil {
		return err
	}
	if f.leader.IsOver() || !f.suits(f.leader) {
		return errUnproven
	}
	return nil
}

// renewTrust is called when the cursor has moved, with mu held.
func (f *Feed) renewTrust() {
	t := &f.trust
	switch {
	case !f.Key.IsShared():
		t.date = f.cursor.date
		return
	case f.leader.Rights().ProvenAt().After(t.at) && f.suits(f.leader):
		t.date = t.next
	case !t.at.IsZero() && t.next.After(t.date):
		return // not checked since
	}
	t.next, t.at = f.cursor.date, time.Now()
}

// fork makes a feed for a member who may not go on with this one: it knows all that
// the member's sessions were shown, and nothing more. They are passed on to it.
func (f *Feed) fork(key Key, m Member) *Feed {
	own := New(key, m, f.opened)
	own.deeds = f.deeds
	f.mu.Lock()
	defer f.mu.Unlock()
	own.trust, own.cursor = trust{date: f.trust.date}, cursor{f.cursor.set, f.trust.date}
	own.arrived, own.last, own.newest, own.forgot, own.base, own.stamped = f.arrived, f.last, f.newest, f.forgot, f.base, f.stamped
	own.ready, own.awaited, own.uuids, own.reached = f.ready, f.awaited, f.uuids, f.trust.date
	own.seen, own.taken, own.debounced = maps.Clone(f.seen), maps.Clone(f.taken), maps.Clone(f.debounced)
	own.full = max(maxSeen, 2*len(own.seen))
	own.shown, own.inherited, own.moments = f.shown.clone(), f.inherited.clone(), f.moments.Clone()
	own.reactions.shown = append(own.reactions.shown, f.reactions.shown...)
	for id, date := range f.journal.hand(m, own) {
		delete(own.seen, id)
		own.shown.forget(id)
		delete(own.debounced, id)
		// Who was shown nothing for a while has to read from there, but not what the
		// feed does not know any more to have shown.
		if date.Before(own.cursor.date) && date.After(f.opened) && date.Add(-collection.Overlap).After(f.forgot) {
			own.cursor.date = date
		}
	}
	return own
}
