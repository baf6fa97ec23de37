package bridge

import (
	"context"
	"fmt"
	"slices"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/feed"
	"directus-ircd/bridge/resume"
	"directus-ircd/ircd"
)

// Resume says how devices continue where they left off.
type Resume struct {
	// MaxAge is how long the position of a device that is away is kept. After that the
	// device counts as new.
	MaxAge time.Duration
	// MaxMessages is how many missed messages of a channel are shown at most, the latest.
	MaxMessages int
}

// visit is what a session's device is shown of one channel, or of the private messages.
// Messages count as received when the client has acknowledged them, because a write to a
// socket does not prove that they arrive. The owner of a visit is the session.
type visit struct {
	key string // of the device's stored position
	// caughtUp says that the missed messages have been shown. Until then, live messages are
	// not noted as delivered: the position would move past the missed ones.
	caughtUp  bool
	delivered resume.Position // shown since the last AskReceipt
	asked     resume.Position // shown before the last AskReceipt, and not acknowledged yet
}

// visit begins a visit of a channel. It returns nil if the session has no device, or the
// client fetches history by itself. For private messages, which open windows, all clients
// of a user that name no device are one device without a name.
func (s *session) visit(c *collection.Channel, opts ircd.JoinOptions) *visit {
	unnamed := s.device.name == "" && (!c.Private || c.Backlog == 0 || opts.Bot)
	if s.backend.positions == nil || unnamed || !opts.Backlog {
		return nil
	}
	key := resume.Key(s.backend.origin, s.person.ID, s.device.name, c.Collection, c.Key())
	v := s.visits[key]
	if v == nil {
		v = &visit{key: key}
		s.backend.positions.Open(key)
		if s.visits == nil {
			s.visits = map[string]*visit{}
		}
		s.visits[key] = v
	}
	v.caughtUp = false
	return v
}

// revisit begins a new visit of a channel that has moved to another collection. The rows that
// are in that already do not count as missed.
func (s *session) revisit(j *joined) {
	if j.received = nil; j.visit != nil {
		j.visit = s.visit(j.Channel, ircd.JoinOptions{Backlog: true})
		s.catchUp(j.visit, past{end: true}, j.view.feed.ReadTo())
	}
}

// has is the device's position including what this session has shown and the client has not
// acknowledged: if the client gets what it is shown next, it has got that too.
func (s *session) has(v *visit) resume.Position {
	t, h := s.backend.positions.Get(v.key), collection.HorizonOf(s.member.account)
	t.Merge(v.asked, h)
	t.Merge(v.delivered, h)
	return t.AsOf(h.Now)
}

// noteCome stores when a new device came, if its backlog is due. If the device leaves before
// it has been shown the backlog, it resumes from that time.
func (s *session) noteCome(j *joined) {
	if !j.due || j.visit == nil || s.backend.positions.Get(j.visit.key).Known() {
		return
	}
	if came := j.since.From(j.view.feed.Group, s.member.account); !came.IsZero() {
		s.keep(j.visit, resume.Position{Came: came})
	}
}

// keep merges news into the device's stored position.
func (s *session) keep(v *visit, news resume.Position) {
	s.backend.positions.Merge(v.key, news, collection.HorizonOf(s.member.account))
}

// show notes a row that the client is shown. to is up to where the feed had read the
// collection before.
func (s *session) show(v *visit, r collection.Row, to feed.Extent) {
	if v == nil || !v.caughtUp {
		return
	}
	h := collection.HorizonOf(s.member.account)
	v.delivered.Add(r, h)
	v.delivered.Reach(to.Date, h)
	v.delivered.Told = v.delivered.Told.Later(to.Come)
	s.unacked = true
}

// catchUp notes that the client is shown what its device has missed. to is up to where the feed
// had read the collection before.
func (s *session) catchUp(v *visit, p past, to feed.Extent) {
	v.caughtUp = true
	var floor resume.Delivery
	if p.floor != nil {
		floor = resume.DeliveryOf(*p.floor)
	}
	if to.Date.IsZero() { // the collection was empty: what is written from now on can be missed
		to.Date, _, _ = collection.ServerNow(s.member.account)
	}
	if len(p.list) > 0 {
		v.delivered.Raise(p.top)
		for _, f := range p.list {
			s.show(v, f.row, to)
		}
		if v.delivered.Floor.ID == "" || floor.Compare(v.delivered.Floor) > 0 { // show may have set a later one already, if the rows are many
			v.delivered.Floor = floor
		}
		return
	}
	s.keep(v, resume.Position{Date: to.Date, Floor: floor, Top: p.top, Told: to.Come})
}

func (s *session) AskReceipt() bool {
	asked := s.unacked
	s.unacked = false
	if asked {
		for _, v := range s.visits {
			v.asked.Merge(v.delivered, collection.HorizonOf(s.member.account))
			v.delivered = resume.Position{}
		}
	}
	return asked
}

func (s *session) Received() {
	for _, v := range s.visits {
		if v.asked.Known() || len(v.asked.Delivered) > 0 {
			s.keep(v, v.asked)
		}
		v.asked = resume.Position{}
	}
}

// own notes a row that the client has sent. If it waits for an echo, the row counts as shown,
// otherwise as received.
func (s *session) own(j *joined, r collection.Row, echo bool) {
	switch v := j.visit; {
	case echo:
		s.show(v, r, feed.Extent{})
	case v != nil && v.caughtUp:
		var sent resume.Position
		sent.Add(r, collection.HorizonOf(s.member.account))
		s.keep(v, sent)
	}
}

// maxReturn is how many messages a client without a device is shown at most when a channel is
// readable again that was moved to another feed meanwhile: see session.missed.
const maxReturn = 1000

