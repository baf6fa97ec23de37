package rooms

import (
	"context"
	"encoding/json"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
)

// userField is the field of the memberships with the user, as Directus names it.
const userField = "directus_users_id"

// membership is of which rooms one reader is a member. Rooms.mu guards the fields; maps are
// replaced, not changed.
type membership struct {
	rooms map[string]string // the keys of the memberships, which may be empty, by room; nil: not read yet
	// doubts counts the reasons to read again, and settled is how many of them the last reading
	// has settled.
	doubts, settled int
	version         int       // counts the readings
	again           time.Time // after a failure it is not read before
	attached        int       // how often the reader reads the list
}

// memberRetry is the pause after a reading of memberships that has failed.
const memberRetry = 5 * time.Second

// roomField is the field of the memberships with the room, as Directus names it.
func (c *Config) roomField() string { return c.Collection + "_id" }

// watchesMembers reports whether memberships change what the readers of the list see.
func (l *List) watchesMembers() bool {
	return l.rooms.Fields.Member != "" && (l.key.Owner != nil || l.rooms.Current().Join == JoinMember)
}

// Doubt makes MemberOf ask Directus again.
func (l *List) Doubt(m Reader) {
	l.rooms.mu.Lock()
	defer l.rooms.mu.Unlock()
	if mine := l.mine[m]; mine != nil {
		mine.doubt()
	}
}

// doubt notes a reason to read again. The caller holds Rooms.mu.
func (m *membership) doubt() {
	m.doubts++
	m.again = time.Time{}
}

// MemberOf lists the rooms that a reader of the list is a member of, by key; it is not to be
// changed. version counts the readings; 0: it is not known. Directus is asked if it is in doubt.
func (l *List) MemberOf(ctx context.Context, m Reader) (mine map[string]string, version int) {
	if l.rooms.Fields.Member == "" {
		return nil, 0
	}
	now, doubtful := l.membership(m)
	if !doubtful {
		return now.rooms, now.version
	}
	ctx, cancel := context.WithTimeout(ctx, collection.AnswerTimeout)
	defer cancel()
	read, err := l.rooms.readMemberships(ctx, m)
	if err != nil {
		m.Log().Debug().Err(err).Str("collection", l.rooms.Members).Msg("read of which rooms the user is a member")
	}
	l.rooms.mu.Lock()
	defer l.rooms.mu.Unlock()
	next := l.mine[m]
	switch {
	case next == nil:
		return nil, 0
	case err != nil:
		next.again = time.Now().Add(memberRetry)
	case next.settled <= now.doubts: // a reading that has begun later knows better
		next.settled, next.rooms = now.doubts, read
		next.version++
	}
	return next.rooms, next.version
}

func (l *List) membership(m Reader) (now membership, doubtful bool) {
	l.rooms.mu.Lock()
	defer l.rooms.mu.Unlock()
	if mine := l.mine[m]; mine != nil {
		return *mine, mine.doubts != mine.settled && time.Now().After(mine.again)
	}
	return membership{}, false
}

// readMemberships asks Directus for the memberships of a reader: those of its own, or, where it may
// not read them or they have other names, the rooms that lead to them.
func (r *Rooms) readMemberships(ctx context.Context, m Reader) (map[string]string, error) {
	mine := map[string]string{}
	err := collection.ReadItems(ctx, m.Account(), r.Members, keyField, directus.Query{
		Fields: []string{keyField, r.roomField()}, Filter: directus.Eq(userField, m.Account().ID()),
	}, r.Current().Limit, func(item map[string]json.RawMessage) {
		mine[collection.Scalar(item[r.roomField()])] = collection.Scalar(item[keyField])
	})
	if !collection.IsForbidden(err) && !directus.IsCode(err, directus.CodeInvalidCollection) {
		return mine, err
	}
	clear(mine)
	err = collection.ReadItems(ctx, m.Account(), r.Collection, keyField, directus.Query{
		Fields: []string{keyField}, Filter: directus.Filter{r.Fields.Member: map[string]any(directus.Eq(userField, m.Account().ID()))},
	}, r.Current().Limit, func(item map[string]json.RawMessage) { mine[collection.Scalar(item[keyField])] = "" })
	return mine, err
}

