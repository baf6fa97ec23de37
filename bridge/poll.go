package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/feed"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

// Poll implements ircd.Session. It shows at most one backlog in each call: the backlogs of
// several channels should not be in memory at once.
func (s *session) Poll(ctx context.Context) ([]ircd.Event, error) {
	s.stirred.Store(false)
	s.calm = time.Time{}
	down, ended := s.member.health()
	if errors.Is(ended, ircd.ErrPanic) {
		return nil, ended
	}
	if errors.Is(ended, directus.ErrOtherUser) {
		return nil, &ircd.Error{Text: "The token that you logged in with belongs to another Directus user by now, so your session has ended. Log in again", Err: ended}
	}
	if ended != nil {
		return nil, &ircd.Error{Text: "Directus has ended your session (password or token changed, or account suspended). Log in again", Err: ended}
	}
	s.switchReaders()
	events := append(s.outageEvents(down), s.follow(ctx)...)
	events = append(events, s.followRooms(ctx)...)
	s.regroup()
	verified, shown := s.member.isVerified(), false
	var next []*view // not read before the next call, which brings a backlog of theirs first
	for _, j := range s.inOrder {
		down := j.view.feed.IsDown()
		events = append(events, s.troubleEvents(j, down, verified)...)
		switch {
		case !j.due || j.out:
		case shown:
			next = append(next, j.view)
			s.ring()
		default:
			late := s.dueEvents(ctx, j, down)
			events, shown = append(events, late...), len(late) > 0
		}
	}
	verified = verified && s.member.isVerified() // reading a backlog takes time
	arriving := s.arriving(verified)
	if next != nil {
		arriving = nil // a move ends only when all views have been read
	}
	for _, v := range s.views {
		if v.isSilent(verified) || slices.Contains(next, v) {
			continue
		}
		if s.announces(v) {
			if v.reader.HasNews() { // since troubleEvents looked; the next call announces it
				s.ring()
			}
			continue
		}
		var err error
		if events, err = s.read(v, events, arriving); err != nil {
			return nil, err
		}
	}
	events = append(events, s.arrive(ctx, arriving)...)
	if verified && next == nil && s.isWell() {
		s.calm = time.Now().Add(calmTime)
	}
	return append(events, s.mail.take()...), nil
}

// calmTime is how long after a Poll, at most, News takes its place. What is due at some time
// and rings nobody, as regroup, waits so much longer where messages come one upon another.
const calmTime = time.Second

// maxLatest is for how many events News keeps room from one call to the next.
const maxLatest = 4

// isWell reports whether nothing is the matter with any channel, so that all that can come
// of its feed are entries to show.
func (s *session) isWell() bool {
	return !s.anyJoined(func(j *joined) bool {
		return j.due || j.out || j.move != nil || j.told != none || j.view.held || j.view.out > 0 || j.visit != nil && !j.Private
	})
}

// News implements ircd.Newscaster. Whoever changes a state that Poll looks at rings the
// session, so that until then, and for as long as calmTime, Poll would only read the feeds. What
// proves that they may be read is looked at for each message.
func (s *session) News() ([]ircd.Event, bool) {
	if s.stirred.Load() || !time.Now().Before(s.calm) || !s.member.isVerified() {
		return nil, false
	}
	events := s.latest[:0]
	for _, v := range s.views {
		var err error
		if events, err = s.read(v, events, nil); err != nil {
			s.ring() // Poll meets it again
			break
		}
	}
	if s.latest = nil; cap(events) <= maxLatest {
		s.latest = events
	}
	if s.unacked {
		s.ring() // so that the client is asked for a receipt
	}
	return events, true
}

// isSilent reports whether nothing of a view may be shown now. verified is the result of the
// member's isVerified: without it, shared feeds are not shown.
func (v *view) isSilent(verified bool) bool {
	return v.held || v.out > 0 || v.feed.Key.IsShared() && !verified
}

// read appends to events whatever the view's feed has brought that the client is to be shown.
func (s *session) read(v *view, events []ircd.Event, arriving arrivals) ([]ircd.Event, error) {
	var readAt time.Time
	if slices.ContainsFunc(s.inOrder, func(j *joined) bool { return j.remembersBacklog(v) }) {
		readAt = v.feed.ReadAt()
	}
	var readTo feed.Extent
	if len(s.visits) > 0 {
		readTo = v.feed.ReadTo()
	}
	first, news, ok := v.reader.Read()
	if !ok {
		return nil, &ircd.Error{Text: fmt.Sprintf("Too slow: more than %d messages, or %d MiB of them, behind. Come back to catch up", feed.MaxBehind, feed.MaxBehindBytes>>20)}
	}
	events = slices.Grow(events, len(news))
	moves := len(news) > 0 && s.moves(v)
	var of *collection.Channel
	var j *joined
	for i := range news {
		e := &news[i]
		if e.Channel != of {
			of, j = e.Channel, s.joined[e.Channel.Key()]
		}
		s.outdate(e.Channel, j)
		if s.wants(v, j, e, first+int64(i)) {
			if j != nil && j.Room != "" {
				events = append(events, j.isTold(e.Event))
			} else {
				events = append(events, e.Event)
			}
			if j != nil && !e.IsChange() {
				s.show(j.visit, e.Row, readTo)
			}
		}
		if moves {
			s.note(v, e, arriving)
		}
	}
	for _, j := range s.inOrder {
		if j.remembersBacklog(v) && readAt.After(j.shownAt.Add(s.plan.Edits.Merge)) && v.feed.MissedSoFar() == 0 {
			j.shown, j.received = nil, nil // the feed has read these rows, and brings neither them nor old edits again
		}
	}
	return events, nil
}

// remembersBacklog reports whether the feed of a view may still bring rows that the backlog of
// the channel has shown.
func (j *joined) remembersBacklog(v *view) bool {
	return j.view == v && (j.shown != nil || j.received != nil)
}
