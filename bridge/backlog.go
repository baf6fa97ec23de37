package bridge

import (
	"context"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/feed"
	"directus-ircd/bridge/resume"
	"directus-ircd/ircd"
	"directus-ircd/ircd/wire"
)

// backlog is what a client is shown of the time before it came.
type backlog struct {
	list     []found // all of it; the messages may be dropped
	messages []*ircd.Message
	notice   string    // comes in front of them; it may be empty
	more     ircd.More // what follows them; nil: nothing does
}

// backlog reads the channel's latest messages, or what the client's device has
// missed, and remembers what it shows. What has come after patience is enough if some
// says so.
func (s *session) backlog(ctx context.Context, j *joined, patience time.Duration, some bool) (*backlog, error) {
	reading, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	at, pos, readTo := time.Now(), j.view.reader.End(), j.view.feed.ReadTo()
	h := s.historyOf(j.Channel)
	h.most = s.backend.pages.Part()
	var p past
	err := s.inTurn(reading, h, func(reading context.Context) (err error) {
		p, err = s.past(reading, h, j, some)
		return err
	})
	if err != nil {
		return nil, err
	}
	read := time.Now() // what the feed begins to read from here on has all of it
	shown := make(map[string]collection.Digest, len(p.list))
	due := &parts{session: s, historian: h}
	for _, l := range p.list {
		shown[l.row.ID] = l.sum()
		if _, live := j.live[l.row.ID]; !live && !j.view.hasSent(j.Channel, l.row.ID) {
			due.left = append(due.left, l)
		}
	}
	if come := s.earliest(j, at); p.floor != nil && !come.IsZero() && p.floor.Date.After(come) {
		// A row of the future: what is written from now on is dated before it, and no key is
		// in front of this one.
		p.floor = &collection.Row{Date: come, ID: "0"}
	}
	b := &backlog{list: p.list, notice: p.notice}
	first := reading
	if some { // it may have taken all the time to find out what there is
		first = ctx
	}
	if b.messages, err = s.backlogPart(first, j, due.next, shown); err != nil && !some {
		return nil, err
	}
	if len(due.left) > 0 {
		b.more = s.moreEvents(j, func(ctx context.Context) ([]*ircd.Message, error) {
			messages, err := s.backlogPart(ctx, j, due.nextPatiently, shown)
			if collection.IsForbidden(err) && s.breakOff(j, due.left, shown) {
				return nil, nil
			}
			return messages, err
		})
	}
	j.due, j.since, j.had = false, feed.JoinMoment{}, resume.Position{}
	j.shown, j.shownAt, j.floorPos = shown, read, pos
	if !p.end {
		j.floor, j.floorAt = p.floor, at
	}
	j.live = nil
	if j.visit != nil {
		s.catchUp(j.visit, p, readTo)
	}
	return b, nil
}

// joinBacklog adds to the answer to a JOIN the backlog, of which list is all.
func (s *session) joinBacklog(ctx context.Context, j *joined, answer *ircd.Channel) (list []found, err error) {
	b, err := s.backlog(ctx, j, joinPatience, false)
	if err != nil {
		return nil, err
	}
	answer.Backlog, answer.Notice, answer.More = b.messages, b.notice, b.more
	return b.list, nil
}

// backlogPart gives the next part of a backlog, of which shown are the messages.
func (s *session) backlogPart(ctx context.Context, j *joined, next func(context.Context) ([]found, error), shown map[string]collection.Digest) (messages []*ircd.Message, err error) {
	for len(messages) == 0 {
		list, err := next(ctx)
		if err != nil || len(list) == 0 {
			return nil, err
		}
		for _, l := range list {
			shown[l.row.ID] = l.sum()
			if j.view.feed.Remember(l.row, j.Channel, l.message) {
				messages = append(messages, l.message)
			}
		}
	}
	return messages, nil
}

// breakOff makes the rest of a backlog due, of which shown are the messages: the right to read
// it was lost, and the client is shown it when that is back. A device has nothing of a backlog
// before it has all, and false says that it is to come back.
func (s *session) breakOff(j *joined, left []found, shown map[string]collection.Digest) bool {
	if j.visit != nil || s.joined[wire.Fold(j.Name)] != j || len(shown)-len(left) >= feed.MaxBehind/2 {
		return false
	}
	j.due, j.since, j.live = true, feed.JoinMoment{At: time.Now(), Date: left[0].row.Date}, map[string]struct{}{}
	for id := range shown {
		j.live[id] = struct{}{}
	}
	for _, l := range left {
		delete(j.live, l.row.ID)
	}
	s.ringLater()
	return true
}

// ringLater makes the session look for its backlogs again after a while, and
// not before.
func (s *session) ringLater() {
	s.nextBacklog = time.Now().Add(backlogRetry)
	if s.retry == nil {
		s.retry = time.AfterFunc(backlogRetry, s.ring)
		return
	}
	s.retry.Reset(backlogRetry)
}

// dueEvents makes up for a backlog that JOIN could not deliver. One attempt in
// a while is enough: each may take its time. One that does not get all shows what it
// has got: the next might not get more. What the feed has read meanwhile shows that Directus
// answers again, and some of it is older than the JOIN: the backlog is to come in front of it.
func (s *session) dueEvents(ctx context.Context, j *joined, down bool) []ircd.Event {
	ready, _, err := j.view.feed.Status()
	waits := down || time.Now().Before(s.nextBacklog)
	if !j.due || j.move != nil || !ready || err != nil || waits && !j.view.reader.HasRead() {
		return nil
	}
	if end, ok := ctx.Deadline(); ok && time.Until(end) < duePatience {
		s.ringLater() // another channel took the time of this look
		return nil
	}
	b, err := s.backlog(ctx, j, duePatience, true)
	if err != nil {
		s.ringLater()
		return nil
	}
	var events []ircd.Event
	if b.notice != "" {
		events = append(events, &ircd.ServiceNotice{Target: j.Name, Text: b.notice})
	}
	events = append(events, s.backlogEvents(j, b.messages)...)
	if b.more != nil {
		events = append(events, &ircd.Rest{More: b.more})
	}
	return events
}

// backlogEvents are those that show a part of a backlog.
func (s *session) backlogEvents(j *joined, messages []*ircd.Message) []ircd.Event {
	if j.Private {
		return conversations(messages, s.person.ID)
	}
	return []ircd.Event{&ircd.Backlog{Channel: j.Name, Messages: messages}}
}

// moreEvents brings the parts that follow as events.
func (s *session) moreEvents(j *joined, next func(context.Context) ([]*ircd.Message, error)) ircd.More {
	return func(ctx context.Context) ([]ircd.Event, error) {
		messages, err := next(ctx)
		if err != nil || len(messages) == 0 {
			return nil, err
		}
		return s.backlogEvents(j, messages), nil
	}
}
