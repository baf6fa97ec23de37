package bridge

import (
	"sync"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/feed"
	"directus-ircd/ircd"
	"directus-ircd/ircd/wire"
)

// view is a session's reading of one feed.
type view struct {
	feed   *feed.Feed
	reader *feed.Reader
	uses   int  // channels joined, or on their way here
	out    int  // how many of them the client is out of: it is not read then, see exile
	held   bool // not read yet: see move
	// sent holds what Send has returned and the feed still brings, with its times, and
	// changes those of other methods.
	sent    map[sentItem]time.Time
	changes map[string]struct{}
}

// promise makes news of what is written from now on, for whoever reads the view, in
// whichever feed its reader is by now.
func (v *view) promise() {
	for r := v.reader; r != nil; r = r.Next.Load() {
		r.Feed.Promise()
	}
}

// returned notes a change that a method of the session returns, which the feed
// brings as well.
func (v *view) returned(e feed.Entry) {
	if len(v.changes) >= feed.MaxBehind {
		clear(v.changes) // the feed had no more to say of these
	}
	v.changes[e.Name()] = struct{}{}
}

// sentItem is a row as it shows in one of the channels.
type sentItem struct {
	channel *collection.Channel
	id      string
}

func (v *view) hasSent(c *collection.Channel, id string) bool {
	_, ok := v.sent[sentItem{c, id}]
	return ok
}

// wants tells whether the client has yet to be shown an entry of a feed. j is the channel of the
// entry as the client has joined it, nil if it has not.
func (s *session) wants(v *view, j *joined, e *feed.Entry, pos int64) bool {
	if j != nil && j.view != v {
		return false // a channel joined alone, in a group that it could share
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

// isNew tells whether the client, who has not sent it, was not shown the message of an entry
// by a backlog, or by a page, nor will be: what the feed had brought before the JOIN the
// backlog shows.
func (s *session) isNew(j *joined, e *feed.Entry, pos int64) bool {
	if _, shown := j.shown[e.Row.ID]; shown || pos < j.floorPos {
		return false
	}
	if j.received != nil && !e.Restored && j.received(e.Row) {
		return false
	}
	if e.Read && j.floor != nil && collection.CompareRows(e.Row, *j.floor) <= 0 && !s.mayBeNew(j, e.Row) {
		return false // of the past, which the client was shown or fetches
	}
	// Last, as it notes what is shown from here on, which no page is to show again.
	return !j.fetches || !j.wasFetched(&e.Row)
}

// mayBeNew reports whether a row in front of a backlog may have been written since that was
// read, as the clock of Directus was set back.
func (s *session) mayBeNew(j *joined, r collection.Row) bool {
	earliest := s.earliest(j, j.floorAt)
	return !earliest.IsZero() && !r.Date.Before(earliest)
}

// noteLive notes what is shown while the backlog is due, which is to leave it out.
func (j *joined) noteLive(id string) {
	if j.live == nil {
		j.live = map[string]struct{}{}
	}
	j.live[id] = struct{}{}
	j.due = len(j.live) < feed.MaxBehind // after that much it is no backlog any more
}

// wantsChange is wants for what became of a message.
func (v *view) wantsChange(j *joined, e *feed.Entry, pos int64) bool {
	if _, redaction := e.Event.(*ircd.Redaction); redaction && j != nil && !j.due && pos >= j.floorPos {
		// Should the message be restored, it is to be shown again.
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
		return false // the backlog will show how it is then
	}
	if _, redaction := e.Event.(*ircd.Redaction); redaction {
		return true
	}
	return !shown || e.Text == "" || text != collection.DigestOf(e.Text)
}

const (
	// maxOnce bounds the ids of each kind that are kept to show a message once.
	maxOnce = 1024
)

// brought is the place of a row that a feed has brought.
type brought struct {
	id   string
	date time.Time
}

// wasFetched reports that a page of history has shown a row that the feed brings now.
// Of the others it notes those that a page might show as well.
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

// pageShown notes what a page of history has shown, and come, the place of the latest row
// when it was asked for.
func (s *session) pageShown(h *historian, list []found, come int64) {
	if len(list) == 0 {
		return
	}
	if s.pageEnds == nil {
		s.pageEnds = map[*collection.Channel]*pageEnd{}
	}
	last := list[len(list)-1]
	s.pageEnds[h.channel] = &pageEnd{last.row.ID, last.row.ShownAt(), come}
	if j := s.joined[wire.Fold(h.channel.Name)]; j != nil && j.fetches && j.view.feed == h.feed {
		j.fetched(list)
	}
}

// fetched notes the rows of a page that the feed has not brought yet.
func (j *joined) fetched(list []found) {
	rows := make([]collection.Row, 0, len(list))
	for _, l := range list {
		rows = append(rows, l.row)
	}
	for _, id := range j.view.feed.StillToBring(j.view.reader, rows) {
		if j.ahead == nil || len(j.ahead) >= maxOnce {
			j.ahead = map[string]struct{}{}
		}
		j.ahead[id] = struct{}{}
	}
}

// noteOvertakes remembers what a client that fetches history leaves a channel with.
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
	if j.fetches && len(lines) > 0 {
		j.view.feed.Group.Dates.Over.Note(collection.Overtake{User: s.person.ID, Lines: lines, Seen: seen})
	}
}

// mailbox holds states that changed elsewhere until their session polls: a topic,
// a read marker. Of each only the latest counts, so it needs no more room than
// there are things to know of.
type mailbox struct {
	mu     sync.Mutex            // a leaf lock
	keys   []string              // guarded by mu: in the order of their first change
	events map[string]ircd.Event // guarded by mu
}

// put takes the place of what was put under the same key before. It never waits.
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
