package feed

import (
	"container/heap"
	"slices"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/ircd"
)

const (
	// maxRemembered and maxRememberedBytes bound the messages that a feed remembers to have
	// shown. Beyond that the oldest are forgotten: their deletion is not told any more, and
	// an edit of theirs is shown as the whole new text.
	maxRemembered      = 256
	maxRememberedBytes = 256 << 10
	// maxRememberedText is the length in bytes of the longest text that is remembered: a few
	// longer ones would push out all others.
	maxRememberedText = maxRememberedBytes / 8
	// rememberedCost is about how many bytes a message takes besides its texts.
	rememberedCost = 512
	// maxGone is how many keys of deleted rows are kept, so that an event or a page that was
	// under way does not show them again.
	maxGone = 256
	// maxEditIDs is how many edits of one message are taken back with it.
	maxEditIDs = 8
)

// shownRows holds the newest messages that a feed, or the backlog of one of its sessions,
// has shown. What an update has changed can be told only of these, and only their deletion
// may be told: Directus announces the deletion of every row, readable or not. The mu of the
// feed guards it.
type shownRows struct {
	rows  map[string]*shownRow // by row id
	byAge byAge                // the same rows
	bytes int
	gone  []goneRow // the latest, oldest first
}

// shownRow is a row as it was shown last.
type shownRow struct {
	id      string
	rank    int       // its place in byAge
	written time.Time // the moment
	content uint64    // see ContentOf
	places  []place
	size    int // as counted in shownRows.bytes
}

// byAge is a heap of rows, of which the first was written before all others.
type byAge []*shownRow

func (h byAge) Len() int           { return len(h) }
func (h byAge) Less(i, j int) bool { return h[i].written.Before(h[j].written) }
func (h byAge) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].rank, h[j].rank = i, j
}

func (h *byAge) Push(row any) {
	s := row.(*shownRow)
	s.rank = len(*h)
	*h = append(*h, s)
}

func (h *byAge) Pop() any {
	last := len(*h) - 1
	s := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return s
}

// place is a channel in which a row is, or was, shown.
type place struct {
	channel *collection.Channel
	// message is what was shown, with its latest text.
	message *ircd.Message
	// edits are the msgids under which later versions were shown.
	edits []string
	// complete says that edits are all there were; see nextID.
	complete bool
	state    placeState
}

// placeState says why a message is not to be seen any more.
type placeState int

const (
	visible placeState = iota
	deleted            // by the mark of a soft delete
	moved              // to another channel, or without text
)

// goneRow is a row that was deleted; told says that sessions were told.
type goneRow struct {
	id   string
	told bool
}

func newShownRows() shownRows { return shownRows{rows: map[string]*shownRow{}} }

func (rs *shownRows) clone() shownRows {
	rows, sorted := make(map[string]*shownRow, len(rs.rows)), make(byAge, len(rs.byAge))
	for id, s := range rs.rows {
		row := *s
		row.places = slices.Clone(s.places)
		for i := range row.places {
			row.places[i].edits = slices.Clone(row.places[i].edits)
		}
		rows[id], sorted[row.rank] = &row, &row
	}
	return shownRows{rows, sorted, rs.bytes, slices.Clone(rs.gone)}
}

// put remembers the message of a row in a channel; what is known of the row in other channels
// stays. written is by our clock, so that neither rows of the future nor a clock that was set
// push out the present.
func (rs *shownRows) put(r collection.Row, written time.Time, content uint64, c *collection.Channel, message *ircd.Message) {
	if len(message.Text) > maxRememberedText {
		rs.forget(r.ID)
		return
	}
	s := rs.row(r.ID, written)
	s.content = content
	if p := s.place(c); p != nil {
		p.message, p.state = message, visible
	} else {
		s.places = append(s.places, place{channel: c, message: message})
	}
	rs.weigh(s)
}

// inherit takes a row as another feed has shown it. What is known of it in its channels stays.
func (rs *shownRows) inherit(id string, row *shownRow) *shownRow {
	s := rs.rows[id]
	if s == nil {
		s = rs.row(id, row.written)
		s.content = row.content
	}
	for _, p := range row.places {
		if s.place(p.channel) == nil {
			s.places = append(s.places, p)
		}
	}
	rs.weigh(s)
	return s
}

