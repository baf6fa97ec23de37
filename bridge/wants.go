package bridge

import (
	"directus-ircd/bridge/collection"
	"directus-ircd/ircd"
)

// wants tells whether the client has yet to be shown an entry of a feed. j is the channel of the
// entry as the client has joined it, nil if it has not.
func (s *session) wants(v *view, j *joined, e *entry, pos int64) bool {
	if j != nil && j.view != v {
		return false // a channel joined alone, in a group that it could share
	}
	if e.isChange() {
		return v.wantsChange(j, e, pos)
	}
	if _, again := v.reader.skip[e.row.ID]; again && !e.restored {
		return false
	}
	sent, wanted := v.hasSent(e.channel, e.row.ID), false
	if sent {
		delete(v.sent, sentItem{e.channel, e.row.ID})
	} else if j != nil {
		wanted = s.isNew(j, e, pos)
	}
	if j != nil && j.due && (sent || wanted) {
		j.noteLive(e.row.ID)
	}
	return wanted
}

// noteLive notes what is shown while the backlog is due, which is to leave it out.
func (j *joined) noteLive(id string) {
	if j.live == nil {
		j.live = map[string]struct{}{}
	}
	j.live[id] = struct{}{}
	j.due = len(j.live) < maxBehind // after that much it is no backlog any more
}

// isNew tells whether the client, who has not sent it, was not shown the message of an entry
// by a backlog, or by a page, nor will be: what the feed had brought before the JOIN the
// backlog shows.
func (s *session) isNew(j *joined, e *entry, pos int64) bool {
	if _, shown := j.shown[e.row.ID]; shown || pos < j.floorPos {
		return false
	}
	if j.received != nil && !e.restored && j.received(e.row) {
		return false
	}
	if e.read && j.floor != nil && collection.CompareRows(e.row, *j.floor) <= 0 && !s.mayBeNew(j, e.row) {
		return false // of the past, which the client was shown or fetches
	}
	// Last, as it notes what is shown from here on, which no page is to show again.
	return !j.fetches || !j.wasFetched(&e.row)
}

// mayBeNew reports whether a row in front of a backlog may have been written since that was
// read, as the clock of Directus was set back.
func (s *session) mayBeNew(j *joined, r collection.Row) bool {
	earliest := s.earliest(j, j.floorAt)
	return !earliest.IsZero() && !r.Date.Before(earliest)
}

// wantsChange is wants for what became of a message.
func (v *view) wantsChange(j *joined, e *entry, pos int64) bool {
	if _, redaction := e.event.(*ircd.Redaction); redaction && j != nil && !j.due && pos >= j.floorPos {
		// Should the message be restored, it is to be shown again.
		delete(j.shown, e.row.ID)
		delete(j.ahead, e.row.ID)
	}
	if _, own := v.changes[e.name()]; own {
		delete(v.changes, e.name())
		return false
	}
	if j == nil || pos < j.floorPos {
		return false
	}
	text, shown := j.shown[e.row.ID]
	if _, live := j.live[e.row.ID]; j.due && !live {
		return false // the backlog will show how it is then
	}
	if _, redaction := e.event.(*ircd.Redaction); redaction {
		return true
	}
	return !shown || e.text == "" || text != collection.DigestOf(e.text)
}

// returned notes a change that a method of the session returns, which the feed
// brings as well.
func (v *view) returned(e entry) {
	if len(v.changes) >= maxBehind {
		clear(v.changes) // the feed had no more to say of these
	}
	v.changes[e.name()] = struct{}{}
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
