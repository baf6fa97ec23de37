package bridge

import (
	"context"
	"maps"
	"slices"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/rooms"
	"directus-ircd/ircd"
	"directus-ircd/ircd/wire"
)

// roomView is what a session knows of the rooms.
type roomView struct {
	seen *rooms.Listing // the latest that the client was told of; nil: none
	// due are the rooms to be joined unasked, by key, admitted those that the last Poll has asked
	// for, and next the names of those that the client itself asks for.
	due, admitted, next []string
	again               time.Time // the next ones are not due before
	batch               *batch    // of the past of those to be joined; nil: none
	// mine are the rooms that the user is a member of, by the reading with a version of the list by.
	mine    map[string]string
	version int
	by      rooms.Key
}

const (
	// admitAtOnce is how many rooms a client is made to join at a time, so that its other lines
	// do not wait for all.
	admitAtOnce = 10
	// inviteAtOnce is how many new rooms a client is invited to at a time. Of more, as after an
	// import, LIST tells.
	inviteAtOnce = 10
)

// roomList is the member's list by the configuration that the session has adopted; nil if there
// is none, or if the member has the one of a newer configuration already.
func (s *session) roomList() *rooms.List {
	l := s.member.rooms.current(s.member)
	if l == nil || l.Of() != s.plan.rooms {
		return nil
	}
	return l
}

// listing returns the rooms that the session's user may read, as far as that is proven; nil if
// they are not known, or there are none.
func (s *session) listing() *rooms.Listing {
	l := s.roomList()
	if l == nil || s.member.rights.MayNotRead(s.plan.rooms.Messages.Collection) {
		return nil
	}
	if l.Key().Owner == nil && !s.member.isVerified() {
		return nil
	}
	now, _, _ := l.Now()
	return now
}

// awaitListing is listing, but waits for the first reading of the rooms up to joinPatience.
func (s *session) awaitListing(ctx context.Context) (*rooms.Listing, error) {
	l := s.roomList()
	if l == nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, joinPatience)
	defer cancel()
	for {
		now, changed, err := l.Now()
		switch {
		case now != nil || collection.IsForbidden(err):
			return s.listing(), nil
		case err != nil:
			return nil, tryAgain(err)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, tryAgain(ctx.Err())
		}
	}
}

// followRooms tells the client what has become of the rooms since the last call.
func (s *session) followRooms(ctx context.Context) []ircd.Event {
	if s.plan.rooms == nil {
		return nil
	}
	now, old := s.listing(), s.rooms.seen
	var events []ircd.Event
	if now != nil {
		events = s.followMemberships(ctx, old, now)
	}
	if now != nil && now != old {
		s.rooms.seen = now
		ids, invited := now.Since(old), 0
		if old == nil {
			ids = slices.Concat(s.unlisted(now), ids)
		}
		for _, id := range ids {
			news := s.followRoom(id, old, now)
			if _, isInvitation := news.(*ircd.Invitation); isInvitation {
				if invited++; invited > inviteAtOnce {
					continue
				}
			}
			if news != nil {
				events = append(events, news)
			}
		}
		events = append(events, s.roomsRenamed()...)
	}
	if now == nil || time.Now().Before(s.rooms.again) {
		return events // no room could be joined
	}
	n := min(admitAtOnce, len(s.rooms.due))
	s.rooms.admitted, s.rooms.due = s.rooms.due[:n], s.rooms.due[n:]
	for _, id := range s.rooms.admitted {
		if c := s.plan.rooms.Channel(id); c != nil && s.joined[c.Key()] == nil {
			events = append(events, &ircd.Admission{Channel: c.Name()})
		}
	}
	if len(s.rooms.due) > 0 {
		s.ring()
	}
	return events
}

// gone is what a client is told that was in a room.
var gone = map[rooms.Cause]string{
	rooms.Unreadable: "Directus does not allow you to read this room any more",
	rooms.Archived:   "This room was archived",
	rooms.Deleted:    "This room was deleted",
}

// followRoom tells what has become of one room; nil if the client need not know.
func (s *session) followRoom(id string, old, now *rooms.Listing) ircd.Event {
	j, room := s.joined[collection.RoomKey(id)], now.Rooms[id]
	switch {
	case room == nil:
		s.rooms.due = without(s.rooms.due, id)
		if j == nil {
			return nil
		}
		s.drop(j)
		cause := now.CauseOf(id)
		return &ircd.Removal{Channel: j.Name(), Reason: gone[cause], Closed: cause != rooms.Unreadable}
	case j != nil && room.Topic != j.topic:
		j.topic = room.Topic
		return s.member.topicIn(j, room.Topic)
	case j != nil || old != nil && old.Rooms[id] != nil:
		return nil
	case s.joinsUnasked(id):
		s.rooms.due = append(s.rooms.due, id)
		return nil
	case old == nil:
		return nil
	}
	return &ircd.Invitation{Channel: s.plan.rooms.Channel(id).Name()}
}

