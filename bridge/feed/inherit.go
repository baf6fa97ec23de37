package feed

import (
	"context"
	"slices"

	"directus-ircd/bridge/collection"
	"directus-ircd/ircd"
)

// When a session goes from one feed to another, what becomes of the messages that it was shown
// is still to be told. The new feed inherits them, but not unseen: it may have readers who may
// not read all that those of the old one could, and what an event has told the old feed alone
// would be missing. So it reads the messages once more by their keys, and remembers those that
// are there for its readers.

// inheritance are the rows that a feed has inherited and does not remember as shown, by row id:
// at most maxRemembered, those that wait to be read, and those that were missing then. The latter
// are deleted, and the event is on its way, or are hidden from the readers. The mu of the feed
// guards it.
type inheritance map[string]*heirloom

// heirloom is a row as another feed has shown it.
type heirloom struct {
	*shownRow      // immutable
	missing   bool // when it was read
}

func (rows inheritance) place(id string, c *collection.Channel) *place {
	if h := rows[id]; h != nil {
		return h.place(c)
	}
	return nil
}

// add takes a row to be read. Those that were missing make room for it. It is false if there is
// no room.
func (rows inheritance) add(id string, row *shownRow) bool {
	if h := rows[id]; h != nil { // it was shown in several channels
		row.places = append(row.places, h.places...)
	} else if len(rows) >= maxRemembered {
		for old, h := range rows {
			if h.missing {
				delete(rows, old)
				break
			}
		}
	}
	if len(rows) >= maxRemembered && rows[id] == nil {
		return false
	}
	rows[id] = &heirloom{shownRow: row}
	return true
}

func (rows inheritance) clone() inheritance {
	copied := make(inheritance, len(rows))
	for id, h := range rows {
		copied[id] = &heirloom{h.shownRow, h.missing}
	}
	return copied
}

// Inherit makes the feed remember what another one has shown in a channel, which is another
// object here if its configuration has changed. A session that moves calls it before it reads
// the old feed for the last time; what was inherited already costs nothing.
func (f *Feed) Inherit(old *Feed, from, to *collection.Channel) {
	shown := old.shownIn(from)
	f.mu.Lock()
	defer f.mu.Unlock()
	added := false
	for id, row := range shown {
		row.places[0].channel = to
		switch told, gone := f.shown.isGone(id); {
		case gone && !told: // the old feed may not know it yet
			f.Bring(f.takeBack(id, row)...)
			f.shown.bury(id, true)
		case gone || f.shown.rows[id].place(to) != nil || f.inherited.place(id, to) != nil:
		default:
			added = f.inherited.add(id, row) || added
		}
	}
	if added {
		f.Reread()
	}
}

// shownIn copies what the feed remembers of a channel, each row with that one place.
func (f *Feed) shownIn(c *collection.Channel) map[string]*shownRow {
	f.mu.Lock()
	defer f.mu.Unlock()
	rows := make(map[string]*shownRow, len(f.shown.rows))
	for id, row := range f.shown.rows {
		if p := row.place(c); p != nil {
			copied := *p
			copied.edits = slices.Clone(p.edits)
			rows[id] = &shownRow{written: row.written, content: row.content, places: []place{copied}}
		}
	}
	return rows
}

// adopt reads what was inherited, remembers what is there, and tells what has changed since.
func (f *Feed) adopt(ctx context.Context) error {
	var ids []string
	f.mu.Lock()
	for id, h := range f.inherited {
		if !h.missing {
			ids = append(ids, id)
		}
	}
	f.mu.Unlock()
	if len(ids) == 0 {
		return nil
	}
	err := f.readNow(ctx, ids, func(rows []collection.Row, missing []string) error {
		return f.update(ctx, f.remember(rows, missing))
	})
	if err == nil {
		err = f.showEdits(ctx)
	}
	return f.failed(ctx, err)
}

// remember takes inherited rows as shown, and returns those that are not any more what they
// were.
func (f *Feed) remember(rows []collection.Row, missing []string) (changed []collection.Row) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range missing {
		if h := f.inherited[id]; h != nil {
			h.missing = true
		}
	}
	for _, r := range rows {
		h := f.inherited[r.ID]
		if h == nil {
			continue // its deletion was told meanwhile
		}
		delete(f.inherited, r.ID)
		s := f.shown.inherit(r.ID, h.shownRow)
		if h.content != f.Group.ContentOf(r) {
			s.content = h.content
			changed = append(changed, r)
		} else if h.differs(r) {
			changed = append(changed, r)
		}
	}
	return changed
}

// differs reports that a row was taken back in a channel where it is shown, or restored.
func (s *shownRow) differs(r collection.Row) bool {
	return slices.ContainsFunc(s.places, func(p place) bool {
		return p.state == visible && !p.channel.Matches(r) || p.state == deleted && p.channel.Matches(r)
	})
}

// takeBack makes the entries of an inherited row that was deleted before it was read. Readers of
// a shared feed may never have been allowed to read it, so they are told no more than Directus
// tells everybody: the key. The caller holds mu.
func (f *Feed) takeBack(id string, row *shownRow) (entries []Entry) {
	for i := range row.places {
		if p := &row.places[i]; p.state == visible {
			entries = append(entries, f.redactions(id, p, f.clock())...)
		}
	}
	if f.Key.IsShared() {
		for i := range entries {
			full := entries[i].Event.(*ircd.Redaction)
			entries[i].Event = &ircd.Redaction{MsgID: full.MsgID, Time: full.Time, Target: full.Target}
		}
	}
	return entries
}
