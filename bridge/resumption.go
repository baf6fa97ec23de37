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
	"directus-ircd/ircd/wire"
)

// Resume is how devices go on from where they were.
type Resume struct {
	// MaxAge is after what time a device that was away is a new one.
	MaxAge time.Duration
	// MaxMessages is how many missed messages of a channel are shown; the latest
	// are, if there are more.
	MaxMessages int
}

// visit is one channel, or all private messages, as the device of a session knows
// it. What is shown counts as received when the client has proven that: nothing
// that is written to a socket is known to arrive. Its owner is the session.
type visit struct {
	key string // of its position
	// caughtUp says that what was missed has been shown. What comes before that
	// is not noted: a gap must not be passed.
	caughtUp bool
	shown    resume.Position // since the client was asked last
	asked    resume.Position // what it was asked about
}

// visit returns what the device knows of a channel; nil for sessions without a
// device, and for clients that fetch the history by themselves.
func (s *session) visit(c *collection.Channel, opts ircd.JoinOptions) *visit {
	if s.backend.positions == nil || s.device == "" || !opts.Backlog {
		return nil
	}
	key := resume.Key(s.backend.origin, s.person.ID, s.device, c.Collection, wire.Fold(c.Name))
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

// revisit begins anew with a channel that is another collection now. What is in there
// already is not missed.
func (s *session) revisit(j *joined) {
	if j.received = nil; j.visit != nil {
		j.visit = s.visit(j.Channel, ircd.JoinOptions{Backlog: true})
		s.catchUp(j.visit, past{end: true}, j.view.feed.ReadTo())
	}
}

// has is all that this session knows the device to have: what it has shown arrives
// in front of what it shows next.
func (s *session) has(v *visit) resume.Position {
	t, h := s.backend.positions.Get(v.key), collection.HorizonOf(s.member.account)
	t.Merge(v.asked, h)
	t.Merge(v.shown, h)
	return t.AsOf(h.Now)
}

// noteCome notes when a device came whose backlog is due, if nothing is known of it: should it
// leave before it has been shown that, it goes on from there.
func (s *session) noteCome(j *joined) {
	if !j.due || j.visit == nil || s.backend.positions.Get(j.visit.key).Known() {
		return
	}
	if came := j.since.From(j.view.feed.Group, s.member.account); !came.IsZero() {
		s.keep(j.visit, resume.Position{Came: came})
	}
}

// keep adds to what is known of the device.
func (s *session) keep(v *visit, news resume.Position) {
	s.backend.positions.Merge(v.key, news, collection.HorizonOf(s.member.account))
}

// show notes a row that the client is shown. to is up to where the collection had been
// known before.
func (s *session) show(v *visit, r collection.Row, to feed.Extent) {
	if v == nil || !v.caughtUp {
		return
	}
	h := collection.HorizonOf(s.member.account)
	v.shown.Add(r, h)
	v.shown.Reach(to.Date, h)
	v.shown.Told = v.shown.Told.Later(to.Come)
	s.unacked = true
}

// showEntry is show for what a feed has brought, as far as it is a message.
func (s *session) showEntry(j *joined, e *feed.Entry, to feed.Extent) {
	if j != nil && j.visit != nil && !e.IsChange() {
		s.show(j.visit, e.Row, to)
	}
}

// catchUp notes that a client is shown what its device has missed.
func (s *session) catchUp(v *visit, p past, to feed.Extent) {
	v.caughtUp = true
	var floor resume.Delivery
	if p.floor != nil {
		floor = resume.DeliveryOf(*p.floor)
	}
	if to.Date.IsZero() { // nobody had ever said anything: from here on it is missed
		to.Date, _, _ = collection.ServerNow(s.member.account)
	}
	if len(p.list) > 0 {
		v.shown.Raise(p.top)
		for _, f := range p.list {
			s.show(v, f.row, to)
		}
		if v.shown.Floor.ID == "" || floor.Compare(v.shown.Floor) > 0 { // of many rows the first are in front of one that trim has set
			v.shown.Floor = floor
		}
		return
	}
	s.keep(v, resume.Position{Date: to.Date, Floor: floor, Top: p.top, Told: to.Come})
}

// AskReceipt implements ircd.Session.
func (s *session) AskReceipt() bool {
	asked := s.unacked
	s.unacked = false
	if asked {
		for _, v := range s.visits {
			v.asked.Merge(v.shown, collection.HorizonOf(s.member.account))
			v.shown = resume.Position{}
		}
	}
	return asked
}

// Received implements ircd.Session.
func (s *session) Received() {
	for _, v := range s.visits {
		if v.asked.Known() || len(v.asked.Delivered) > 0 {
			s.keep(v, v.asked)
		}
		v.asked = resume.Position{}
	}
}

// own notes a row that the client has sent. Unless it waits to be shown it, it has
// it already.
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

// closeVisits ends the use of the positions.
func (s *session) closeVisits() {
	for _, v := range s.visits {
		s.backend.positions.Release(v.key)
	}
	s.visits = nil
}

// maxReturn is how many messages a client without a device is shown that comes back to a
// channel which was configured otherwise meanwhile.
const maxReturn = 1000

// past is what a client is shown of the time before it came.
type past struct {
	list []found
	end  bool // there is no more of it
	// floor is the row up to which nothing is missed any more; nil if there is none.
	floor *collection.Row
	// notice says what was left out; empty if nothing was.
	notice string
	// top is the highest key that there was, where all that has a lower one is known to the
	// device now or was left out; else empty.
	top string
}

// past reads what a client is to be shown: what its device has missed, or the
// latest messages; see latest for some.
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

// missedBy reads what a position does not have, the latest of it if that is more than limit.
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
	had.Future = resume.Future{} // the clock has yet to show that: what is written then is dated there, too
	j.received = had.Received()
	n := len(missed)
	if n <= limit && end {
		return past{list: missed, end: true}, nil
	}
	p := past{list: missed[max(n-limit, 0):], notice: leftOut(j, fmt.Sprintf("more than %d messages", limit), had.Date)}
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

// sinceCame reads the backlog of who is not known, and reports whether that has all that was written
// since a device came; zero: it has not before.
func (h *historian) sinceCame(ctx context.Context, j *joined, came time.Time, some bool) (p past, all bool, err error) {
	p, err = h.backlog(ctx, j, some)
	since := j.since.From(h.groups[0], h.member.account)
	here := !since.IsZero() && !came.Before(since)
	return p, came.IsZero() || here || p.floor == nil || p.floor.Date.Before(came), err
}

// backlog reads the latest messages, not more than the channel's backlog but for what has
// come since a JOIN whose backlog is due; see latest for some.
func (h *historian) backlog(ctx context.Context, j *joined, some bool) (past, error) {
	since := j.since.From(h.groups[0], h.member.account)
	list, end, cut, err := h.latest(ctx, nil, max(j.Backlog, 1), since, some)
	p := past{list: list, end: end}
	recent := len(list) > 0 && !since.IsZero() && !list[0].row.Date.Before(since)
	if len(list) > 0 && !end {
		p.floor = list[0].place()
	}
	if len(list) > 0 && j.Backlog == 0 {
		p = past{end: true, floor: list[0].place()}
		if recent {
			p.list = list
		}
	}
	if cut && len(p.list) > 0 {
		what := fmt.Sprintf("the last %d messages", j.Backlog)
		if recent {
			what = "what was written since you have joined"
		}
		p.notice = fmt.Sprintf("Directus could not give %s in time: only the latest follow. The ones before them are shown by: /quote CHATHISTORY BEFORE %s timestamp=%s 500",
			what, j.window(), list[0].row.ShownAt().UTC().Format(collection.TimestampLayout))
	}
	return p, err
}

// mark is as much of the row as tells its place, and not the whole list that it is in.
func (f found) place() *collection.Row { return &collection.Row{ID: f.row.ID, Date: f.row.Date} }

// leftOut says that more was missed than is shown, and how to see it.
func leftOut(j *joined, much string, since time.Time) string {
	return fmt.Sprintf("You have missed %s since %s UTC: the latest follow. The ones before them are shown by: /quote CHATHISTORY AFTER %s timestamp=%s 500",
		much, since.UTC().Format("2006-01-02 15:04"), j.window(), since.UTC().Format(collection.TimestampLayout))
}

// window is what a command names to show the history of what is joined.
func (j *joined) window() string {
	if j.Private {
		return "nick"
	}
	return j.Name
}
