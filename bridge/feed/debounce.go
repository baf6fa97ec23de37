package feed

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/text"
	"directus-ircd/ircd"
)

const (
	// maxDebounced is how many edits may be debounced at a time; when there are more, all
	// of them are shown at once.
	maxDebounced = 256
	// debouncePace is the shortest time between two batches of edits, so that edits that
	// become due one by one are shown together.
	debouncePace = time.Second
)

// edit is a text that has changed and may change again. Its content is kept only as a hash:
// the text is read when the edit is due, and with it the right to see it.
type edit struct {
	content uint64
	due     time.Time
}

// debounce notes a changed text, which is shown once it has stayed the same for Edits.Merge:
// web editors save while people type. The caller holds mu.
func (f *Feed) debounce(r *rendering) {
	if waiting, ok := f.debounced[r.ID]; ok && waiting.content == r.content {
		return
	}
	f.debounced[r.ID] = edit{r.content, time.Now().Add(f.edits.Merge)}
}

// showEdits shows the edits that are due and sets the timer for the next.
func (f *Feed) showEdits(ctx context.Context) error {
	ids, _ := f.dueEdits()
	if len(ids) > 0 {
		f.debouncedAt = time.Now()
	}
	var entries []Entry
	err := f.readNow(ctx, ids, func(rows []collection.Row, missing []string) error {
		shown, err := f.takeEdits(ctx, rows, missing)
		entries = append(entries, shown...)
		return err
	})
	f.Bring(few(entries)...)
	if err != nil {
		return err
	}
	if _, next := f.dueEdits(); !next.IsZero() {
		f.debounceTimer.Reset(time.Until(next))
	}
	return nil
}

// takeEdits makes the entries of edits that are due, from the rows as they are now. Rows that
// may not be read any more show nothing, neither their old text nor the new one.
func (f *Feed) takeEdits(ctx context.Context, rows []collection.Row, missing []string) ([]Entry, error) {
	for i, r := range rows {
		rows[i] = f.Dated(r)
	}
	slices.SortStableFunc(rows, collection.CompareRows)
	refs, err := f.leader.Names().References(ctx, f.Group, rows)
	if err != nil {
		return nil, err
	}
	rendered := f.render(rows, refs)
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range missing {
		delete(f.debounced, id)
	}
	var entries []Entry
	for _, r := range rendered {
		entries = append(entries, f.edited(r)...)
	}
	return entries, nil
}

// dueEdits lists the rows whose edits are due, and when the next one will be.
func (f *Feed) dueEdits() (ids []string, next time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now, crowded := time.Now(), len(f.debounced) > maxDebounced
	pause := f.debouncedAt.Add(debouncePace)
	for _, id := range slices.Sorted(maps.Keys(f.debounced)) {
		switch e := f.debounced[id]; {
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

// edited makes the entries of a new text, one for each channel in which the old text was
// shown, or may have been shown before the feed forgot it. The caller holds mu.
func (f *Feed) edited(r *rendering) []Entry {
	known := f.shown.rows[r.ID]
	waiting, ok := f.debounced[r.ID]
	if !ok {
		return nil // shown or deleted meanwhile
	}
	delete(f.debounced, r.ID)
	if waiting.content != r.content { // changed once more
		if known == nil || known.content != r.content {
			f.debounce(r)
		}
		return nil
	}
	var entries []Entry
	if known != nil {
		known.content = r.content
	}
	for _, rendered := range r.messages {
		c, m := rendered.channel, rendered.message
		if m == nil {
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
		f.renew(r.Row, r.content, c, m)
		if f.edits.Show && !f.TooOld(r.Row) && !text.SaysSame(before, m) {
			entries = append(entries, f.version(r.Row, c, m, before, "", f.deeds.editor(f.Group, r.Row, m.From, f.edits.Merge)))
		}
	}
	return entries
}

// renew remembers a message with its new text. The caller holds mu.
func (f *Feed) renew(r collection.Row, content uint64, c *collection.Channel, m *ircd.Message) {
	f.shown.put(r, f.written(r), content, c, m)
	if mark, seen := f.seen[r.ID]; seen {
		mark.content = content
		f.seen[r.ID] = mark
	}
}

// version makes the entry that shows how a message has changed since before, which is nil
// if that is not known. An empty msgid stands for a new one. The text names the author unless
// the author is known to have made the change. The caller holds mu.
func (f *Feed) version(r collection.Row, c *collection.Channel, m, before *ircd.Message, msgid string, by ircd.User) Entry {
	v := *m
	v.By, v.Edits, v.ID, v.Time = by, m.ID, msgid, f.clock()
	v.ReplyTo, v.Quote, v.Replayed = "", &ircd.Quote{Nick: m.From.Nick, Time: m.Time}, false
	v.Text = ircd.EditMark + m.Text
	if before != nil {
		v.Quote.Text = text.Unchanged(before.Text, m.Text)
		if before.Kind == ircd.Notice {
			v.Kind = before.Kind // which may be forgotten by now
		}
		if before.Kind == v.Kind {
			if edit, changed := text.EditText(before.Text, m.Text); changed {
				v.Text = edit
			}
		}
	}
	if by.ID == "" || by.ID != m.From.ID {
		v.Text = ircd.EditMark + "<" + m.From.Nick + "> " + strings.TrimPrefix(v.Text, ircd.EditMark)
	}
	if v.ID == "" {
		p := f.shown.rows[r.ID].place(c) // nil if it is too long
		if v.ID = f.nextID(m.ID, f.Group.ContentOf(r), p); p != nil {
			p.addEdit(v.ID)
		}
	}
	return Entry{Row: r.WithoutTexts(), Channel: c, Event: &v, Text: text.Wording(m)}
}
