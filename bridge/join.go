package bridge

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	irc "gopkg.in/irc.v4"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/feed"
	"directus-ircd/bridge/rooms"
	"directus-ircd/ircd"
	"directus-ircd/ircd/wire"
)

func (s *session) AutoJoin() []string {
	s.member.rooms.current(s.member) // which are joined when they are known
	var names []string
	for _, c := range s.plan.Channels {
		if c.AutoJoin {
			names = append(names, c.Name)
		}
	}
	return names
}

func (s *session) Channels(ctx context.Context) (iter.Seq[ircd.ChannelInfo], error) {
	now, err := s.awaitListing(ctx)
	if err != nil {
		return nil, err
	}
	return func(yield func(ircd.ChannelInfo) bool) {
		for _, cfg := range s.plan.Channels {
			c := s.plan.channels[wire.Fold(cfg.Name)]
			if !yield(ircd.ChannelInfo{Name: c.Name(), Topic: s.member.topics.text(ctx, c)}) {
				return
			}
		}
		if now == nil {
			return
		}
		created, updated := s.readsDates()
		for _, id := range now.Keys() {
			c, room := s.plan.rooms.Channel(id), now.Rooms[id]
			if c == nil {
				continue
			}
			info := ircd.ChannelInfo{Name: s.nameOf(c), Key: c.Key(), Topic: room.Topic}
			if created {
				info.Created = room.Created()
			}
			if updated && room.Topic != "" {
				info.TopicAt = room.Updated()
			}
			if !yield(info) {
				return
			}
		}
	}, nil
}

// Join implements ircd.Session. It joins the channel as a part of the first of its groups
// that the user may read.
func (s *session) Join(ctx context.Context, name string, opts ircd.JoinOptions) (*ircd.Channel, error) {
	answer, err := s.join(ctx, name, opts)
	if err != nil && !collection.IsForbidden(err) {
		s.admitAgain(name)
	}
	return answer, err
}

func (s *session) join(ctx context.Context, name string, opts ircd.JoinOptions) (*ircd.Channel, error) {
	c := s.plan.channels[wire.Fold(name)]
	s.rooms.next = opts.Next
	var err error
	if c == nil {
		if c, err = s.roomFor(ctx, name); err != nil {
			return nil, err
		}
	}
	if j := s.joined[c.Key()]; j != nil && !j.out {
		// A room by its new name, of which Poll is about to tell.
		return nil, reply(irc.RPL_TRYAGAIN, "ALREADY_JOINED", "You are in this room: it is called so from now on", nil)
	} else if j != nil {
		return s.comeBack(ctx, j, opts)
	}
	var answer *ircd.Channel
	for _, g := range s.plan.groupsOf(c) {
		if answer, err = s.enter(ctx, c, g, opts); !collection.IsForbidden(err) {
			if err == nil {
				s.wish(c, true)
			}
			return answer, err
		}
	}
	return nil, unreadable(s.nameOf(c), err)
}

// admitAgain makes a room due again that the client was to join unasked, and could not for the time
// being: it is not proven at the moment what the user may read, or Directus does not answer.
func (s *session) admitAgain(name string) {
	if s.plan.rooms == nil {
		return
	}
	c, _ := s.plan.rooms.Named(name)
	if c == nil || s.joined[c.Key()] != nil || !slices.Contains(s.rooms.admitted, c.Room) {
		return
	}
	s.rooms.due = append(without(s.rooms.due, c.Room), c.Room)
	s.rooms.again = time.Now().Add(backlogRetry)
	s.ringLater()
}

// topicIn makes the event of a topic that a room has got.
func (m *member) topicIn(j *joined, text string) *ircd.Topic {
	t := m.topicOf(j.Channel, text)
	t.Channel = j.Name()
	return t
}

