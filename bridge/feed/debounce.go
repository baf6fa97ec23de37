package feed

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/people"
	"directus-ircd/bridge/text"
	"directus-ircd/ircd"
)

// maxPending is how many changed texts may wait until they have settled; beyond,
// they are shown at once.
const (
	maxPending = 256
	// settlePace is the time between two looks for what has settled, so that changes that
	// come one by one are told together.
	settlePace = time.Second
)

// edit is a text that has changed and may change again. The text is not kept: who may
// read it is asked when it is due.
type edit struct {
	content uint64
	due     time.Time
}

// expect notes a changed text, to be shown once it has stayed as it is for a
// while: composers of web pages store while people type. The caller holds mu.
func (f *Feed) expect(r collection.Row) {
	content := f.Group.ContentOf(r)
	if waiting, ok := f.pending[r.ID]; ok && waiting.content == content {
		return
	}
	f.pending[r.ID] = edit{content, time.Now().Add(f.edits.Merge)}
}

// showEdits shows the texts that have settled and sets the timer for the next.
func (f *Feed) showEdits(ctx context.Context) error {
	ids, _ := f.settled()
	if len(ids) > 0 {
		f.settledAt = time.Now()
	}
	var entries []Entry
	err := f.readNow(ctx, ids, func(rows []collection.Row, missing []string) error {
		shown, err := f.takeSettled(ctx, rows, missing)
		entries = append(entries, shown...)
		return err
	})
	f.Bring(few(entries)...)
	if err != nil {
		return err
	}
	if _, next := f.settled(); !next.IsZero() {
		f.settle.Reset(time.Until(next))
	}
	return nil
}

// takeSettled makes the entries of rows whose texts have settled, as they are now. Of those
// that are not to be read any more nothing is shown, neither what was said nor what is.
func (f *Feed) takeSettled(ctx context.Context, rows []collection.Row, missing []string) ([]Entry, error) {
	for i, r := range rows {
		rows[i] = f.Dated(r)
	}
	slices.SortStableFunc(rows, collection.CompareRows)
	refs, err := f.carrier.Names().References(ctx, f.Group, rows)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range missing {
		delete(f.pending, id)
	}
	var entries []Entry
	for _, r := range rows {
		entries = append(entries, f.edited(r, refs)...)
	}
	return entries, nil
}

// settled lists the rows whose texts have settled, and when the next will have.
func (f *Feed) settled() (ids []string, next time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now, crowded := time.Now(), len(f.pending) > maxPending
	pause := f.settledAt.Add(settlePace)
	for _, id := range slices.Sorted(maps.Keys(f.pending)) {
		switch e := f.pending[id]; {
		case crowded || !now.Before(e.due) && !now.Before(pause):
			ids = append(ids, id)
		case next.IsZero() || e.due.Before(next):
			next = e.due
		}
	}
	if !next.IsZero() && next.Before(pause) {
		next = pause
	}
	return ids, next
}

// edited makes the entries of a new text, one for each channel in which the old
// one was shown, or could have been. The caller holds mu.
func (f *Feed) edited(r collection.Row, refs people.References) []Entry {
	content, known := f.Group.ContentOf(r), f.shown.rows[r.ID]
	waiting, ok := f.pending[r.ID]
	if !ok {
		return nil // shown or deleted meanwhile
	}
	delete(f.pending, r.ID)
	if waiting.content != content { // changed once more
		if known == nil || known.content != content {
			f.expect(r)
		}
		return nil
	}
	var entries []Entry
	if known != nil {
		known.content = content
	}
	for _, c := range f.Group.Channels {
		if !c.Matches(r) {
			continue
		}
		m := people.ToMessage(r, c, refs, false)
		if m.Text == "" {
			continue
		}
		var before *ircd.Message
		if known != nil {
			p := known.place(c)
			if p == nil || p.state != visible {
				continue
			}
			before = p.message
			m.ID, m.Time = p.message.ID, p.message.Time
		}
		f.renew(r, c, m)
		if f.edits.Show && !f.TooOld(r) && !text.SaysSame(before, m) {
			entries = append(entries, f.version(r, c, m, before, "", f.deeds.editor(f.Group, r, m.From, f.edits.Merge)))
		}
	}
	return entries
}

// renew remembers a message with its new text. The caller holds mu.
func (f *Feed) renew(r collection.Row, c *collection.Channel, m *ircd.Message) {
	content := f.Group.ContentOf(r)
	f.shown.put(r, f.written(r), content, c, m)
	if mark, seen := f.seen[r.ID]; seen {
		mark.content = content
		f.seen[r.ID] = mark
	}
}

// version makes the entry that shows what has changed in a message since before, nil if
// that is not known, under a msgid that is new if none is given. Whose message it is stands
// in it unless its author is known to have changed it. The caller holds mu.
func (f *Feed) version(r collection.Row, c *collection.Channel, m, before *ircd.Message, msgid string, by ircd.User) Entry {
	v := *m
	v.By, v.Edits, v.ID, v.Time = by, m.ID, msgid, f.clock()
	v.ReplyTo, v.Quote, v.Replayed = "", nil, false
	v.Text = text.EditMark + m.Text
	if before != nil && before.Kind == m.Kind {
		if edit, changed := text.EditText(before.Text, m.Text); changed {
			v.Text = edit
		}
	}
	if by.ID == "" || by.ID != m.From.ID {
		v.Text = text.EditMark + "<" + m.From.Nick + "> " + strings.TrimPrefix(v.Text, text.EditMark)
	}
	if v.ID == "" {
		v.ID = f.nextID(m.ID)
		if known := f.shown.rows[r.ID]; known != nil { // else it is too long
			known.place(c).addEdit(v.ID)
		}
	}
	return Entry{Row: r.WithoutTexts(), Channel: c, Event: &v, Text: text.Wording(m)}
}
