package bridge

import (
	"slices"
	"sync"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/feed"
	"directus-ircd/bridge/rooms"
	"directus-ircd/ircd"
	"directus-ircd/ircd/wire"
)

// view is how a session reads one feed, for one or more channels. Its owner is the session.
type view struct {
	feed   *feed.Feed
	reader *feed.Reader
	uses   int  // channels that are joined in the view or moving to it
	out    int  // how many of them the client is out of (see exile); the view is read if 0
	held   bool // a move to the view is under way: it is not read yet
	// sent are the display times of rows that Send has returned and the feed is still to
	// bring. changes are the names of entries that other methods have returned.
	sent    map[sentItem]time.Time
	changes map[string]struct{}
}

// promise makes the feed show whatever is written from now on as news, even if its first
// reading comes later. If the reader was passed on to other feeds meanwhile, it holds for
// them too.
func (v *view) promise() {
	for r := v.reader; r != nil; r = r.Next.Load() {
		r.Feed.Promise()
	}
}

// returned notes a change that a method of the session returns, so that it is not shown
// again when the feed brings it.
func (v *view) returned(e feed.Entry) {
	if len(v.changes) >= feed.MaxBehind {
		clear(v.changes) // the feed has brought none of these for long
	}
	v.changes[e.Name()] = struct{}{}
}

// sentItem is a row in one of the channels of a view.
type sentItem struct {
	channel *collection.Channel
	id      string
}

// hasSent reports whether the client has sent a row that the feed is still to bring.
func (v *view) hasSent(c *collection.Channel, id string) bool {
	_, ok := v.sent[sentItem{c, id}]
	return ok
}

// wants reports whether the client is to be shown an entry of a feed, at the position pos in
// it. j is the entry's channel if the client has joined it, else nil. wants notes what it
// decides, so it is called once for each entry.
func (s *session) wants(v *view, j *joined, e *feed.Entry, pos int64) bool {
	if j != nil && j.view != v {
		return false // the client reads the channel through another feed
	}
	if e.IsChange() {
		return v.wantsChange(j, e, pos)
	}
	if _, again := v.reader.Skip[e.Row.ID]; again && !e.Restored {
		return false
	}
	sent, wanted := v.hasSent(e.Channel, e.Row.ID), false
	if sent {
		delete(v.sent, sentItem{e.Channel, e.Row.ID})
	} else if j != nil {
		wanted = s.isNew(j, e, pos)
	}
	if j != nil && j.due && (sent || wanted) {
		j.noteLive(e.Row.ID)
	}
	return wanted
}

// isNew reports whether a message that the client has not sent is to be shown live: neither
// a backlog, a page of history nor an earlier connection of the device has shown it, and no
// backlog will.
func (s *session) isNew(j *joined, e *feed.Entry, pos int64) bool {
	if _, shown := j.shown[e.Row.ID]; shown || pos < j.floorPos {
		return false
	}
	if j.received != nil && !e.Restored && j.received(e.Row) {
		return false
	}
	if e.Read && j.floor != nil && collection.CompareRows(e.Row, *j.floor) <= 0 && !s.mayBeNew(j, e.Row) {
		return false // from before the backlog
	}
	// wasFetched comes last: it notes the row as shown, so that no page shows it again.
	return !j.fetches || !j.wasFetched(&e.Row)
}

// mayBeNew reports whether a row dated before the backlog may have been written after it was
// read, because the clock of Directus was set back.
func (s *session) mayBeNew(j *joined, r collection.Row) bool {
	earliest := s.earliest(j, j.floorAt)
	return !earliest.IsZero() && !r.Date.Before(earliest)
}

// noteLive notes a row that is shown live while the backlog is due, which will leave it out.
func (j *joined) noteLive(id string) {
	if j.live == nil {
		j.live = map[string]struct{}{}
	}
	j.live[id] = struct{}{}
	j.due = len(j.live) < feed.MaxBehind // after so many rows, a backlog would be of no use any more
}

// wantsChange is wants for an edit, a deletion or a reaction.
func (v *view) wantsChange(j *joined, e *feed.Entry, pos int64) bool {
	if _, redaction := e.Event.(*ircd.Redaction); redaction && j != nil && !j.due && pos >= j.floorPos {
		// If the message is restored, it has to be shown again.
		delete(j.shown, e.Row.ID)
		delete(j.ahead, e.Row.ID)
	}
	if _, own := v.changes[e.Name()]; own {
		delete(v.changes, e.Name())
		return false
	}
	if j == nil || pos < j.floorPos {
		return false
	}
	text, shown := j.shown[e.Row.ID]
	if _, live := j.live[e.Row.ID]; j.due && !live {
		return false // the backlog will show the message as it is by then
	}
	if _, redaction := e.Event.(*ircd.Redaction); redaction {
		return true
	}
	return !shown || e.Text == "" || text != collection.DigestOf(e.Text)
}

// maxOnce bounds joined.early and joined.ahead, which keep a message from being shown twice.
const maxOnce = 1024

// brought is the key and date of a row that a feed has brought.
type brought struct {
	id   string
	date time.Time
}