// enter joins a channel as a part of a group. The error is Directus' refusal, the error of
// ctx, or the reply to the JOIN.
func (s *session) enter(ctx context.Context, c *collection.Channel, g *collection.Group, opts ircd.JoinOptions) (*ircd.Channel, error) {
	j := s.newJoined(c, g, opts)
	j.floorPos = j.view.reader.End()
	s.setJoined(c.Key(), j)
	ready, err := s.await(ctx, j.view)
	if collection.IsForbidden(err) {
		// The refusal is as old as the last look of the feed.
		if ready, err = true, s.readableAgain(ctx, j); err != nil {
			if collection.IsForbidden(err) {
				s.drop(j)
			} else {
				s.stayOut(j)
			}
			return nil, err
		}
	}
	if !ready && s.member.rights.MayNotRead(g.Collection) {
		// A user who may not read the channel must not see who is in it, not even while
		// the feed reads it for the first time.
		s.drop(j)
		return nil, errMayNotRead
	}
	if c.Room != "" && s.hasEnded(c) { // while its feed read for the first time
		s.drop(j)
		return nil, noSuchChannel(j.Name())
	}
	if !ready {
		j.view.promise()
	}
	answer := &ircd.Channel{Name: j.Name(), Key: j.Key(), Topic: s.topicText(ctx, c)}
	j.topic = answer.Topic
	s.member.watchTopics(c, s.backend.plan.Load().channels)
	var list []found
	if ready && j.due {
		list, err = s.joinBacklog(ctx, j, answer)
	}
	if collection.IsForbidden(err) || err != nil && ctx.Err() != nil {
		s.drop(j)
		return nil, errors.Join(ctx.Err(), err)
	}
	answer.At = s.joinTime(j, list)
	if j.due {
		j.since = feed.JoinMoment{At: time.Now(), Date: answer.At}
		s.noteCome(j)
		if ready { // otherwise the backlog is read as soon as the feed is ready
			s.ringLater()
		}
	}
	j.at, j.fetches = answer.At, !opts.Backlog
	s.setPresent(j, true)
	s.ring()
	return answer, nil
}

// newJoined makes a joined whose backlog is due, if the client wants one.
func (s *session) newJoined(c *collection.Channel, g *collection.Group, opts ircd.JoinOptions) *joined {
	j := &joined{Channel: c, view: s.open(g), visit: s.visit(c, opts), arrived: g.Dates.Late.SoFar(), bot: opts.Bot}
	if c.Room != "" {
		j.as = c.Name()
	}
	j.due = opts.Backlog && (j.length() > 0 || j.visit != nil)
	return j
}

// length is how many messages the backlog has. What a device has missed is not counted.
func (j *joined) length() int {
	if j.bot {
		return 0
	}
	return j.Backlog
}

