package bridge

import (
	"context"
	"maps"
	"slices"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/feed"
	"directus-ircd/bridge/resume"
	"directus-ircd/bridge/rooms"
	"directus-ircd/bridge/text"
	"directus-ircd/directus"
	"directus-ircd/ircd"
	"directus-ircd/ircd/wire"
)

// move is the change of a joined channel from one feed to another, after a change of its
// configuration or of the user's rights. Clients do not notice it. The old feed is shown
// until the new one has read its collection, and after that the old one has read its own
// once more. So the client has been shown all that the new feed takes for history, and from
// then on it is shown what the new feed brings, except for what it was shown already. Until
// then the view of the new feed is held.
type move struct {
	channel *collection.Channel
	view    *view
	rest    []*collection.Group // groups to try if Directus refuses that of view
	asked   time.Time           // when the old feed was asked to read once more; zero: not yet
	blind   bool                // the move ends without that last reading, as Directus refuses one of the feeds
	changes map[string]struct{} // names of the changes that the old feed has shown meanwhile
}

// follow adopts a new configuration, if there is one.
func (s *session) follow(ctx context.Context) []ircd.Event {
	old, now := s.plan, s.backend.plan.Load()
	if now == old {
		return nil
	}
	// The rooms of another collection are other ones, even if they have the same keys and, by now,
	// channels. Those of the same one stay, until the first reading says which there are.
	anew := now.rooms != old.rooms
	other := anew && (now.rooms == nil || old.rooms == nil || now.rooms.Collection != old.rooms.Collection)
	if s.plan = now; anew {
		s.rooms = roomView{}
		// Leaves the list of the old one; behind what follows, or a room would be the same one or a
		// new one as the list happens to be read.
		defer s.member.rooms.current(s.member)
	}
	s.nextLook = time.Time{} // whether feeds are shared may have changed
	var events []ircd.Event
	for _, name := range slices.Sorted(maps.Keys(s.joined)) {
		j := s.joined[name]
		s.abandon(j)
		switch c := now.channel(name); {
		case c == nil && j.Private:
			s.drop(j)
		case c == nil, other && j.Room != "":
			s.drop(j)
			events = append(events, &ircd.Removal{Channel: j.Name(), Reason: "This channel is not configured any more", Closed: true})
		default:
			// Clients that join from now on read the first group. Move there to share
			// its feed with them, even if only other channels of the group have changed.
			if groups := now.groupsOf(c); c != j.Channel || groups[0] != j.view.feed.Group {
				j.move = &move{channel: c, rest: groups[1:], view: s.hold(groups[0]), changes: map[string]struct{}{}}
			}
		}
	}
	s.member.renewTopicWatches(s.backend.plan.Load().channels)
	events = append(events, s.roomsRenamed()...) // those whose name a channel of the configuration takes
	for _, c := range now.Channels {
		before := old.channels[wire.Fold(c.Name)]
		if c.AutoJoin && (before == nil || !before.AutoJoin) && s.joined[wire.Fold(c.Name)] == nil {
			events = append(events, &ircd.Admission{Channel: c.Name})
		}
	}
	if s.started != nil {
		_ = s.Start(ctx, *s.started) // private messages may be new
	}
	return events
}

// hold opens a view to move to, which is not read yet.
func (s *session) hold(g *collection.Group) *view {
	v := s.open(g)
	v.promise()
	v.held = true
	return v
}

func (s *session) abandon(j *joined) {
	if j.move == nil {
		return
	}
	v := j.move.view
	j.move = nil
	v.held = s.expects(v)
	s.close(v)
}

func (s *session) expects(v *view) bool {
	return s.anyJoined(func(j *joined) bool { return j.move != nil && j.move.view == v })
}

func (s *session) moves(v *view) bool {
	return s.anyJoined(func(j *joined) bool { return j.view == v && j.move != nil })
}

// note remembers an entry that the old feed of a moving channel has brought, because the new
// feed brings it too.
func (s *session) note(v *view, e *feed.Entry, arriving arrivals) {
	j := s.joined[e.Channel.Key()]
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

// arrivals are the channels whose moves end now, each with the rows that its old feed has
// shown, by key, and the digests of their texts.
type arrivals map[*joined]map[string]collection.Digest

// arriving returns the channels whose moves end now: all or none, as they may share a view.
// No move ends while an old feed may not be shown, because the rights are not verified or the
// client is still to be told that Directus is back. Poll reads the old views once more after
// arriving, and then calls arrive.
func (s *session) arriving(verified bool) arrivals {
	moving, all := 0, true
	for _, j := range s.inOrder {
		if j.move != nil && j.view.held {
			s.abandon(j) // its view waits for the move of another channel: the two must not wait for each other
		}
		if j.move == nil {
			continue
		}
		silent := j.view.isSilent(verified) || s.announces(j.view)
		if _, _, err := j.view.feed.Status(); j.out {
			silent = !collection.IsForbidden(err) // if the channel may be read again, comeBack goes first
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
	for _, j := range s.inOrder {
		if j.move != nil {
			known[j] = j.view.feed.ShownTexts(j.Channel)
			if j.move.channel.Collection == j.Collection {
				j.move.view.feed.Inherit(j.view.feed, j.Channel, j.move.channel)
			}
		}
	}
	return known
}

// settled reports whether a move can end. If Directus refuses the new feed for good, the next
// group is tried, or the move is given up.
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
		s.abandon(j) // the channel itself is the same, so its old feed will do
		return false
	case hopeless(err):
		m.blind = true
		return true
	case !ready || err != nil: // its first reading may bring rows older than those that the old feed has shown
		return false
	case m.asked.IsZero():
		m.asked = time.Now()
		old.Reread()
	}
	ready, _, err = old.Status()
	m.blind = hopeless(err)
	return m.blind || ready && !old.ReadAt().Before(m.asked)
}

// hopeless reports an error that retrying does not cure.
func hopeless(err error) bool {
	return collection.IsForbidden(err) || directus.IsCode(err, directus.CodeInvalidQuery)
}

// arrive ends the moves of channels. known is what arriving has returned.
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
		s.setJoined(j.Key(), &next)
		s.close(j.view)
		if !j.Private {
			events = append(events, s.topicMoved(ctx, j.Channel, m.channel)...)
		}
	}
	if len(known) > 0 {
		s.ring() // for entries that the new feeds have brought meanwhile
	}
	return events
}

