package feed

import (
	"iter"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/people"
	"directus-ircd/ircd"
)

// onItsWay is how much older than the newest row that a feed has read a row may be if the
// feed is still to bring it.
const onItsWay = 10 * time.Minute

// progress is how far a feed has come.
type progress struct {
	Order  int64     // number of rows seen so far; see KnewBefore
	Newest time.Time // the date of the newest row; zero: there is none
	Ready  bool      // it has read its collection
	UUIDs  bool      // keys are UUIDs, which a client may choose
}

// Progress may be called from any goroutine.
func (f *Feed) Progress() progress {
	f.mu.Lock()
	defer f.mu.Unlock()
	return progress{Order: f.arrived, Newest: f.newest, Ready: f.ready, UUIDs: f.uuids}
}

// KnewBefore reports that the feed had seen a row when its Progress.Order was order, or that
// somebody has claimed the row since, see Take.
func (f *Feed) KnewBefore(id string, order int64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	m, ok := f.seen[id]
	_, taken := f.taken[id]
	return taken || ok && m.order <= order
}

// Latest is the time under which the newest message of a channel is shown; zero if there is
// none.
func (f *Feed) Latest(c *collection.Channel) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.moments.Newest[collection.Conversation{Channel: c}]
}

// TimeOf sets the time under which a row is shown in a channel.
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

// Reacted tells the readers of a reaction that a session has just stored, and returns the
// event for that session. The event of Directus then finds nothing new.
func (f *Feed) Reacted(to ReactionTarget, r collection.Reaction, by ircd.User) *ircd.Reaction {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Bring(f.addReaction(r, people.References{Users: map[string]ircd.User{r.Author: by}})...)
	return f.reactionIn(to, r, by)
}

// Unreacted does what Reacted does for a reaction that was just taken back.
func (f *Feed) Unreacted(to ReactionTarget, r collection.Reaction, by ircd.User) *ircd.Reaction {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Bring(f.dropReaction(r.ID)...)
	return collection.Removal(f.reactionIn(to, r, by), by, f.clock())
}

// ReadBy is what a reader was shown: up to which date the feed has read its collection, and
// the dates of the rows from collection.Overlap before that on, without those that the reader
// has not read yet.
func (f *Feed) ReadBy(r *Reader) (reached time.Time, dates map[string]time.Time) {
	waiting := r.waiting()
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

// StillToBring lists the keys of those rows of a page of history that the feed has yet to
// bring a reader, which must not be shown twice. The rows are given as their keys and dates.
func (f *Feed) StillToBring(r *Reader, rows iter.Seq2[string, time.Time]) (ids []string) {
	waiting := r.waiting()
	f.mu.Lock()
	defer f.mu.Unlock()
	from := f.reached.Add(-onItsWay)
	if news, awaited := f.newsFrom(); awaited && !f.cursor.set {
		from = news // of what it has yet to read for the first time, the feed brings no more
	}
	for id, date := range rows {
		_, seen := f.seen[id]
		_, waits := waiting[id]
		if waits || !seen && !date.Before(from) {
			ids = append(ids, id)
		}
	}
	return ids
}

// Attach makes a session of a member read the feed from now on; sessions call Set.Attach.
// wake is called with the journal locked whenever an entry has come (news), or something else
// may have changed: it must not wait, nor call the feed.
func (f *Feed) Attach(m Member, wake func(news bool)) *Reader {
	r := &Reader{member: m, Feed: f, wake: wake}
	f.journal.attach(r)
	return r
}

// Bring appends entries to the journal of the feed and wakes its readers.
func (f *Feed) Bring(entries ...Entry) { f.journal.append(entries...) }
