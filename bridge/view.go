package bridge

import (
	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/feed"
	"directus-ircd/ircd"
)

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

// noteLive notes what is shown while the backlog is due, which is to leave it out.
func (j *joined) noteLive(id string) {
	if j.live == nil {
		j.live = map[string]struct{}{}
	}
	j.live[id] = struct{}{}
	j.due = len(j.live) < feed.MaxBehind // after that much it is no backlog any more
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
