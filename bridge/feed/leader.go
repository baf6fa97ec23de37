package feed

import (
	"context"
	"errors"
	"maps"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
)

// A feed is carried by one of its readers: its events come over that member's link,
// its collection and the names in it are read as that member. When the carrier goes,
// loses its link or the right that makes it see what the others see, another one
// takes over and answers the doubt as any other: by reading the collection again.
// Every member keeps its link, also without anything to carry: it costs Directus a
// ping now and then, sends go over it in their order, and whoever has to take over
// can do so at once.

// carrierCheck is how often the rights of who carries a feed for others are looked at:
// what a new rule hides from it, it hides from them.
const carrierCheck = 30 * time.Second

// errUnproven says that the carrier of a shared feed is not known any more to see
// what its readers see.
var errUnproven = errors.New("the carrier may not read all that the readers may")

// trust says up to where a shared feed was read as somebody who was found afterwards
// to have had all rights. The next carrier begins there.
type trust struct {
	date time.Time
	next time.Time // the cursor at
	at   time.Time // which becomes date by a check that begins later
}

// carry makes a member the carrier.
func (f *Feed) carry(m Member) {
	if f.sub != nil {
		f.putDown()
	}
	f.mu.Lock()
	f.carrier = m
	f.cursor.date, f.trust.next, f.trust.at = f.trust.date, f.trust.date, time.Now()
	f.mu.Unlock()
	f.sub = m.Realtime().Subscribe(f.Group.Collection, directus.SubscriptionQuery{
		Fields: f.Group.Query, Filter: f.Group.Filter, Events: f.Group.Events(f.edits),
	})
	f.gap, f.lapsed, f.mute = true, true, false
}

// silence ends the subscription of a user's own feed that never could be read, as that
// of private messages, which nobody has asked for: Directus would send an error for
// each, and before 12 not even say for which subscription.
func (f *Feed) silence() {
	if ready, _, _ := f.Status(); !ready && !f.Key.IsShared() {
		f.putDown()
		f.mute = true
	}
}

// unmute begins again if the collection can be read by now.
func (f *Feed) unmute(ctx context.Context) error {
	_, err := collection.NewestRow(ctx, f.carrier.Account(), f.Group)
	if err == nil {
		f.carry(f.carrier)
	}
	return err
}

// putDown ends what carry began.
func (f *Feed) putDown() {
	f.sub.Close()
	f.endReactions()
}

// elect chooses the carrier: the present one as long as its link is up, then any
// reader whose link is. nil if nobody can.
func (f *Feed) elect() Member {
	if m := f.carrier; m.IsUp() && !m.IsOver() && f.suits(m) && f.journal.reads(m) {
		return m // as nearly always: who reads beside it needs no look
	}
	readers := f.journal.members()
	var best Member
	most := -1
	try := func(m Member) {
		rank := 0
		if m.IsUp() {
			rank = 1
		}
		if rank > most && !m.IsOver() && f.suits(m) {
			best, most = m, rank
		}
	}
	if _, reads := readers[f.carrier]; reads {
		try(f.carrier)
	}
	for m := range readers {
		if most == 1 {
			break
		}
		try(m)
	}
	return best
}

// Carried reports whether the link that brings the events is up. It may be called from any
// goroutine.
func (f *Feed) Carried() bool {
	f.mu.Lock()
	m := f.carrier
	f.mu.Unlock()
	return m.IsUp()
}

// suits reports whether a member sees what all readers see.
func (f *Feed) suits(m Member) bool {
	return !f.Key.IsShared() || m.Names().Audience(f.Group) == f.Key.Audience
}

// ring makes run look who carries the feed. It may be called from any goroutine.
func (f *Feed) ring() { ring(f.rung) }

func ring(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// failed tells the readers why the collection cannot be read; nil is no news. That
// the carrier of a shared feed may not read it says nothing about the others, unless
// it still has the rights that they have.
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

// confirm makes sure, now and then, that the carrier of a shared feed sees what the
// readers see.
func (f *Feed) confirm(ctx context.Context) error {
	if !f.Key.IsShared() || time.Since(f.carrier.Rights().ProvenAt()) < carrierCheck/10 {
		return nil
	}
	return f.recheck(ctx)
}

// recheck asks whether the carrier sees what the readers see. What was read before
// holds then, also what it did not find.
func (f *Feed) recheck(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, collection.AnswerTimeout)
	defer cancel()
	if err := f.carrier.CheckRights(ctx); err != nil {
		return err
	}
	if f.carrier.IsOver() || !f.suits(f.carrier) {
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
	case f.carrier.Rights().ProvenAt().After(t.at) && f.suits(f.carrier):
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
	own.seen, own.taken, own.pending = maps.Clone(f.seen), maps.Clone(f.taken), maps.Clone(f.pending)
	own.full = max(maxSeen, 2*len(own.seen))
	own.shown, own.moments = f.shown.clone(), f.moments.Clone()
	own.reactions.shown = append(own.reactions.shown, f.reactions.shown...)
	for id, date := range f.journal.hand(m, own) {
		delete(own.seen, id)
		own.shown.forget(id)
		delete(own.pending, id)
		// Who was shown nothing for a while has to read from there, but not what the
		// feed does not know any more to have shown.
		if date.Before(own.cursor.date) && date.After(f.opened) && date.Add(-collection.Overlap).After(f.forgot) {
			own.cursor.date = date
		}
	}
	return own
}
