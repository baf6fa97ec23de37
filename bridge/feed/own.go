package feed

import (
	"slices"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/people"
	"directus-ircd/bridge/text"
	"directus-ircd/ircd"
)

// Corrected shows a new text that a session has just stored, without debouncing it. It returns
// the message for the channel in which the user made the change. The event of the same change
// then finds nothing new.
func (f *Feed) Corrected(before, now collection.Row, c *collection.Channel, refs people.References) *ircd.Message {
	content := f.Group.ContentOf(now)
	channels := f.concerned(now)
	if !slices.Contains(channels, c) {
		channels = append(channels, c)
	}
	texts := make([]struct{ now, before *ircd.Message }, len(channels))
	for i, ch := range channels {
		texts[i].now, texts[i].before = people.ToMessage(now, ch, refs, false), people.ToMessage(before, ch, refs, false)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.debounced, now.ID)
	var answer *ircd.Message
	known := f.shown.rows[now.ID]
	_, published := f.seen[now.ID]
	coming := !published && known == nil && f.isLate(now) // its first event is on its way, and shows it as it is
	for i, ch := range channels {
		m, old, version := texts[i].now, texts[i].before, ""
		switch p := known.place(ch); {
		case p != nil && p.state == visible:
			m.ID, m.Time = p.message.ID, p.message.Time
			if text.SaysSame(p.message, m) && len(p.edits) > 0 {
				version = p.edits[len(p.edits)-1] // its event was quicker
			} else {
				old = p.message
			}
		case ch != c && (known != nil || !ch.Matches(now)):
			continue
		}
		f.renew(now, content, ch, m)
		e := f.version(now, ch, m, old, version, m.From)
		if version == "" && f.edits.Show && !coming {
			f.Bring(e)
		}
		if ch == c {
			answer = e.Event.(*ircd.Message)
		}
	}
	return answer
}

// concerned lists the channels that a changed row is in, or was.
func (f *Feed) concerned(r collection.Row) []*collection.Channel {
	now := f.Group.Covering(r)
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.shown.rows[r.ID].concerned(now)
}

// Redacted tells the readers of a deletion that a session has just made, unless its event came
// first.
func (f *Feed) Redacted(r collection.Row, c *collection.Channel, event *ircd.Redaction) {
	content := f.Group.ContentOf(r)
	f.mu.Lock()
	defer f.mu.Unlock()
	told, _ := f.shown.isGone(r.ID)
	if known := f.shown.rows[r.ID]; known != nil {
		p := known.place(c)
		told = told || p != nil && p.state != visible
	}
	if told {
		return
	}
	m := &ircd.Message{ID: collection.OriginalID(event.MsgID), Target: c.Name(), Time: event.Said, Text: event.Text}
	var entries []Entry
	if _, published := f.seen[r.ID]; c.SoftDelete != nil && (published || !f.isLate(r)) {
		entries = f.hide(r, content, c, m)
	} else if entries = f.redact(r.ID); len(entries) == 0 { // not remembered
		entries = f.redactions(r.ID, &place{channel: c, message: m}, event.Time)
	}
	for i, e := range entries {
		by := *e.Event.(*ircd.Redaction)
		by.From, by.By, by.To, by.Reason = event.From, event.By, event.To, event.Reason
		entries[i].Event = &by
	}
	f.Bring(entries...)
}

// hide makes the entries of a soft-deleted row, which may be restored later. The event of
// the mark then finds nothing new. The caller holds mu.
func (f *Feed) hide(r collection.Row, content uint64, c *collection.Channel, m *ircd.Message) []Entry {
	delete(f.debounced, r.ID)
	if f.shown.rows[r.ID].place(c) == nil {
		f.shown.put(r, f.written(r), content, c, m)
	}
	known := f.shown.rows[r.ID]
	p := known.place(c)
	if p == nil { // too old to be remembered
		p = &place{channel: c, message: m}
	}
	p.state = deleted
	f.noteVisible(r.ID, known)
	return f.redactions(r.ID, p, f.clock())
}
