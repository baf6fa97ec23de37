package feed

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/ircd"
)

// MaxBehind is how many entries a session may lag behind its feed, and MaxBehindBytes how
// many bytes these may hold. A client that does not read is closed by the
// IRC side after ten seconds; this bounds the memory of a flood in between. A session
// further behind is ended with its reason, and finds what it missed when it comes back.
const (
	MaxBehind      = 8192
	MaxBehindBytes = 8 << 20
	// entryCost is about what an entry takes beside its texts.
	entryCost = 512
)

// Entry is an event of a channel, ready to be shown. Immutable.
type Entry struct {
	Row     collection.Row // that it is about; of a deleted one only the id is known
	Channel *collection.Channel
	Event   ircd.Event
	Read    bool   // found by reading the collection, not brought by an event
	Text    string // of an edit: the whole new wording
	// Restored says that the message was shown before and taken back.
	Restored bool
}

func (e *Entry) size() int {
	n := entryCost + len(e.Text)
	for _, value := range e.Row.Values {
		n += len(value)
	}
	if m, ok := e.Event.(*ircd.Message); ok {
		n += len(m.Text)
		if m.Quote != nil {
			n += len(m.Quote.Text)
		}
	}
	return n
}

// IsChange tells what became of a message from a new one.
func (e *Entry) IsChange() bool {
	m, ok := e.Event.(*ircd.Message)
	return !ok || m.Edits != ""
}

// Name tells a change from others, to recognise one that a method of the session
// has returned when the journal brings it.
func (e *Entry) Name() string {
	switch ev := e.Event.(type) {
	case *ircd.Message:
		return ev.ID
	case *ircd.Redaction:
		return "redaction of " + ev.MsgID
	case *ircd.Reaction:
		return ev.ID
	case *ircd.ServiceNotice:
		return ev.Text
	}
	return ""
}

// journal is a feed's news in order, which each session reads at its own pace.
// Appending never waits for a reader.
type journal struct {
	mu      sync.Mutex
	base    int64                // position of entries[0]; guarded by mu
	entries []Entry              // guarded by mu, but not what is in it: readers share it
	readers map[*Reader]struct{} // guarded by mu
	behind  int                  // how many readers have not read all; guarded by mu
	full    int                  // more entries than that make append look for what all have read; guarded by mu
	bytes   int                  // what the entries take; guarded by mu
}

// minFull is a number of entries that may wait for the slowest reader without
// anybody looking who that is.
const minFull = 64

// Reader is a session's position in a journal.
type Reader struct {
	member Member
	Feed   *Feed // whose journal it is
	wake   func(news bool)
	pos    int64                // guarded by the journal's mu
	Skip   map[string]time.Time // rows that the session was shown already; immutable
	// Next takes the reader's place: its member may not read this feed any more.
	Next atomic.Pointer[Reader]
}

// End is the position of the next entry that the reader may be shown, whichever
// journal brings it.
func (r *Reader) End() int64 {
	j := &r.Feed.journal
	j.mu.Lock()
	end, next := j.endLocked(), r.Next.Load()
	j.mu.Unlock()
	if next != nil {
		return next.End()
	}
	return end
}

// attach starts a reader at the journal's end; its wake is called, with the
// journal's lock held, when there is news, or a state has changed, and must not block.
func (j *journal) attach(r *Reader) {
	j.mu.Lock()
	defer j.mu.Unlock()
	r.pos = j.endLocked()
	if j.readers == nil {
		j.readers = map[*Reader]struct{}{}
	}
	j.readers[r] = struct{}{}
}

// detach ends a reader and reports how many there are left.
func (j *journal) detach(r *Reader) (left int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.readers, r)
	j.caughtUp(r)
	return len(j.readers)
}

func (j *journal) reads(m Member) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	for r := range j.readers {
		if r.member == m {
			return true
		}
	}
	return false
}

func (j *journal) members() map[Member]struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	members := map[Member]struct{}{}
	for r := range j.readers {
		members[r.member] = struct{}{}
	}
	return members
}

// hand passes the readers of a member on to the journal of a new feed, which nobody else knows
// yet. It continues their positions. hand returns the rows that not all of them have read, with
// their dates: the new feed brings these again, and readers that have read them skip them, see
// Reader.Skip. A reader that was too far behind here is too far behind there.
func (j *journal) hand(m Member, to *Feed) (unread map[string]time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	end := j.endLocked()
	first := end
	var leaving []*Reader
	for r := range j.readers {
		if r.member == m {
			leaving = append(leaving, r)
			first = min(first, max(r.pos, j.base))
		}
	}
	rows := func(until int64) map[string]time.Time {
		ids := map[string]time.Time{}
		for _, e := range j.entries[first-j.base : max(until, first)-j.base] {
			if !e.IsChange() {
				ids[e.Row.ID] = e.Row.Date
			}
		}
		return ids
	}
	// All is looked up before anybody leaves: the entries go with the last who is behind.
	unread = rows(end)
	to.journal.base, to.journal.readers = end, map[*Reader]struct{}{}
	next := make([]*Reader, len(leaving))
	for i, r := range leaving {
		next[i] = &Reader{member: m, Feed: to, wake: r.wake, pos: end, Skip: rows(r.pos)}
		to.journal.readers[next[i]] = struct{}{}
		if r.pos < j.base {
			next[i].pos--
			to.journal.behind++
		}
	}
	for i, r := range leaving {
		r.Next.Store(next[i])
		delete(j.readers, r)
		j.caughtUp(r)
		r.wake(false)
	}
	return unread
}

