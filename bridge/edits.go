package bridge

import (
	"context"
	"maps"
	"slices"
	"time"

	"directus-ircd/ircd"
)

// maxPending is how many changed texts may wait until they have settled; beyond,
// they are shown at once.
const (
	maxPending = 256
	// maxPendingBytes bounds their texts in the same way.
	maxPendingBytes = 1 << 20
)

// edit is a row whose text has changed and may change again.
type edit struct {
	row     row
	content uint64
	due     time.Time
}

// expect notes a changed text, to be shown once it has stayed as it is for a
// while: composers of web pages store while people type. The caller holds mu.
func (f *feed) expect(r row) {
	content := f.group.contentOf(r)
	if waiting, ok := f.pending[r.id]; ok && waiting.content == content {
		waiting.row = r
		f.pending[r.id] = waiting
		return
	}
	f.pending[r.id] = edit{r, content, time.Now().Add(f.edits.Merge)}
}

// showEdits shows the texts that have settled and sets the timer for the next.
func (f *feed) showEdits(ctx context.Context) error {
	rows, next := f.settled()
	if len(rows) > 0 {
		refs, err := f.carrier.names.references(ctx, f.group, rows)
		if err != nil {
			return err
		}
		f.showSettled(rows, refs)
	}
	if !next.IsZero() {
		f.settle.Reset(time.Until(next))
	}
	return nil
}

// showSettled shows the texts of rows that have settled.
func (f *feed) showSettled(rows []row, refs references) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range rows {
		f.journal.append(f.edited(r, refs)...)
	}
}

// settled lists the rows whose texts have settled, and when the next will have.
func (f *feed) settled() (rows []row, next time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	bytes := 0
	for _, e := range f.pending {
		bytes += len(e.row.text)
	}
	now, crowded := time.Now(), len(f.pending) > maxPending || bytes > maxPendingBytes
	for _, id := range slices.Sorted(maps.Keys(f.pending)) {
		switch e := f.pending[id]; {
		case crowded || !now.Before(e.due):
			rows = append(rows, e.row)
		case next.IsZero() || e.due.Before(next):
			next = e.due
		}
	}
	slices.SortStableFunc(rows, compareRows)
	return rows, next
}

// edited makes the entries of a new text, one for each channel in which the old
// one was shown, or could have been. The caller holds mu.
func (f *feed) edited(r row, refs references) []entry {
	content := f.group.contentOf(r)
	waiting, ok := f.pending[r.id]
	if !ok || waiting.content != content {
		return nil // changed once more
	}
	delete(f.pending, r.id)
	var entries []entry
	known := f.shown.rows[r.id]
	if known != nil {
		known.content = content
	}
	for _, c := range f.group.channels {
		if !c.matches(r) {
			continue
		}
		m := toMessage(r, c, refs, false)
		if m.Text == "" {
			continue
		}
		var before string
		if known != nil {
			p := known.place(c)
			if p == nil || p.state != visible {
				continue
			}
			before = p.message.Text
			m.ID, m.Time = p.message.ID, p.message.Time
		}
		f.renew(r, c, m)
		if f.edits.Show && !f.tooOld(r) && !sameWords(before, m.Text) {
			entries = append(entries, f.version(r, c, m, before, ""))
		}
	}
	return entries
}

// renew remembers a message with its new text. The caller holds mu.
func (f *feed) renew(r row, c *channel, m *ircd.Message) {
	content := f.group.contentOf(r)
	f.shown.put(r, f.written(r), content, c, m)
	if mark, seen := f.seen[r.id]; seen {
		mark.content = content
		f.seen[r.id] = mark
	}
}

// version makes the entry that shows what has changed in a message, under a
// msgid that is new if none is given. The caller holds mu.
func (f *feed) version(r row, c *channel, m *ircd.Message, before, msgid string) entry {
	v := *m
	v.Edits, v.ID, v.Time = m.ID, msgid, f.clock()
	v.ReplyTo, v.Quote, v.Replayed = "", nil, false
	if text, changed := editText(before, m.Text); changed {
		v.Text = text
	} else {
		v.Text = editMark + m.Text
	}
	if v.ID == "" {
		v.ID = f.nextID(m.ID)
		if known := f.shown.rows[r.id]; known != nil { // else it is too long
			known.place(c).addEdit(v.ID)
		}
	}
	return entry{row: r.withoutTexts(), channel: c, event: &v, text: m.Text}
}
