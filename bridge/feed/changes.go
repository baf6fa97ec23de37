package feed

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/text"
	"directus-ircd/ircd"
)

// maxNotices is how many changes of one kind at a time are told to people: deletions
// with the text by which people without REDACT would know them, edits with what has
// changed. A clean-up of old messages, or of the format of all, is not worth a hundred
// lines.
const maxNotices = 10

// update takes changed rows as they are now. A row may have entered or left a channel, by
// the channel's filter or by the mark of a soft delete, or its text may have changed; most
// updates are none of these. Directus sends no event for an item that leaves the filter of
// the subscription: review finds it.
func (f *Feed) update(ctx context.Context, rows []collection.Row) error {
	if len(rows) == 0 {
		return nil
	}
	refs, err := f.leader.Names().References(ctx, f.Group, rows)
	if err != nil {
		return err
	}
	// Most updates are of rows that nobody here was shown, as when all of a collection is
	// changed at once: these are not converted.
	for changed := f.hash(rows); len(changed) > 0; {
		f.convert(f.showable(changed), refs)
		changed = f.changeAll(changed)
	}
	return nil
}

// hearOf takes rows as the events of their changes have them. A message that was taken back does not come back
// by an event alone: a reading may have taken it back since what the event tells of, and no other event comes of
// a row that has left the filter. Such a row is read.
func (f *Feed) hearOf(ctx context.Context, rows []collection.Row) error {
	var back []string
	f.mu.Lock()
	rows = slices.DeleteFunc(rows, func(r collection.Row) bool {
		if f.shown.rows[r.ID].isTakenBack() && !slices.Contains(back, r.ID) {
			back = append(back, r.ID)
		}
		return slices.Contains(back, r.ID)
	})
	f.mu.Unlock()
	if err := f.update(ctx, rows); err != nil {
		return err
	}
	return f.refresh(ctx, back)
}

// showable are those of changed rows that are, or may become, messages in some channel.
func (f *Feed) showable(changed []*rendering) (list []*rendering) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range changed {
		if f.isShowable(r.Row) {
			list = append(list, r)
		}
	}
	return list
}

// isShowable reports whether change needs the messages of a row. The caller holds mu.
func (f *Feed) isShowable(r collection.Row) bool {
	return f.shown.rows[r.ID] != nil || f.wasKeptOut(r) && !f.TooOld(r)
}

// wasKeptOut reports that a row was never shown, so that an update may be what lets it into
// a channel. The caller holds mu.
func (f *Feed) wasKeptOut(r collection.Row) bool {
	seen, published := f.seen[r.ID]
	return published && !seen.shown || !published && f.isLate(r)
}

// changeAll brings what has become of changed rows, and returns those that have become
// showable since they were looked at, as a session shows them as backlog: they are to be
// converted first.
func (f *Feed) changeAll(changed []*rendering) (unconverted []*rendering) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var entries []Entry
	for _, r := range changed {
		if _, gone := f.shown.isGone(r.ID); gone {
			continue
		}
		if !r.converted && f.isShowable(r.Row) {
			unconverted = append(unconverted, r)
			continue
		}
		f.Group.Dates.Late.Redate(r.Row)
		entries = append(entries, f.change(r)...)
	}
	f.Bring(few(entries)...)
	return unconverted
}

// change makes the entries of one changed row, except for a new text, which is debounced.
// The caller holds mu.
func (f *Feed) change(r *rendering) []Entry {
	known := f.shown.rows[r.ID]
	if known == nil {
		seen, published := f.seen[r.ID]
		switch {
		case f.wasKeptOut(r.Row):
			return f.enter(r)
		case published && seen.content != r.content:
			f.debounce(r)
		}
		// The feed knows no earlier text of an older row that nobody was shown: the
		// update may be of another field, such as a counter of a web page.
		return nil
	}
	var entries, shown []Entry
	for _, c := range known.concerned(f.Group.Covering(r.Row)) {
		for _, e := range f.move(r, c, known) {
			if _, isRedaction := e.Event.(*ircd.Redaction); isRedaction {
				entries = append(entries, e)
			} else {
				shown = append(shown, e) // behind those that take it back elsewhere
			}
		}
	}
	entries = append(entries, shown...)
	f.noteVisible(r.ID, known)
	if known.content == r.content {
		delete(f.debounced, r.ID) // changed and changed back
	} else {
		f.debounce(r)
	}
	return entries
}

