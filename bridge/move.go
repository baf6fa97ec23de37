package bridge

import (
	"context"
	"maps"
	"slices"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/feed"
	"directus-ircd/bridge/resume"
	"directus-ircd/bridge/text"
	"directus-ircd/directus"
	"directus-ircd/ircd"
	"directus-ircd/ircd/wire"
)

// move is the way of a joined channel to another configuration, by which it is read
// in another feed. Nobody sees it: the old feed is shown until the new one has read
// its collection, and the old one its own once more after that. So whatever the new
// one takes for history has been shown by then, and whatever it brings since is
// shown but for what was shown already. Until then its view is held.
type move struct {
	channel *collection.Channel
	view    *view
	rest    []*collection.Group // to be tried if Directus refuses the view's
	asked   time.Time           // when the old feed was asked to read once more
	blind   bool                // it ends though the old feed has not, as Directus refuses one of them
	changes map[string]struct{} // that were shown meanwhile, by their names
}

// follow takes over another configuration, if there is one.
func (s *session) follow(ctx context.Context) []ircd.Event {
	old, now := s.plan, s.backend.plan.Load()
	if now == old {
		return nil
	}
	s.plan = now
	s.nextLook = time.Time{} // whether feeds are shared may have changed
	var events []ircd.Event
	for _, name := range slices.Sorted(maps.Keys(s.joined)) {
		j := s.joined[name]
		s.abandon(j)
		switch c := now.channel(name); {
		case c == nil && j.Private:
			s.drop(j)
		case c == nil:
			s.drop(j)
			events = append(events, &ircd.Removal{Channel: j.Name, Reason: "This channel is not configured any more", Closed: true})
		default:
			// Who comes now reads the first group. Those who were here before are to
			// share it, also where nothing but the other channels of it is new.
			if groups := now.groupsOf(c); c != j.Channel || groups[0] != j.view.feed.Group {
				j.move = &move{channel: c, rest: groups[1:], view: s.hold(groups[0]), changes: map[string]struct{}{}}
			}
		}
	}
	s.member.renewTopicWatches(s.backend.plan.Load().channels)
	for _, c := range now.Channels {
		if c.AutoJoin && !old.autoJoins(c.Name) && s.joined[wire.Fold(c.Name)] == nil {
			events = append(events, &ircd.Admission{Channel: c.Name})
		}
	}
	if s.started != nil {
		_ = s.Start(ctx, *s.started) // private messages may be new
	}
	return events
}

// hold opens a view that is not read yet.
func (s *session) hold(g *collection.Group) *view {
	v := s.open(g)
	v.promise()
	v.held = true
	return v
}

// abandon gives a move up, if there is one.
func (s *session) abandon(j *joined) {
	if j.move == nil {
		return
	}
	v := j.move.view
	j.move = nil
	v.held = s.expects(v)
	s.close(v)
}

// expects reports whether a channel is on its way to a view.
func (s *session) expects(v *view) bool {
	for _, j := range s.joined {
		if j.move != nil && j.move.view == v {
			return true
		}
	}
	return false
}

// moves reports whether a channel of a view is on its way to another one.
func (s *session) moves(v *view) bool {
	for _, j := range s.joined {
		if j.view == v && j.move != nil {
			return true
		}
	}
	return false
}

// note remembers what the old feed of a channel that moves has brought: the new one
// brings it as well.
func (s *session) note(v *view, e *feed.Entry, arriving arrivals) {
	j := s.joined[wire.Fold(e.Channel.Name)]
	if j == nil || j.move == nil || j.view != v {
		return
	}
	if e.IsChange() {
		j.move.changes[e.Name()] = struct{}{}
	}
	shown := arriving[j]
	m, isMessage := e.Event.(*ircd.Message)
	switch {
	case shown == nil || !isMessage:
	case e.IsChange():
		shown[e.Row.ID] = collection.DigestOf(e.Text)
	default:
		shown[e.Row.ID] = collection.DigestOf(text.Wording(m))
	}
}

// arrivals are the channels whose moves end now, each with the rows that its old feed
// has shown by then, and their texts.
type arrivals map[*joined]map[string]collection.Digest

// arriving returns the channels whose moves end now: all or none, as they may share a
// view, and none while nothing of an old feed is shown, be it for want of a proof or as the
// client is yet to be told that Directus is back. The old feeds are to be read once more
// after it.
func (s *session) arriving(verified bool) arrivals {
	moving, all := 0, true
	for _, j := range s.joined {
		if j.move != nil && j.view.held {
			s.abandon(j) // two channels must not wait for each other, and its group is as good
		}
		if j.move == nil {
			continue
		}
		silent := j.view.isSilent(verified) || s.announces(j.view)
		if _, _, err := j.view.feed.Status(); j.out {
			silent = !collection.IsForbidden(err) // there is something to be shown first
		}
		settled := s.settled(j)
		if j.move != nil {
			moving, all = moving+1, all && settled && !silent
		}
	}
	if moving == 0 || !all {
		return nil
	}
	known := make(arrivals, moving)
	for _, j := range s.joined {
		if j.move != nil {
			known[j] = j.view.feed.ShownTexts(j.Channel)
		}
	}
	return known
}

// settled reports whether a move can end. Directus may refuse the new feed, and the
// old one for good.
func (s *session) settled(j *joined) bool {
	m, old := j.move, j.view.feed
	ready, _, err := m.view.feed.Status()
	switch {
	case hopeless(err) && len(m.rest) > 0 && m.rest[0] != old.Group:
		refused := m.view
		m.view, m.rest = s.hold(m.rest[0]), m.rest[1:]
		refused.held = s.expects(refused)
		s.close(refused)
		return false
	case hopeless(err) && m.channel == j.Channel:
		s.abandon(j) // it is read well enough
		return false
	case hopeless(err):
		m.blind = true
		return true
	case !ready || err != nil: // what it has yet to read may be older than the old one
		return false
	case m.asked.IsZero():
		m.asked = time.Now()
		old.Reread()
	}
	ready, _, err = old.Status()
	m.blind = hopeless(err)
	return m.blind || ready && !old.ReadAt().Before(m.asked)
}