// wasFetched reports whether a page of history has already shown a row that the feed brings
// now. If not, and a page could show the row, it notes that pages are to leave it out.
func (j *joined) wasFetched(r *collection.Row) bool {
	if c := r.Date.Compare(j.brought.date); c > 0 || c == 0 && collection.CompareIDs(r.ID, j.brought.id) > 0 {
		j.brought = brought{r.ID, r.Date}
	}
	if _, fetched := j.ahead[r.ID]; fetched {
		delete(j.ahead, r.ID)
		return true
	}
	if r.ShownAt().Before(j.at) && len(j.early) < maxOnce {
		if j.early == nil {
			j.early = map[string]struct{}{}
		}
		j.early[r.ID] = struct{}{}
	}
	return false
}

// pageShown notes the rows that a page of history has shown, oldest first. arrived is the
// place of the latest row when the page was asked for.
func (s *session) pageShown(h *historian, list []found, arrived int64) {
	if len(list) == 0 {
		return
	}
	if s.pageEnds == nil {
		s.pageEnds = map[*collection.Channel]*pageEnd{}
	}
	last := list[len(list)-1]
	s.pageEnds[h.channel] = &pageEnd{last.row.ID, last.row.ShownAt(), arrived}
	if j := s.joined[h.channel.Key()]; j != nil && j.fetches && j.view.feed == h.feed {
		j.fetched(list)
	}
}

// fetched notes the rows of a page that the feed is still to bring, so that they are not
// shown again. When there are too many, those of earlier pages are forgotten.
func (j *joined) fetched(list []found) {
	rows := func(yield func(string, time.Time) bool) {
		for i := range list {
			if r := &list[i].row; !yield(r.ID, r.Date) {
				return
			}
		}
	}
	for _, id := range j.view.feed.StillToBring(j.view.reader, rows) {
		if j.ahead == nil || len(j.ahead) >= maxOnce {
			j.ahead = map[string]struct{}{}
		}
		j.ahead[id] = struct{}{}
	}
}

// noteOvertakes notes, when a client that fetches history leaves a channel, which of its own
// lines it was shown ahead of rows that the feed is still to bring. When the client comes
// back and fetches from such a line on, it is given those rows too: see historian.overtaken.
func (s *session) noteOvertakes(j *joined) {
	seen := collection.Bound{Date: j.at}
	if b := j.brought; !b.date.Before(j.at) && !b.date.After(collection.DateLimit(s.member.account)) {
		seen = collection.Bound{Date: b.date, ID: b.id, Behind: true}
	}
	lines := map[string]time.Time{}
	for sent, at := range j.view.sent {
		if sent.channel == j.Channel && !at.Before(seen.Date) {
			lines[sent.id] = at
		}
	}
	if !j.fetches || len(lines) == 0 {
		return
	}
	waiting := slices.DeleteFunc(j.view.reader.Waiting(j.Channel), seen.IsInFrontOf)
	waiting = waiting[max(0, len(waiting)-maxTies):]
	dates := j.view.feed.Group.Dates
	dates.Over.Note(collection.Overtake{User: s.person.ID, Lines: lines, Seen: seen, Waiting: waiting, Arrived: dates.Late.SoFar()})
}

// mailbox holds states that were changed elsewhere, such as topics and read markers, until
// the session polls. Only the latest of each key is kept, so its size is bounded by the
// number of keys.
type mailbox struct {
	mu     sync.Mutex            // a leaf lock
	keys   []string              // in the order of their first change; guarded by mu
	events map[string]ircd.Event // guarded by mu
}

// put adds an event, and drops an earlier one with the same key. It never waits.
func (b *mailbox) put(key string, ev ircd.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.events == nil {
		b.events = map[string]ircd.Event{}
	}
	if _, again := b.events[key]; !again {
		b.keys = append(b.keys, key)
	}
	b.events[key] = ev
}

func (b *mailbox) take() []ircd.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	var events []ircd.Event
	for _, key := range b.keys {
		events = append(events, b.events[key])
	}
	b.keys, b.events = nil, nil
	return events
}

// isTold makes events of the time before the client was told of a new name carry the old one, and
// the other way round, so that they are shown where the client has the room.
func (j *joined) isTold(ev ircd.Event) ircd.Event {
	name := j.Name()
	switch e := ev.(type) {
	case *ircd.Message:
		if e.Target != name {
			told := *e
			told.Target = name
			return &told
		}
	case *ircd.Redaction:
		if e.Target != name {
			told := *e
			told.Target = name
			return &told
		}
	case *ircd.Reaction:
		if e.Target != name {
			told := *e
			told.Target = name
			return &told
		}
	case *ircd.ServiceNotice:
		if e.Target != name {
			told := *e
			told.Target = name
			return &told
		}
	}
	return ev
}

// waitsForItself reports whether the room that has the name of a room is to get the name of another
// one, and so on, up to that of the room itself.
func waitsForItself(j *joined, names map[*joined]string, has map[string]*joined) bool {
	other := j
	for range len(names) {
		name, renamed := names[other]
		if !renamed {
			return false
		}
		if other = has[wire.Fold(name)]; other == j {
			return true
		}
	}
	return false
}

// unlisted are the rooms that the client is in, by key, which are gone since it joined them.
func (s *session) unlisted(now *rooms.Listing) (ids []string) {
	for _, j := range s.inOrder {
		if j.Room != "" && now.Rooms[j.Room] == nil {
			ids = append(ids, j.Room)
		}
	}
	return ids
}