// noteVisible records in seen whether a row is visible in any channel, which is still known
// when shown has forgotten the row. The caller holds mu.
func (f *Feed) noteVisible(id string, known *shownRow) {
	if mark, seen := f.seen[id]; seen {
		mark.shown = known.isVisible()
		f.seen[id] = mark
	}
}

// isLate reports that a row, if it is not in seen, was certainly never shown: an update is
// the first that this feed hears of it. The caller holds mu.
func (f *Feed) isLate(r collection.Row) bool {
	return r.Date.After(f.opened) && r.Date.After(f.forgot)
}

// enter shows a row that was kept out so far. The caller holds mu.
func (f *Feed) enter(r *rendering) []Entry {
	if f.TooOld(r.Row) {
		return nil
	}
	entries := f.show(r, false)
	f.markSeen(r, len(entries) > 0)
	if mark := f.seen[r.ID]; len(entries) > 0 {
		mark.shown, mark.content = true, r.content
		f.seen[r.ID] = mark
	}
	return entries
}

// move makes the entries of a shown row that has entered or left a channel. A row that is
// restored after a soft delete comes back under its old msgid, marked as replayed, since the
// history has it under that msgid too. The caller holds mu.
func (f *Feed) move(rendered *rendering, c *collection.Channel, known *shownRow) []Entry {
	r, p, m := rendered.Row, known.place(c), rendered.in(c)
	if p == nil && !c.Matches(r) {
		return nil
	}
	timed := f.timed(r, c)
	here := m != nil
	if here {
		m.Time, m.Replayed = timed.ShownAt(), f.age(r) > replayedAfter
	}
	switch {
	case p == nil && here && !f.TooOld(r):
		f.shown.put(r, f.written(r), known.content, c, m)
		return []Entry{{Row: r.WithoutTexts(), Channel: c, Event: m}}
	case p == nil:
	case p.state == visible && !here:
		p.state = moved
		if c.Deleted(r) {
			p.state = deleted
		}
		return f.redactions(r.ID, p, f.clock())
	case p.state == deleted && here:
		f.deeds.restored(f.Group, r.ID)
		m.ID, m.Time, m.Replayed = p.message.ID, p.message.Time, true
		p.show(m)
		return []Entry{{Row: r.WithoutTexts(), Channel: c, Event: m, Restored: true}}
	case p.state == moved && here && !f.TooOld(r):
		m.ID, m.Time = f.newID(p.message.ID), p.message.Time // the old one is known as deleted
		p.show(m)
		return []Entry{{Row: r.WithoutTexts(), Channel: c, Event: m}}
	}
	return nil
}

// remove takes the keys of deleted rows. Directus announces the deletion of every row to
// everybody, so the deletion of a row that was not shown here stays a secret.
func (f *Feed) remove(keys []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var entries []Entry
	for _, key := range keys {
		entries = append(entries, f.redact(collection.IDOf(key))...)
	}
	f.Bring(few(entries)...)
}

// redact makes the entries of a deleted row. The caller holds mu.
func (f *Feed) redact(id string) []Entry {
	var entries []Entry
	if known := f.shown.rows[id]; known != nil {
		for i := range known.places {
			if p := &known.places[i]; p.state == visible {
				entries = append(entries, f.redactions(id, p, f.clock())...)
			}
		}
	}
	if h := f.inherited[id]; h != nil {
		entries = append(entries, f.takeBack(id, h.shownRow)...)
		delete(f.inherited, id)
	}
	delete(f.debounced, id)
	f.shown.bury(id, len(entries) > 0)
	return entries
}

// redactions makes the entries that take back a message and its later versions. Only the
// first has the text, so that a client without REDACT prints one line. The caller holds mu.
func (f *Feed) redactions(id string, p *place, at time.Time) []Entry {
	m := p.message
	by := f.deeds.eraser(f.Group.Collection, id, m.From)
	event := func(msgid string) *ircd.Redaction {
		return &ircd.Redaction{MsgID: msgid, Time: at, From: m.From, By: by, Target: m.Target, To: m.To}
	}
	first := event(m.ID)
	first.Said, first.Text = m.Time, text.Beginning(m.Text)
	entries := []Entry{{Row: collection.Row{ID: id}, Channel: p.channel, Event: first}}
	for _, edit := range p.edits {
		entries = append(entries, Entry{Row: collection.Row{ID: id}, Channel: p.channel, Event: event(edit)})
	}
	return entries
}

