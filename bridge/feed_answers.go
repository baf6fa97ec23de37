package bridge

import (
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/people"
	"directus-ircd/ircd"
)

// onItsWay is how much older than what a feed has read a row may be that it is still to bring.
const onItsWay = 10 * time.Minute

// progress is how far a feed has come.
type progress struct {
	Order  int64     // of what it has been told; see KnewBefore
	Newest time.Time // the date of the newest row; zero: there is none
	Ready  bool      // it has read its collection
	UUIDs  bool      // keys are UUIDs, which a client may choose
}

// progress may be called from any goroutine.
func (f *feed) progress() progress {
	f.mu.Lock()
	defer f.mu.Unlock()
	return progress{Order: f.arrived, Newest: f.newest, Ready: f.ready, UUIDs: f.uuids}
}

// knewBefore reports that a row was there when the feed had come to an order, or that it was
// taken for somebody's message since: see take. It may be called from any goroutine.
func (f *feed) knewBefore(id string, order int64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	m, ok := f.seen[id]
	_, taken := f.taken[id]
	return taken || ok && m.order <= order
}

// latest is the time under which the newest message of a channel is shown; zero if there is
// none. It may be called from any goroutine.
func (f *feed) latest(c *collection.Channel) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.moments.Newest[collection.Conversation{Channel: c}]
}

// timeOf sets the time under which a row is shown in a channel. It may be called from any
// goroutine.
func (f *feed) timeOf(r collection.Row, c *collection.Channel) collection.Row {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.timed(r, c)
}

// reactionTarget is the message that somebody reacts to, as the one who does names it.
type reactionTarget struct {
	Channel *collection.Channel
	Name    string    // of the channel or the nick, as it was written
	To      ircd.User // of a private message
	MsgID   string
}

// reacted tells the readers of a reaction that was just stored, and returns what the one who
// has reacted is shown. Its event finds nothing new.
func (f *feed) reacted(to reactionTarget, r collection.Reaction, by ircd.User) *ircd.Reaction {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bring(f.addReaction(r, people.References{Users: map[string]ircd.User{r.Author: by}})...)
	return f.reactionIn(to, r, by)
}

// unreacted does the same for one that was taken back.
func (f *feed) unreacted(to reactionTarget, r collection.Reaction, by ircd.User) *ircd.Reaction {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bring(f.dropReaction(r.ID)...)
	return collection.Removal(f.reactionIn(to, r, by), by, f.clock())
}

// readBy is what a reader was shown: how far the feed had read its collection, and the dates
// of the rows from the overlap before that on, but for those that still wait for the reader.
func (f *feed) readBy(r *reader) (reached time.Time, dates map[string]time.Time) {
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

// stillToBring lists the keys of those rows of a page that the feed is yet to bring its
// reader.
func (f *feed) stillToBring(r *reader, rows []collection.Row) (ids []string) {
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

// attach makes a session of a member read the feed from here on: Set does it. wake is called
// whenever something has come, and must not wait.
func (f *feed) attach(m Member, wake func()) *reader {
	r := &reader{member: m, feed: f, wake: wake}
	f.journal.attach(r)
	return r
}

// bring hands the readers what has become of messages.
func (f *feed) bring(entries ...entry) { f.journal.append(entries...) }

// read returns what has come for the reader, and the place of the first entry. ok is false
// for one that was too slow: it has missed some.
func (r *reader) read() (first int64, news []entry, ok bool) { return r.feed.journal.read(r) }

// hasNews reports that something has come that the reader has not read.
func (r *reader) hasNews() bool { return r.feed.journal.hasNews(r) }

// hasRead reports that the reader has read all that has come.
func (r *reader) hasRead() bool { return r.feed.journal.hasRead(r) }