// hopeless errors do not pass by themselves.
func hopeless(err error) bool {
	return collection.IsForbidden(err) || directus.IsCode(err, directus.CodeInvalidQuery)
}

// arrive ends moves.
func (s *session) arrive(ctx context.Context, known arrivals) []ircd.Event {
	var events []ircd.Event
	for j, shown := range known {
		m := j.move
		m.view.held = false
		out := j.out
		j.setOut(false)
		next := *j
		next.Channel, next.view, next.move, next.floor, next.floorPos = m.channel, m.view, nil, nil, 0
		next.shown, next.less = nil, feed.RetryPause{}
		if m.channel.Collection == j.Collection {
			s.carryOver(j, &next, shown)
			if out || m.blind && !j.fetches {
				s.missed(j, &next)
			}
		} else {
			s.revisit(&next)
			next.due = next.due || out
		}
		next.setOut(out)
		s.joined[wire.Fold(j.Name)] = &next
		s.close(j.view)
		if !j.Private {
			events = append(events, s.topicMoved(ctx, j.Channel, m.channel)...)
		}
	}
	if len(known) > 0 {
		s.ring() // what the new feeds have brought meanwhile
	}
	return events
}

// carryOver leaves out of the new feed what was shown by the old one, and by a backlog that
// the old one did not read any more.
func (s *session) carryOver(j, next *joined, shown map[string]collection.Digest) {
	next.shown, next.shownAt = shown, time.Now()
	for id, said := range j.shown {
		if _, known := shown[id]; !known {
			shown[id] = said
		}
	}
	for sent := range j.view.sent {
		if _, known := shown[sent.id]; !known && sent.channel == j.Channel {
			shown[sent.id] = collection.Digest{}
		}
	}
	maps.Copy(next.view.changes, j.view.changes)
	maps.Copy(next.view.changes, j.move.changes)
}

// missed makes a backlog due of what the old feed of a channel could not read any more, which
// the new one takes for history.
func (s *session) missed(j, next *joined) {
	if next.due = true; !j.due {
		next.had = j.shownSoFar()
	}
	if next.visit != nil {
		next.visit.caughtUp = false
	}
}

// shownSoFar is what a client that is out of the channel was shown of it: what the feed had
// read, which it has not been able to since, but for what still waits in the journal, what
// the backlog has shown in front of the feed, and what the client has sent.
func (j *joined) shownSoFar() resume.Position {
	reached, dates := j.view.feed.ReadBy(j.view.reader)
	t := resume.Position{Date: reached}
	for id, date := range dates {
		t.Delivered = append(t.Delivered, resume.Delivery{ID: id, At: date.UnixMilli()})
	}
	for id := range j.shown {
		t.Delivered = append(t.Delivered, resume.Delivery{ID: id})
	}
	for sent := range j.view.sent {
		if sent.channel == j.Channel {
			t.Delivered = append(t.Delivered, resume.Delivery{ID: sent.id})
		}
	}
	return t
}

// topicMoved tells the topic of a channel that is configured otherwise.
func (s *session) topicMoved(ctx context.Context, old, now *collection.Channel) []ircd.Event {
	s.member.watchTopics(now, s.backend.plan.Load().channels)
	before, text := s.member.topics.text(ctx, old), s.member.topics.text(ctx, now)
	if before == text {
		return nil
	}
	return []ircd.Event{&ircd.Topic{Channel: now.Name, Text: text, Time: s.member.account.Now()}}
}

// regroupPause is how often a session looks for feeds that suit the user's rights
// better than those it reads.
const regroupPause = time.Minute

// switchReaders goes on with the feeds that the session's readers were passed on to.
func (s *session) switchReaders() {
	for _, v := range s.views {
		if next := v.reader.Next.Load(); next != nil {
			v.reader, v.feed = next, next.Feed
		}
	}
}

// regroup begins to move channels to feeds that they can share since Directus has
// said so, or, where that was switched off, to feeds of the user's own, and to the group
// that the plan reads them in, if Directus had refused that. A right that was lost is
// another matter, and not up to the session: see feeds.expel.
func (s *session) regroup() {
	now := time.Now()
	if now.Before(s.nextLook) {
		return
	}
	s.nextLook = now.Add(directus.Jitter(regroupPause))
	for _, j := range s.joined {
		ready, _, err := j.view.feed.Status()
		if j.move != nil || !ready || err != nil {
			continue
		}
		groups := []*collection.Group{j.view.feed.Group}
		if better := s.better(j); len(better) > 0 && j.better.IsOver(now) {
			groups = better
			j.better.Begin(now)
		} else if s.keyOf(groups[0]).Same(j.view.feed.Key) {
			continue
		}
		j.move = &move{channel: j.Channel, view: s.hold(groups[0]), rest: groups[1:], changes: map[string]struct{}{}}
	}
}

// better lists the groups that come before the one that a channel is read in, and may be
// read as far as Directus has said. The plan does not name that one at all if Directus
// refused all others when the plan was new.
func (s *session) better(j *joined) (better []*collection.Group) {
	groups := s.plan.groupsOf(j.Channel)
	i := slices.Index(groups, j.view.feed.Group)
	if i >= 0 {
		groups = groups[:i]
	}
	for _, g := range groups {
		if readable, said := s.member.rights.Suffice(g); readable || !said && i < 0 {
			better = append(better, g)
		}
	}
	return better
}