// carryOver notes for the new feed of a channel what the client was shown already, to be left
// out: by the old feed (shown), by a backlog, and as the echo of its own messages.
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

// missed makes a backlog due after the old feed could not read the channel to the end: the
// new feed takes for history what the client was not shown.
func (s *session) missed(j, next *joined) {
	if next.due = true; !j.due {
		next.had = j.shownSoFar()
	}
	if next.visit != nil {
		next.visit.caughtUp = false
	}
}

// shownSoFar is what the client was shown of a channel whose feed cannot read any more: what
// the feed had read, except for entries that the session has not read yet, what the backlog
// has shown ahead of the feed, and what the client has sent.
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

// topicMoved tells the client the topic of a channel, if it differs in the new configuration.
func (s *session) topicMoved(ctx context.Context, old, now *collection.Channel) []ircd.Event {
	s.member.watchTopics(now, s.backend.plan.Load().channels)
	if now.Room != "" {
		return nil
	}
	before, text := s.member.topics.text(ctx, old), s.member.topics.text(ctx, now)
	if before == text {
		return nil
	}
	return []ircd.Event{&ircd.Topic{Channel: now.Name(), Text: text, Time: s.member.account.Now()}}
}

// regroupPause is the time between two calls of regroup that do something.
const regroupPause = time.Minute

// switchReaders makes the session's views use the feeds that their readers were passed on to,
// because the user has lost the right to share the ones before: see feed.Set.Expel.
func (s *session) switchReaders() {
	for _, v := range s.views {
		if next := v.reader.Next.Load(); next != nil {
			v.reader, v.feed = next, next.Feed
		}
	}
}

// regroup begins to move channels to better feeds: to one that the user may share by now, to
// the user's own if sharing was switched off, or to a group that the plan prefers and
// Directus had refused. A lost right is not handled here but by feed.Set.Expel, at once.
func (s *session) regroup() {
	now := time.Now()
	if now.Before(s.nextLook) {
		return
	}
	s.nextLook = now.Add(directus.Jitter(regroupPause))
	for _, j := range s.inOrder {
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

// better lists the groups that the plan prefers to the one that a channel is read in, and
// that the known permissions allow. That group itself may not be in the plan: if Directus
// refused all groups of a new plan, the channel is still read in one of the old plan.
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

// roomsRenamed tells the client of the rooms that it is in by another name than they have now, so
// that no two have one name at any time.
func (s *session) roomsRenamed() []ircd.Event {
	if !s.anyJoined(func(j *joined) bool { return j.Room != "" && j.as != j.Channel.Name() }) {
		return nil
	}
	has, names, moved := map[string]*joined{}, map[*joined]string{}, []*joined(nil)
	for _, key := range slices.Sorted(maps.Keys(s.joined)) {
		j := s.joined[key]
		has[wire.Fold(j.Name())] = j
		if name := j.Channel.Name(); j.Room != "" && j.as != name {
			names[j], moved = name, append(moved, j)
		}
	}
	var events []ircd.Event
	rename := func(j *joined, name string) {
		ev := &ircd.Renaming{Old: j.as, New: name}
		if by, reason := s.plan.rooms.RenamedBy(j.Room, name); by != "" {
			if u, seen := s.member.names.Met(by, j.Channel); seen {
				ev.By, ev.Reason = u, reason
			}
		}
		events = append(events, ev)
		delete(has, wire.Fold(j.as))
		has[wire.Fold(name)], j.as = j, name
	}
	for len(moved) > 0 {
		i := slices.IndexFunc(moved, func(j *joined) bool { return has[wire.Fold(names[j])] == nil || has[wire.Fold(names[j])] == j })
		if i >= 0 {
			rename(moved[i], names[moved[i]])
			delete(names, moved[i])
			moved = slices.Delete(moved, i, i+1)
			continue
		}
		i = slices.IndexFunc(moved, func(j *joined) bool { return waitsForItself(j, names, has) })
		if i < 0 { // a name was given up since the first were looked at: the session is rung for that
			break
		}
		rename(moved[i], rooms.Interim(moved[i].as, moved[i].Room, func(name string) bool { return has[name] != nil }))
	}
	return events
}