// past is what was read of the time before a client joined.
type past struct {
	list []found
	end  bool // there are no older messages
	// floor is the row up to which nothing counts as missed any more; nil if there is none.
	floor *collection.Row
	// notice says what was left out; empty if nothing was.
	notice string
	// top is the highest numeric key that existed, if the device has been shown all rows
	// with lower keys, or they were left out; else empty. See resume.Position.Top.
	top string
	// missed says that the device has not received the messages; otherwise that is not known.
	missed bool
}

// past reads what a client is to be shown of the time before it joined: what its device has
// missed, or the latest messages. some is that of historian.latest.
func (s *session) past(ctx context.Context, h *historian, j *joined, some bool) (past, error) {
	had, limit := j.had.AsOf(collection.DateLimit(s.member.account)), maxReturn
	if j.visit != nil {
		had, limit = s.has(j.visit), s.backend.opts.Resume.MaxMessages
	}
	var p past
	var all bool
	var err error
	if !had.Known() {
		p, all, err = h.sinceCame(ctx, j, had.Came, some)
		had.Date = had.Came.Add(collection.Overlap)
		had = had.AsOf(collection.DateLimit(s.member.account))
	}
	if err == nil && !all {
		p, err = s.missedBy(ctx, h, j, had, limit, some)
	}
	if err == nil && j.visit != nil && (had.Top == "" || p.floor != nil) {
		p.top = h.highestKey(ctx, p.list)
	}
	return p, err
}

// missedBy reads the messages that a device at position had has missed, at most the latest
// limit ones.
func (s *session) missedBy(ctx context.Context, h *historian, j *joined, had resume.Position, limit int, some bool) (past, error) {
	missed, redated, err := h.strays(ctx, had)
	if err != nil {
		return past{}, err
	}
	list, end, cut, err := h.latest(ctx, &had, limit+len(had.Delivered), time.Time{}, some)
	if err != nil {
		return past{}, err
	}
	if j.visit != nil {
		s.backend.resumed.Add(1)
	}
	received := had.Received()
	for _, f := range list {
		if _, again := redated[f.row.ID]; !again && !received(f.row) {
			missed = append(missed, f)
		}
	}
	slices.SortStableFunc(missed, func(a, b found) int { return collection.CompareRows(a.row, b.row) })
	missed = slices.CompactFunc(missed, func(a, b found) bool { return a.row.ID == b.row.ID })
	had.Future = resume.Future{} // rows written when the clock gets there are dated in it too, and are new
	j.received = had.Received()
	n := len(missed)
	if n <= limit && end {
		return past{list: missed, end: true, missed: true}, nil
	}
	p := past{list: missed[max(n-limit, 0):], missed: true, notice: leftOut(j, fmt.Sprintf("more than %d messages", limit), had.Date)}
	if n > limit {
		p.floor = p.list[0].place()
	} else {
		p.floor = list[0].place()
	}
	if cut {
		p.notice = leftOut(j, "more than Directus could give in time", had.Date)
	}
	return p, nil
}

// sinceCame reads the backlog for a device without a position. all reports that it includes
// everything written since the device first came; came is zero if it comes now.
func (h *historian) sinceCame(ctx context.Context, j *joined, came time.Time, some bool) (p past, all bool, err error) {
	p, err = h.backlog(ctx, j, some)
	since := j.since.From(h.groups[0], h.member.account)
	here := !since.IsZero() && !came.Before(since)
	return p, came.IsZero() || here || p.floor == nil || p.floor.Date.Before(came), err
}

// backlog reads the latest messages: as many as the channel's backlog has, and beyond that all
// since the JOIN if its backlog is due. some is that of historian.latest.
func (h *historian) backlog(ctx context.Context, j *joined, some bool) (past, error) {
	since := j.since.From(h.groups[0], h.member.account)
	list, end, cut, err := h.latest(ctx, nil, max(j.length(), 1), since, some)
	p := past{list: list, end: end}
	recent := len(list) > 0 && !since.IsZero() && !list[0].row.Date.Before(since)
	switch {
	case end:
	case len(list) > 0:
		p.floor = list[0].place()
	default: // the ID "0" is in front of all keys of that date
		p.floor = &collection.Row{Date: h.cutAt, ID: "0"}
	}
	if len(list) > 0 && j.length() == 0 {
		p = past{end: true, floor: list[0].place()}
		if recent {
			p.list = list
		}
	}
	if cut && len(p.list) > 0 {
		what := fmt.Sprintf("the last %d messages", j.length())
		if recent {
			what = "what was written since you have joined"
		}
		p.notice = fmt.Sprintf("Directus could not give %s in time: only the latest follow. To see earlier ones: /quote CHATHISTORY BEFORE %s timestamp=%s 500",
			what, j.window(), list[0].row.ShownAt().UTC().Format(collection.TimestampLayout))
	}
	return p, err
}

// place returns the key and date of the row, without its other values, which would be kept in
// memory.
func (f found) place() *collection.Row { return &collection.Row{ID: f.row.ID, Date: f.row.Date} }

// leftOut is the notice that more was missed than is shown, with the command that shows it.
func leftOut(j *joined, much string, since time.Time) string {
	return fmt.Sprintf("You have missed %s since %s UTC: the latest follow. To see the others: /quote CHATHISTORY AFTER %s timestamp=%s 500",
		much, since.UTC().Format("2006-01-02 15:04"), j.window(), since.UTC().Format(collection.TimestampLayout))
}

// window is the target that a command names to show the history of what is joined.
func (j *joined) window() string {
	if j.Private {
		return "nick"
	}
	return j.Name()
}