// row is the row with an id, which is made if there is none, as one that was written at a time.
func (rs *shownRows) row(id string, written time.Time) *shownRow {
	s := rs.rows[id]
	if s == nil {
		s = &shownRow{id: id, written: written}
		rs.rows[id] = s
		heap.Push(&rs.byAge, s)
		return s
	}
	s.written = written
	heap.Fix(&rs.byAge, s.rank)
	return s
}

// weigh counts a row that has changed, and forgets the oldest if there are too many now.
func (rs *shownRows) weigh(s *shownRow) {
	rs.bytes -= s.size
	s.size = s.cost()
	rs.bytes += s.size
	for len(rs.rows) > maxRemembered || rs.bytes > maxRememberedBytes {
		rs.forget(rs.byAge[0].id)
	}
}

func (rs *shownRows) forget(id string) {
	if s := rs.rows[id]; s != nil {
		rs.bytes -= s.size
		delete(rs.rows, id)
		heap.Remove(&rs.byAge, s.rank)
	}
}

func (rs *shownRows) bury(id string, told bool) {
	rs.forget(id)
	rs.gone = slices.DeleteFunc(rs.gone, func(g goneRow) bool { return g.id == id })
	if len(rs.gone) >= maxGone {
		rs.gone = slices.Delete(rs.gone, 0, 1)
	}
	rs.gone = append(rs.gone, goneRow{id, told})
}

// isGone reports whether a row was deleted lately, and whether that was told.
func (rs *shownRows) isGone(id string) (told, gone bool) {
	for _, g := range rs.gone {
		if g.id == id {
			return g.told, true
		}
	}
	return false, false
}

// isVisible reports that the row is to be seen in some channel, as far as remembered.
func (s *shownRow) isVisible() bool {
	return s != nil && slices.ContainsFunc(s.places, func(p place) bool { return p.state == visible })
}

// isTakenBack reports that the row is not to be seen any more in some channel, as far as remembered.
func (s *shownRow) isTakenBack() bool {
	return s != nil && slices.ContainsFunc(s.places, func(p place) bool { return p.state != visible })
}

func (s *shownRow) cost() int {
	n := 0
	for _, p := range s.places {
		n += rememberedCost + len(p.message.Text) + len(p.message.ID)
	}
	return n
}

// place returns where the row is shown in a channel, or nil; also of a row that
// is not remembered.
func (s *shownRow) place(c *collection.Channel) *place {
	if s == nil {
		return nil
	}
	for i := range s.places {
		if s.places[i].channel == c {
			return &s.places[i]
		}
	}
	return nil
}

// concerned lists channels that a row belongs to now, and before them those in which it is
// remembered; s may be nil.
func (s *shownRow) concerned(now []*collection.Channel) []*collection.Channel {
	var all []*collection.Channel
	if s != nil {
		for _, p := range s.places {
			all = append(all, p.channel)
		}
	}
	for _, c := range now {
		if s.place(c) == nil {
			all = append(all, c)
		}
	}
	return all
}

// show makes a message visible again whose versions were all taken back.
func (p *place) show(m *ircd.Message) {
	p.message, p.state, p.edits, p.complete = m, visible, nil, false
}

// addEdit notes the msgid of an edit that was shown.
func (p *place) addEdit(id string) {
	if len(p.edits) >= maxEditIDs {
		p.edits, p.complete = slices.Delete(p.edits, 0, 1), false
	}
	p.edits = append(p.edits, id)
}

// ShownTexts returns the rows that the feed has shown in a channel, with a digest of the
// latest text of each. Rows whose text the feed has forgotten have a zero digest, and are
// among them if they were shown in any channel.
func (f *Feed) ShownTexts(c *collection.Channel) map[string]collection.Digest {
	f.mu.Lock()
	defer f.mu.Unlock()
	texts := make(map[string]collection.Digest, len(f.seen))
	for id, m := range f.seen {
		known := f.shown.rows[id]
		switch p := known.place(c); {
		case p != nil:
			texts[id] = collection.DigestOf(p.message.Text)
		case known == nil && m.shown:
			texts[id] = collection.Digest{}
		}
	}
	return texts
}