// append adds entries and wakes the readers, if there are any entries.
func (j *journal) append(entries ...Entry) {
	if len(entries) == 0 {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.readers) == 0 {
		j.base += int64(len(entries))
		return
	}
	j.entries = append(j.entries, entries...)
	j.behind = len(j.readers)
	for i := range entries {
		j.bytes += entries[i].size()
	}
	if len(j.entries) > max(j.full, minFull) || j.bytes > MaxBehindBytes {
		j.trim(len(entries))
	}
	for r := range j.readers {
		r.wake(true)
	}
}

// ring wakes the readers without news: a state they look at has changed.
func (j *journal) ring() {
	j.mu.Lock()
	defer j.mu.Unlock()
	for r := range j.readers {
		r.wake(false)
	}
}

// endLocked is the position of the next entry to come. The caller holds mu.
func (j *journal) endLocked() int64 { return j.base + int64(len(j.entries)) }

// Read returns the entries that the reader has not read, which are shared, and the position of
// the first. ok is false if the reader was too slow, so that some of them are gone.
func (r *Reader) Read() (first int64, news []Entry, ok bool) {
	j := &r.Feed.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case r.Next.Load() != nil:
		return 0, nil, true
	case r.pos < j.base:
		return 0, nil, false
	}
	first = r.pos
	news = j.entries[r.pos-j.base:]
	j.caughtUp(r)
	return first, news[:len(news):len(news)], true
}

// HasNews reports whether there are entries that the reader has not read.
func (r *Reader) HasNews() bool {
	j := &r.Feed.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	return r.Next.Load() == nil && r.pos < j.endLocked()
}

// HasRead reports whether a message is waiting for the reader that was found by reading the
// collection.
func (r *Reader) HasRead() bool {
	j := &r.Feed.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	if r.Next.Load() != nil || r.pos < j.base {
		return false
	}
	return slices.ContainsFunc(j.entries[r.pos-j.base:], func(e Entry) bool { return e.Read })
}

// caughtUp notes that a reader wants nothing of what is there. What the last one
// has left is dropped. The caller holds mu.
func (j *journal) caughtUp(r *Reader) {
	end := j.endLocked()
	if r.pos == end {
		return
	}
	r.pos = end
	if j.behind--; j.behind == 0 {
		j.entries, j.base, j.full, j.bytes = nil, end, 0, 0
	}
}

// trim drops what every reader has read, but for those that are too far behind, for
// whom nothing is kept. Who has read all but the latest entries is not, however much
// these are. The caller holds mu.
func (j *journal) trim(latest int) {
	end, oldest, bytes := j.endLocked(), len(j.entries), 0
	for ; oldest > 0; oldest-- {
		bytes += j.entries[oldest-1].size()
		if n := len(j.entries) - oldest + 1; n > latest && (n > MaxBehind || bytes > MaxBehindBytes) {
			break
		}
	}
	keep := end
	for r := range j.readers {
		if r.pos >= j.base+int64(oldest) {
			keep = min(keep, r.pos)
		}
	}
	j.entries = slices.Clone(j.entries[keep-j.base:]) // what readers share stays as it is
	j.base = keep
	j.full = min(2*len(j.entries), MaxBehind)
	j.bytes = 0
	for i := range j.entries {
		j.bytes += j.entries[i].size()
	}
}

// Waiting are the new rows that the reader has not read, of one channel or, for nil, of all: their keys and dates.
func (r *Reader) Waiting(c *collection.Channel) (rows []collection.Row) {
	j := &r.Feed.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	if r.Next.Load() != nil || r.pos < j.base {
		return nil
	}
	for i := range j.entries[r.pos-j.base:] {
		if e := &j.entries[r.pos-j.base+int64(i)]; !e.IsChange() && (c == nil || e.Channel == c) {
			rows = append(rows, collection.Row{ID: e.Row.ID, Date: e.Row.Date})
		}
	}
	return rows
}

// waiting are the keys of Waiting in all channels.
func (r *Reader) waiting() map[string]struct{} {
	ids := map[string]struct{}{}
	for _, row := range r.Waiting(nil) {
		ids[row.ID] = struct{}{}
	}
	return ids
}
