package feed

import (
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/people"
	"directus-ircd/ircd"
)

// onItsWay is how much older than what a feed has read a row may be that it is still to bring.
const onItsWay = 10 * time.Minute

// Progress is how far a feed has come.
type Progress struct {
	Order  int64     // of what it has been told; see KnewBefore
	Newest time.Time // the date of the newest row; zero: there is none
	Ready  bool      // it has read its collection
	UUIDs  bool      // keys are UUIDs, which a client may choose
}

// Progress may be called from any goroutine.
func (f *Feed) Progress() Progress {
	f.mu.Lock()
	defer f.mu.Unlock()
	return Progress{Order: f.arrived, Newest: f.newest, Ready: f.ready, UUIDs: f.uuids}
}

// KnewBefore reports that a row was there when the feed had come to an order, or that it was
// taken for somebody's message since: see Take. It may be called from any goroutine.
func (f *Feed) KnewBefore(id string, order int64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	m, ok := f.seen[id]
	_, taken := f.taken[id]
	return taken || ok && m.order <= order
}

// Latest is the time under which the newest message of a channel is shown; zero if there is
// none. It may be called from any goroutine.
func (f *Feed) Latest(c *collection.Channel) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.moments.Newest[collection.Conversation{Channel: c}]
}

// TimeOf sets the time under which a row is shown in a channel. It may be called from any
// goroutine.
func (f *Feed) TimeOf(r collection.Row, c *collection.Channel) collection.Row {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.timed(r, c)
}

// ReactionTarget is the message that somebody reacts to, as the one who does names it.
type ReactionTarget struct {
	Channel *collection.Channel
	Name    string    // of the channel or the nick, as it was written
	To      ircd.User // of a private message
	MsgID   string
}

// Reacted tells the readers of a reaction that was just stored, and returns what the one who
// has reacted is shown. Its event finds nothing new.
func (f *Feed) Reacted(to ReactionTarget, r collection.Reaction, by ircd.User) *ircd.Reaction {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Bring(f.addReaction(r, people.References{Users: map[string]ircd.User{r.Author: by}})...)
	return f.reactionIn(to, r, by)
}

// Unreacted does the same for one that was taken back.
func (f *Feed) Unreacted(to ReactionTarget, r collection.Reaction, by ircd.User) *ircd.Reaction {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Bring(f.dropReaction(r.ID)...)
	return collection.Removal(f.reactionIn(to, r, by), by, f.clock())
}

// ReadBy is what a reader was shown: how far the feed had read its collection, and the dates
// of the rows from the overlap before that on, but for those that still wait for the reader.
func (f *Feed) ReadBy(r *Reader) (reached time.Time, dates map[string]time.Time) {
	waiting := f.journal.waiting(r)
	f.mu.Lock()
	defer f.mu.Unlock()
	dates = map[string]time.Time{}
	for id, m := range f.seen {
		if _, waits := waiting[id]; !waits && !m.date.Before(f.reached.Add(-collection.Overlap)) {
			dates[id] = m.date
		}
	}
	return f.reached, dates
}

// StillToBring lists the keys of those rows of a page that the feed is yet to bring its
// reader.
func (f *Feed) StillToBring(r *Reader, rows []collection.Row) (ids []string) {
	waiting := f.journal.waiting(r)
	f.mu.Lock()
	defer f.mu.Unlock()
	from := f.reached.Add(-onItsWay)
	if news, awaited := f.newsFrom(); awaited && !f.cursor.set {
		from = news // of what it has yet to read for the first time, the feed brings no more
	}
	for _, row := range rows {
		_, seen := f.seen[row.ID]
		_, waits := waiting[row.ID]
		if waits || !seen && !row.Date.Before(from) {
			ids = append(ids, row.ID)
		}
	}
	return ids
}

// Attach makes a session of a member read the feed from here on: Set does it. wake is called
// whenever something has come, and must not wait.
func (f *Feed) Attach(m Member, wake func()) *Reader {
	r := &Reader{member: m, Feed: f, wake: wake}
	f.journal.attach(r)
	return r
}

// Bring hands the readers what has become of messages.
func (f *Feed) Bring(entries ...Entry) { f.journal.append(entries...) }

// Read returns what has come for the reader, and the place of the first entry. ok is false
// for one that was too slow: it has missed some.
func (r *Reader) Read() (first int64, news []Entry, ok bool) { return r.Feed.journal.read(r) }

// HasNews reports that something has come that the reader has not read.
func (r *Reader) HasNews() bool { return r.Feed.journal.hasNews(r) }

// HasRead reports that a message is waiting for the reader that was found by reading the
// collection.
func (r *Reader) HasRead() bool { return r.Feed.journal.hasRead(r) }