// IsGone reports that a row was deleted, as far as the feed remembers.
func (f *Feed) IsGone(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, gone := f.shown.isGone(id)
	return gone
}

// few keeps at most maxNotices readable lines of a kind: further deletions lose their text,
// and further edits in a channel become one line with their number.
func few(entries []Entry) []Entry {
	deletions, edits := 0, map[*collection.Channel]int{}
	kept := entries[:0]
	for _, e := range entries {
		switch ev := e.Event.(type) {
		case *ircd.Redaction:
			if ev.Said.IsZero() {
				break
			}
			if deletions++; deletions > maxNotices {
				bare := *ev
				bare.Said, bare.Text = time.Time{}, ""
				e.Event = &bare
			}
		case *ircd.Message:
			if ev.Edits == "" {
				break
			}
			if edits[e.Channel]++; edits[e.Channel] > maxNotices {
				continue
			}
		}
		kept = append(kept, e)
	}
	for c, n := range edits {
		if n > maxNotices {
			kept = append(kept, Entry{Channel: c, Event: &ircd.ServiceNotice{
				Target: c.Name(), Text: fmt.Sprintf("%d more messages were edited at the same time", n-maxNotices),
			}})
		}
	}
	return kept
}

// Remember notes a message that a session shows as backlog. It is false if the row has been
// deleted meanwhile: if it is restored, everybody is shown it.
func (f *Feed) Remember(r collection.Row, c *collection.Channel, m *ircd.Message) bool {
	content := f.Group.ContentOf(r)
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, gone := f.shown.isGone(r.ID); gone {
		return false
	}
	f.misses(r)
	switch p := f.shown.rows[r.ID].place(c); {
	case p != nil && p.state == deleted:
		return false
	case p == nil || p.state != visible:
		f.shown.put(r, f.written(r), content, c, m)
	}
	return true
}

// TooOld reports that a row is older than Edits.MaxAge, so that its changes are not shown.
func (f *Feed) TooOld(r collection.Row) bool {
	return f.edits.MaxAge > 0 && f.age(r) > f.edits.MaxAge
}

// clock is the time by the clock of Directus, which dates the messages. It is called
// by run, or with mu held.
func (f *Feed) clock() time.Time { return f.leader.Account().Now() }

// age is how long ago a row was written, by the clock of Directus. It is called by run, or
// with mu held.
func (f *Feed) age(r collection.Row) time.Duration { return f.clock().Sub(r.ShownAt()) }

// written is the moment, by our clock, at which a row was written; now if its date is in the
// future. The caller holds mu.
func (f *Feed) written(r collection.Row) time.Time { return time.Now().Add(-max(0, f.age(r))) }

// nextID makes a msgid for a new version of a message in a place, given the msgid of any of its
// versions; p is nil if the place is not remembered. It names the same position in the history
// and is never used twice. It comes from what is stored, so that other feeds and daemons give
// the version the same one, if the feed knows all earlier versions. The caller holds mu.
func (f *Feed) nextID(msgid string, content uint64, p *place) string {
	if p == nil || !p.complete {
		return f.newID(msgid)
	}
	first := collection.OriginalID(msgid) + ".e" + strconv.FormatUint(content, 36)
	id := first
	for n := 2; slices.Contains(p.edits, id); n++ { // the same text once more
		id = first + ".e" + strconv.Itoa(n)
	}
	return id
}

// newID is nextID for a version that is told from all others by the time. The caller holds mu.
func (f *Feed) newID(msgid string) string {
	f.stamped = max(f.clock().UnixMilli(), f.stamped+1)
	return collection.OriginalID(msgid) + ".e" + strconv.FormatInt(f.stamped, 36)
}

// Knows finds a message among those that were shown in a channel lately and are
// still to be seen.
func (f *Feed) Knows(c *collection.Channel, msgid string) (id string, ok bool) {
	id, _, ok = collection.ParseMessageID(msgid)
	if !ok {
		return "", false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.shown.rows[id].place(c)
	return id, p != nil && p.state == visible && collection.OriginalID(p.message.ID) == collection.OriginalID(msgid)
}