func without(ids []string, id string) []string {
	return slices.DeleteFunc(ids, func(other string) bool { return other == id })
}

// followMemberships learns of which rooms the user is a member, and makes the client join those that
// it was given, and leave those that it was in for no other reason.
func (s *session) followMemberships(ctx context.Context, old, now *rooms.Listing) (events []ircd.Event) {
	l := s.roomList()
	if l == nil || s.plan.rooms.Current().Join != rooms.JoinMember {
		return nil
	}
	mine, version := l.MemberOf(ctx, s.member)
	if version == 0 || version == s.rooms.version && l.Key() == s.rooms.by {
		return nil
	}
	before := s.rooms.mine
	s.rooms.mine, s.rooms.version, s.rooms.by = mine, version, l.Key()
	wishes := s.backend.opts.State.rooms.Of(s.wishKey())
	for id := range before {
		j := s.joined[collection.RoomKey(id)]
		if _, still := mine[id]; still || now.Rooms[id] == nil || rooms.Has(wishes.Joined, id) {
			continue
		}
		if s.rooms.due = without(s.rooms.due, id); j != nil {
			s.drop(j)
			events = append(events, &ircd.Removal{Channel: j.Name(), Reason: "You are not a member of this room any more"})
		}
	}
	for _, id := range slices.SortedFunc(maps.Keys(mine), collection.CompareIDs) {
		_, known := before[id]
		if known || old == nil || old.Rooms[id] == nil || now.Rooms[id] == nil || s.joined[collection.RoomKey(id)] != nil {
			continue // it is told of as a new room
		}
		if rooms.Has(wishes.Parted, id) {
			events = append(events, &ircd.Invitation{Channel: s.plan.rooms.Channel(id).Name()})
		} else {
			s.rooms.due = append(without(s.rooms.due, id), id)
		}
	}
	return events
}

// joinsUnasked reports whether the client is to be in a room that it has not asked for in this
// session.
func (s *session) joinsUnasked(id string) bool {
	wishes := s.backend.opts.State.rooms.Of(s.wishKey())
	switch s.plan.rooms.Current().Join {
	case rooms.JoinAll:
		return !rooms.Has(wishes.Parted, id)
	case rooms.JoinMember:
		_, member := s.rooms.mine[id]
		return rooms.Has(wishes.Joined, id) || member && !rooms.Has(wishes.Parted, id)
	}
	return false
}

func (s *session) wishKey() string {
	return rooms.DeviceKey(s.backend.origin, s.person.ID, s.device.name, s.plan.rooms.Collection)
}

// wish remembers that the client's device is in a room by its own wish, or is not. A room that the
// client was made to join it has not wished for.
func (s *session) wish(c *collection.Channel, in bool) {
	if in && slices.Contains(s.rooms.admitted, c.Room) {
		return
	}
	if c.Room != "" && s.plan.rooms != nil && s.plan.rooms.Current().Join != rooms.JoinNone {
		s.backend.opts.State.rooms.Note(s.wishKey(), c.Room, in)
	}
}

// joinedAs finds a channel that the client is in, or the private messages, by the name that the
// client knows it by; nil if there is none.
func (s *session) joinedAs(name string) *joined {
	if j := s.joined[wire.Fold(name)]; j != nil || s.plan.rooms == nil {
		return j
	}
	if c := s.channelNamed(name); c != nil {
		return s.joined[c.Key()]
	}
	return nil
}

// channelNamed finds a channel by the name that the client knows it by. It is nil if there is
// none that the user may know of.
func (s *session) channelNamed(name string) *collection.Channel {
	c := s.plan.channels[wire.Fold(name)]
	if c != nil || s.plan.rooms == nil || !wire.IsChannel(name) {
		return c
	}
	same := func(j *joined) bool { return j != nil && j.Room != "" && wire.Fold(j.as) == wire.Fold(name) }
	c, moved := s.plan.rooms.Named(name)
	if c != nil && same(s.joined[c.Key()]) {
		return c
	}
	for _, j := range s.joined { // a room that was renamed, of which the client was not told yet
		if same(j) {
			return j.Channel
		}
	}
	if c == nil || moved || !s.mayKnow(c) {
		return nil
	}
	return c
}

// mayKnow reports whether it is proven that the user may read a room.
func (s *session) mayKnow(c *collection.Channel) bool {
	now := s.listing()
	return now != nil && now.Rooms[c.Room] != nil
}

