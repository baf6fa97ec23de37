package bridge

import (
	"context"
	"slices"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/feed"
	"directus-ircd/bridge/people"
	"directus-ircd/bridge/resume"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

// backlog is what a client is shown of the time before it joined.
type backlog struct {
	list     []found         // all of it; the messages may have been dropped
	messages []*ircd.Message // the first part
	notice   string          // shown in front of messages; empty if there is none
	more     ircd.More       // brings the parts that follow; nil if there are none
}

// backlog reads the latest messages of a channel, or those that the client's device has
// missed, and notes that they are shown. It takes at most patience. If some is set, the
// messages read by then are shown, even if they are not all.
func (s *session) backlog(ctx context.Context, j *joined, patience time.Duration, some bool) (*backlog, error) {
	reading, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	at, pos, readTo := time.Now(), j.view.reader.End(), j.view.feed.ReadTo()
	h := s.historyOf(j.Channel)
	h.most = s.backend.pages.Part()
	var p past
	err := s.inTurn(reading, h, func(reading context.Context) (err error) {
		if h.batch = s.batchFor(reading, h, j); h.batch != nil {
			at, pos, readTo = h.batch.at, h.batch.pos, h.batch.readTo
		}
		p, err = s.past(reading, h, j, some)
		return err
	})
	if err != nil {
		return nil, err
	}
	read := time.Now() // a reading of the feed that begins after this finds all rows of the backlog
	shown := make(map[string]collection.Digest, len(p.list))
	for _, l := range p.list {
		shown[l.row.ID] = l.sum()
	}
	left := slices.DeleteFunc(slices.Clone(s.unread(reading, j, p)), func(l found) bool {
		_, live := j.live[l.row.ID]
		return live || j.view.hasSent(j.Channel, l.row.ID)
	})
	due := &parts{session: s, historian: h, left: left}
	p.lower(s.earliest(j, at))
	b := &backlog{list: p.list, notice: p.notice}
	first := reading
	if some { // finding the messages may have used up the time of reading
		first = ctx
	}
	if b.messages, err = s.backlogPart(first, j, due.next, shown); err != nil && !some {
		return nil, err
	}
	if len(due.left) > 0 {
		b.more = func(ctx context.Context) ([]ircd.Event, error) {
			messages, err := s.backlogPart(ctx, j, due.nextPatiently, shown)
			if collection.IsForbidden(err) && s.breakOff(j, due.left, shown) {
				return nil, nil
			}
			if err != nil || len(messages) == 0 {
				return nil, err
			}
			return s.backlogEvents(j, messages), nil
		}
	}
	j.due, j.since, j.had = false, feed.JoinMoment{}, resume.Position{}
	j.shown, j.shownAt, j.floorPos = shown, read, pos
	if !p.end {
		j.floor, j.floorAt = p.floor, at
	}
	j.live = nil
	if j.visit != nil {
		s.catchUp(j.visit, p, readTo)
	}
	return b, nil
}

// lower lowers a floor that is dated in the future to the present, as what is written from now on is
// dated before it. The ID "0" is in front of all keys of that date.
func (p *past) lower(present time.Time) {
	if p.floor != nil && !present.IsZero() && p.floor.Date.After(present) {
		p.floor = &collection.Row{Date: present, ID: "0"}
	}
}

// joinBacklog adds the backlog to the answer to a JOIN, and returns all that is in it.
func (s *session) joinBacklog(ctx context.Context, j *joined, answer *ircd.Channel) (list []found, err error) {
	b, err := s.backlog(ctx, j, joinPatience, false)
	if err != nil {
		return nil, err
	}
	answer.Backlog, answer.Notice, answer.More = b.messages, b.notice, b.more
	return b.list, nil
}

// backlogPart returns the messages of the next part of a backlog; none at the end. It updates
// shown, the digests of all messages of the backlog by key.
func (s *session) backlogPart(ctx context.Context, j *joined, next func(context.Context) ([]found, error), shown map[string]collection.Digest) (messages []*ircd.Message, err error) {
	for len(messages) == 0 {
		list, err := next(ctx)
		if err != nil || len(list) == 0 {
			return nil, err
		}
		for _, l := range list {
			shown[l.row.ID] = l.sum()
			if j.view.feed.Remember(l.row, j.Channel, l.message) {
				messages = append(messages, l.message)
			}
		}
	}
	return messages, nil
}

// breakOff makes the rest of a backlog (left) due again after the user has lost the right to
// read it: the client is shown it when the right is back. shown are all messages of the
// backlog. It does nothing and returns false if the client has left the channel, or has a
// device: the position of a device moves on only with a whole backlog, so the client has to
// reconnect.
func (s *session) breakOff(j *joined, left []found, shown map[string]collection.Digest) bool {
	if j.visit != nil || s.joined[j.Key()] != j || len(shown)-len(left) >= feed.MaxBehind/2 {
		return false
	}
	j.due, j.since, j.live = true, feed.JoinMoment{At: time.Now(), Date: left[0].row.Date}, map[string]struct{}{}
	for id := range shown {
		j.live[id] = struct{}{}
	}
	for _, l := range left {
		delete(j.live, l.row.ID)
	}
	s.ringLater()
	return true
}

// ringLater makes the session try its due backlogs again after backlogRetry, and not before.
func (s *session) ringLater() {
	s.nextBacklog = time.Now().Add(backlogRetry)
	if s.retry == nil {
		s.retry = time.AfterFunc(backlogRetry, s.ring)
		return
	}
	s.retry.Reset(backlogRetry)
}

// dueEvents delivers a backlog that JOIN could not. As an attempt may take long, there is one
// per backlogRetry, and at once when the feed has read something: then Directus answers
// again, and the backlog has to be shown before what the feed has read. An attempt that does
// not get all messages shows those it has got, as the next might not get more.
func (s *session) dueEvents(ctx context.Context, j *joined, down bool) []ircd.Event {
	ready, _, err := j.view.feed.Status()
	waits := down || time.Now().Before(s.nextBacklog)
	if !j.due || j.move != nil || !ready || err != nil || waits && !j.view.reader.HasRead() {
		return nil
	}
	if end, ok := ctx.Deadline(); ok && time.Until(end) < duePatience {
		s.ringLater() // another channel has used up the time of this Poll
		return nil
	}
	b, err := s.backlog(ctx, j, duePatience, true)
	if err != nil {
		s.ringLater()
		return nil
	}
	var events []ircd.Event
	if b.notice != "" {
		events = append(events, &ircd.ServiceNotice{Target: j.Name(), Text: b.notice})
	}
	events = append(events, s.backlogEvents(j, b.messages)...)
	if b.more != nil {
		events = append(events, &ircd.Rest{More: b.more})
	}
	return events
}

// batch is what was read at once of the past of many rooms, which the client joins one after the
// other. Its owner is the session.
type batch struct {
	view *view
	feed *feed.Feed
	// at, pos and readTo are those of backlog, when the reading began. What the feed has brought since
	// is not in the batch: see session.outdate.
	at     time.Time
	pos    int64
	readTo feed.Extent
	asked  map[string]bool       // which rooms were read, by key
	rooms  map[string]*batchRoom // those of them that were not used yet, by key
	refs   people.References     // of all rows
	top    map[string]string     // the highest keys, if they are numbers and there is a device
	spent  int64                 // bytes
	// devices says that the client has one, so that top is asked for.
	devices bool
	length  int // how many messages the backlog of a room has that nothing is known of
}

// batchRoom is a room in a batch.
type batchRoom struct {
	filter directus.Filter  // of what a device may have missed; nil: the latest are wanted
	rows   []collection.Row // newest first
	bound  time.Time        // older rows were not read; zero: there are none
}

const (
	// fewRooms is how many rooms are read one by one.
	fewRooms = 2
	// batchRooms is how many rooms are in a batch at most, and batchLife how long it is used: what is
	// edited meanwhile is shown as it was. batchPages is how many questions it takes for what devices
	// have missed, and for the latest messages before those rooms are left out of which there are
	// enough; latestPages is how many for these in all.
	batchRooms  = 100
	batchPages  = 4
	latestPages = 16
	batchLife   = 5 * time.Second
	// rowCost is about how many bytes a row takes besides its text.
	rowCost = 512
)

// batchFor returns a batch with the room of j, and reads one if many rooms are still to be joined;
// nil if the room is to be read alone.
func (s *session) batchFor(ctx context.Context, h *historian, j *joined) *batch {
	if j.Room == "" || j.view.feed.Group.Index == nil {
		return nil
	}
	b := s.rooms.batch
	if b == nil || b.view != j.view || b.feed != j.view.feed || time.Since(b.at) > batchLife || !b.asked[j.Room] {
		b = &batch{view: j.view, feed: j.view.feed, length: j.length(), at: time.Now(), pos: j.view.reader.End(), readTo: j.view.feed.ReadTo()}
		s.rooms.batch = nil
		if s.expect(b, j); len(b.rooms) <= fewRooms {
			return nil
		}
		s.rooms.batch = b
		if err := b.read(ctx, h); err != nil {
			s.member.log.Debug().Err(err).Msg("read the backlogs of many rooms")
			b.rooms = nil // they are read one by one
		}
		h.read += b.spent
	}
	if b.rooms[j.Room] == nil {
		return nil
	}
	return b
}

// expect puts into a batch the rooms that the client is about to be shown the past of, with what its
// device may have missed.
func (s *session) expect(b *batch, j *joined) {
	b.asked, b.rooms = map[string]bool{}, map[string]*batchRoom{}
	add := func(c *collection.Channel, v *visit) {
		b.asked[c.Room], b.rooms[c.Room] = true, &batchRoom{}
		if v == nil {
			return
		}
		b.devices = true
		if had := s.has(v); had.Known() {
			b.rooms[c.Room].filter = directus.And(directus.Filter(c.Filter), had.Above(j.view.feed.Group.Dates.HaveNumbers()).Bound().Below(j.view.feed.Group))
		}
	}
	add(j.Channel, j.visit)
	for _, o := range s.inOrder {
		if o.Room != "" && o.due && o.view == j.view && len(b.rooms) < batchRooms {
			add(o.Channel, o.visit)
		}
	}
	var next []*collection.Channel
	for _, name := range s.rooms.next {
		next = append(next, s.channelNamed(name))
	}
	for _, id := range slices.Concat(s.rooms.admitted, s.rooms.due) {
		next = append(next, s.plan.rooms.Channel(id))
	}
	for _, c := range next {
		if c != nil && c.Room != "" && s.joined[c.Key()] == nil && len(b.rooms) < batchRooms {
			add(c, s.visit(c, ircd.JoinOptions{Backlog: true, Bot: j.bot}))
		}
	}
}

// read reads what the device may have missed in all rooms, and the latest messages of those of which
// nothing is known.
func (b *batch) read(ctx context.Context, h *historian) error {
	h.group = b.feed.Group
	if err := h.learn(ctx); err != nil {
		return err
	}
	var missed []directus.Filter
	var known, latest []string
	for id, r := range b.rooms {
		if r.filter != nil {
			known, missed = append(known, id), append(missed, r.filter)
		} else {
			latest = append(latest, id)
		}
	}
	var rows []collection.Row
	var err error
	if len(known) > 0 {
		rows, err = b.readRooms(ctx, h, directus.Or(missed...), known, batchPages, nil)
	}
	if err == nil && len(latest) > 0 {
		rows, err = b.readRooms(ctx, h, directus.Compare(h.group.Index.Field, "_in", latest), latest, latestPages, rows)
	}
	if err != nil {
		return err
	}
	if b.refs, err = h.member.names.References(ctx, h.group, rows); err != nil || !b.devices || !h.group.Dates.HaveNumbers() {
		return err
	}
	b.top, err = h.highestKeys(ctx, slices.Concat(known, latest))
	return err
}

// give gives a scan of a room what the batch has of it; then the scan goes on behind that. Of a room
// of which nothing is known to be missed since a date, the batch is all that is shown.
func (b *batch) give(ctx context.Context, sc *rangeScan, since time.Time) error {
	r := b.rooms[sc.channel.Room]
	if r == nil {
		return nil
	}
	delete(b.rooms, sc.channel.Room)
	sc.rows.Bound, sc.rows.Done = r.bound, r.bound.IsZero()
	if !sc.rows.Done && r.filter == nil && (since.IsZero() || !r.bound.After(since)) {
		sc.rows.Done, sc.cutAt = true, r.bound
	}
	sc.refs = &b.refs
	defer func() { sc.refs = nil }()
	return sc.add(ctx, r.rows, false)
}

// outdate takes a room out of the batch of which the feed has brought something that the client is
// not shown, as it is to be shown the past first.
func (s *session) outdate(c *collection.Channel, j *joined) {
	if s.rooms.batch != nil && c.Room != "" && (j == nil || j.due) {
		delete(s.rooms.batch.rooms, c.Room)
	}
}

func (s *session) backlogEvents(j *joined, messages []*ircd.Message) []ircd.Event {
	if j.Private {
		return conversations(messages, s.person.ID)
	}
	return []ircd.Event{&ircd.Backlog{Channel: j.Name(), Messages: messages}}
}