// subscribeMembers subscribes to the memberships as the leader, if it may read them: an own list to
// those of its owner.
func (f *follower) subscribeMembers(ctx context.Context) {
	l, r := f.list, f.list.rooms
	if f.members != nil || !l.watchesMembers() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, collection.AnswerTimeout)
	defer cancel()
	fields := []string{keyField, r.roomField(), userField}
	// Directus does not check a subscription, and sends an error for each event instead.
	var items []json.RawMessage
	if err := f.reader.Account().Items(ctx, r.Members, directus.Query{Fields: fields, Limit: 1}, &items); err != nil {
		f.reader.Log().Debug().Err(err).Str("collection", r.Members).Msg("memberships show late")
		return
	}
	q := directus.SubscriptionQuery{Fields: fields, Events: []directus.EventKind{directus.EventCreate, directus.EventUpdate, directus.EventDelete}}
	if l.key.Owner != nil {
		q.Filter = directus.Eq(userField, f.reader.Account().ID())
	}
	f.members = f.reader.Realtime().Subscribe(r.Members, q)
}

func (f *follower) leaveMembers() {
	if f.members != nil {
		f.members.Close()
		f.members = nil
	}
}

func (f *follower) membersWake() <-chan struct{} {
	if f.members == nil {
		return nil
	}
	return f.members.Wake()
}

// membersReady reports whether what is read from now on misses no membership that the events do not
// tell of.
func (f *follower) membersReady() bool {
	if f.members != nil && f.members.Err() != nil {
		f.leaveMembers()
	}
	return f.members == nil || f.members.Active()
}

// readMembers takes what events tell of memberships, before the rooms are read. It returns the rooms
// that the owner of the list may see now or not see any more; perhaps all.
func (f *follower) readMembers(ctx context.Context) (rooms []string, all bool) {
	if f.members != nil {
		if events, gap := f.members.Drain(); gap || len(events) > 0 {
			rooms, all = f.takeMembers(events, gap)
		}
	}
	if f.list.key.Owner != nil && f.list.watchesMembers() {
		f.list.MemberOf(ctx, f.reader) // an event that a membership was deleted has no more than its key
	}
	return rooms, all
}

// takeMembers has the readers that events concern ask for their memberships again, and wakes them.
// It returns the rooms of the memberships; all of an owner's are to be read if they are not known.
func (f *follower) takeMembers(events []directus.Event, gap bool) (rooms []string, all bool) {
	users, keys := map[string]bool{}, map[string]bool{}
	for _, e := range events {
		for _, raw := range e.Items {
			var item map[string]json.RawMessage
			if json.Unmarshal(raw, &item) != nil {
				continue
			}
			users[collection.Scalar(item[userField])] = true
			keys[collection.Scalar(item[keyField])] = true // it may have been somebody else's
			rooms = append(rooms, collection.Scalar(item[f.list.rooms.roomField()]))
		}
		for _, key := range e.Keys {
			keys[key] = true
		}
	}
	l := f.list
	readers := l.attached()
	ids := make(map[Reader]string, len(readers))
	for _, r := range readers {
		ids[r.Reader] = r.Account().ID()
	}
	concerned := map[Reader]bool{}
	l.rooms.mu.Lock()
	for m, mine := range l.mine {
		is := gap || mine.rooms == nil || users[ids[m]]
		for room, key := range mine.rooms {
			if keys[key] {
				is, rooms = true, append(rooms, room)
			}
		}
		if is {
			concerned[m] = true
			mine.doubt()
		}
	}
	l.rooms.mu.Unlock()
	for _, r := range readers {
		if concerned[r.Reader] {
			r.wake()
		}
	}
	if l.key.Owner == nil {
		return nil, false
	}
	return rooms, gap || len(concerned) > 0 && len(rooms) == 0
}

// Invite makes a user a member of a room, as the reader m. It succeeds if the user is one already.
func (r *Rooms) Invite(ctx context.Context, m Reader, room, user string) error {
	if is, err := r.IsMember(ctx, m, room, user); is || err != nil && !collection.IsForbidden(err) {
		return err
	}
	item := map[string]any{r.roomField(): collection.KeyValue(room), userField: user}
	err := m.Account().CreateItem(ctx, r.Members, item, []string{keyField}, nil)
	if directus.IsCode(err, directus.CodeRecordNotUnique) {
		return nil
	}
	return err
}

// IsMember reports whether a user is a member of a room, as far as the reader m may know.
func (r *Rooms) IsMember(ctx context.Context, m Reader, room, user string) (bool, error) {
	var items []json.RawMessage
	err := m.Account().Items(ctx, r.Members, directus.Query{
		Fields: []string{keyField}, Filter: directus.And(directus.Eq(r.roomField(), room), directus.Eq(userField, user)), Limit: 1,
	}, &items)
	return len(items) > 0, err
}