// hasEnded reports that a room is known not to be there any more, or not for the user.
func (s *session) hasEnded(c *collection.Channel) bool {
	now := s.listing()
	return now != nil && now.Rooms[c.Room] == nil
}

// nameOf is the name by which the client knows a channel.
func (s *session) nameOf(c *collection.Channel) string {
	if j := s.joined[c.Key()]; j != nil {
		return j.Name()
	}
	return c.Name()
}

// topicText is the topic of a channel as the user may read it.
func (s *session) topicText(ctx context.Context, c *collection.Channel) string {
	if c.Room == "" {
		return s.member.topics.text(ctx, c)
	}
	now := s.listing()
	if now == nil { // the messages may be read again, and the rights were not looked at since
		now = s.rooms.seen
	}
	if now != nil && now.Rooms[c.Room] != nil {
		return now.Rooms[c.Room].Topic
	}
	return ""
}

// roomFor finds the room that a client asks to join, or makes it. The error is the reply to
// the JOIN.
func (s *session) roomFor(ctx context.Context, name string) (*collection.Channel, error) {
	if s.plan.rooms == nil {
		return nil, noSuchChannel(name)
	}
	if _, err := s.awaitListing(ctx); err != nil {
		return nil, err
	}
	l := s.roomList()
	if l != nil {
		if _, _, err := l.Now(); collection.IsForbidden(err) {
			return nil, roomsHidden(name, s.plan.rooms, err)
		}
	}
	if c := s.channelNamed(name); c != nil {
		return c, nil
	}
	if c, moved := s.plan.rooms.Named(name); moved && c != nil && s.mayKnow(c) {
		return nil, &ircd.Moved{Name: c.Name()}
	}
	if !s.plan.rooms.Current().Create || l == nil || s.listing() == nil {
		return nil, noSuchChannel(name)
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	c, err := s.plan.rooms.Make(ctx, l, s.member, name)
	if err != nil {
		return nil, notMade(name, err)
	}
	return c, nil
}

// DatesChannels implements ircd.ChannelDater.
func (s *session) DatesChannels(ctx context.Context) (created, topics bool) {
	if s.plan.rooms == nil || !s.member.Reads(s.plan.rooms.Collection, rooms.CreatedField) && !s.member.Reads(s.plan.rooms.Collection, rooms.UpdatedField) {
		return false, false
	}
	ctx, cancel := context.WithTimeout(ctx, collection.AnswerTimeout)
	defer cancel()
	if err := s.plan.rooms.LearnDates(ctx, s.member.account); err != nil {
		s.member.log.Debug().Err(err).Msg("find out whether the rooms are dated")
	}
	return s.readsDates()
}

// readsDates reports which dates of a room the user may read, where there are any.
func (s *session) readsDates() (created, updated bool) {
	r := s.plan.rooms
	reads := func(field string) bool { return r.HasDate(field) && s.member.Reads(r.Collection, field) }
	return reads(rooms.CreatedField), r.Fields.Topic != "" && reads(rooms.UpdatedField)
}

var _ rooms.Reader = (*member)(nil)

// roomName is the name of a room, by key; empty if it is not known.
func (m *member) roomName(id string) string {
	if p := m.rooms.plan.Load(); p.rooms != nil {
		if c := p.rooms.Channel(id); c != nil {
			return c.Name()
		}
	}
	return ""
}

// RenameChannel implements ircd.RoomKeeper.
func (s *session) RenameChannel(ctx context.Context, channel, name, reason string) error {
	j := s.joinedAs(channel)
	switch {
	case j == nil:
		return noSuchChannel(channel)
	case j.Room == "":
		return reply("", "CANNOT_RENAME", "This channel gets its name from the configuration of the server", nil, channel, name)
	}
	if c := s.plan.channels[wire.Fold(name)]; c != nil {
		return nameInUse(channel, name)
	}
	if c, moved := s.plan.rooms.Named(name); c != nil && !moved && c != j.Channel && s.mayKnow(c) {
		return nameInUse(channel, name)
	}
	same := wire.Fold(name) == wire.Fold(j.Channel.Name()) // then no Renaming follows
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	if err := s.plan.rooms.Rename(ctx, s.member, j.Room, name, reason); err != nil {
		return notRenamed(channel, name, err)
	}
	if same {
		s.mail.put("renamed", &ircd.ServiceNotice{Target: j.Name(), Text: "The room is called " + name[1:] + " in Directus now. Its channel stays " + j.Name() + ": channels have lower case"})
		s.ring()
	}
	return nil
}