// await waits until the view's feed has read its collection for the first time. It gives up
// after joinPatience, when Directus cannot be reached, or at once when the last JOIN waited
// in vain. If the user loses the right to share the feed meanwhile, await goes on with the
// feed that takes its place.
func (s *session) await(ctx context.Context, v *view) (ready bool, err error) {
	patience := time.NewTimer(joinPatience)
	defer patience.Stop()
	wake := s.wake.Load()
	defer wake.Pass() // await has consumed wake-ups that were for others
	for {
		s.switchReaders()
		ready, changed, err := v.feed.Status()
		if ready || err != nil || v.feed.Link().Failures > 0 || time.Now().Before(s.hasty) {
			return ready && err == nil, err
		}
		select {
		case <-changed:
		case <-wake.Bell:
			wake.Rung()
		case <-patience.C:
			s.hasty = time.Now().Add(sendTimeout)
			return false, nil
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// joinTime is the moment of a JOIN by the clock of Directus: after everything that the
// channel has shown, and not after anything written from now on. The latter cannot hold for
// rows of the same millisecond as the newest message, nor for rows on their way, which may
// be dated earlier. Rows dated in the future are ignored, as nothing could be written after
// them.
func (s *session) joinTime(j *joined, backlog []found) time.Time {
	_, limit, _ := collection.ServerNow(s.member.account)
	newest := j.view.feed.Latest(j.Channel)
	for _, f := range backlog {
		if at := f.row.ShownAt(); at.After(newest) && !at.After(limit) {
			newest = at
		}
	}
	if newest.After(limit) { // the clock of Directus was set back
		newest = time.Time{}
	}
	at := s.earliest(j, time.Now())
	if next := newest.Add(time.Millisecond); !newest.IsZero() && next.After(at) {
		at = next
	}
	return at
}

// earliest is the earliest date that a row of the channel can have that was written after a
// moment of this machine's clock. It is zero as long as the clock of Directus is not known.
func (s *session) earliest(j *joined, since time.Time) time.Time {
	return collection.EarliestSince(j.view.feed.Group, s.member.account, since)
}

func (s *session) Part(_ context.Context, name string) error {
	if j := s.joinedAs(name); j != nil {
		s.drop(j)
		s.wish(j.Channel, false)
	}
	return nil
}

func (s *session) drop(j *joined) {
	s.noteCome(j)
	s.noteOvertakes(j)
	s.abandon(j)
	j.setOut(false)
	s.setPresent(j, false)
	s.setJoined(j.Key(), nil)
	s.close(j.view)
}

// setPresent tells the other users of a channel whether the client is in it.
func (s *session) setPresent(j *joined, present bool) {
	if j.Private || present == j.present {
		return
	}
	j.present = present
	if present {
		s.backend.people.Company.Enter(j.Key(), s.person.ID)
	} else {
		s.backend.people.Company.Leave(j.Key(), s.person.ID)
	}
}

// open returns the session's view of a group's feed, and attaches to the feed if needed.
// Each call needs one of close.
func (s *session) open(g *collection.Group) *view {
	key := s.keyOf(g)
	i := slices.IndexFunc(s.views, func(v *view) bool { return v.feed.Key == key })
	if i < 0 {
		r := s.member.feeds.Attach(key, s.member, s.wakeFor)
		if r == nil { // the rights have just changed, and so the key
			return s.open(g)
		}
		i = len(s.views)
		s.views = append(s.views, &view{feed: r.Feed, reader: r, sent: map[sentItem]time.Time{}, changes: map[string]struct{}{}})
	}
	s.views[i].uses++
	return s.views[i]
}

// keyOf is the key of the feed through which the session reads a group: one shared with its
// audience, or the member's own.
func (s *session) keyOf(g *collection.Group) feed.Key {
	if audience := s.member.names.Audience(g); audience != "" && !s.plan.OwnFeeds {
		return feed.Key{Group: g, Audience: audience}
	}
	return feed.Key{Group: g, Owner: s.member}
}

// close undoes one call of open: the last one detaches the session from the feed.
func (s *session) close(v *view) {
	v.uses--
	if v.uses == 0 {
		s.views = slices.DeleteFunc(s.views, func(other *view) bool { return other == v })
		s.member.feeds.Detach(v.reader)
	}
}

// invitePatience is how long an INVITE waits for the new member's client to learn of the room, so
// that it can join when it is told.
const invitePatience = time.Second

// Invite implements ircd.RoomKeeper.
func (s *session) Invite(ctx context.Context, channel string, guest ircd.User) (member bool, err error) {
	j := s.joinedAs(channel)
	if j == nil || j.Room == "" {
		return false, nil
	}
	list := s.backend.roomsOf(guest.ID)
	if s.plan.rooms.Members == "" {
		if list == nil {
			return false, nil
		}
		if now, _, _ := list.Now(); now != nil && now.Rooms[j.Room] == nil {
			return false, notInvited(channel, guest.Nick+" may not read this room in Directus, and the rooms have no members to add to. "+whoRuns, nil)
		}
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	if err := (change{
		do:   func(ctx context.Context) error { return s.plan.rooms.Invite(ctx, s.member, j.Room, guest.ID) },
		done: func(ctx context.Context) (bool, error) { return s.plan.rooms.IsMember(ctx, s.member, j.Room, guest.ID) },
	}).confirm(ctx); err != nil {
		text, passing := inviting.told(err)
		if passing {
			return false, tryLater(text, err)
		}
		return false, notInvited(channel, text, err)
	}
	if list != nil {
		list.Reread()
		awaitRoom(ctx, list, j.Room)
	}
	return true, nil
}

// awaitRoom waits until a list has a room, or invitePatience is over.
func awaitRoom(ctx context.Context, list *rooms.List, room string) {
	ctx, cancel := context.WithTimeout(ctx, invitePatience)
	defer cancel()
	for {
		now, changed, _ := list.Now()
		if now != nil && now.Rooms[room] != nil {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// roomsOf is the list of rooms of a user who is connected; nil if there is none.
func (b *Backend) roomsOf(user string) *rooms.List {
	b.mu.Lock()
	m := b.members[user]
	b.mu.Unlock()
	if m == nil {
		return nil
	}
	return m.rooms.current(m)
}
