package bridge

import (
	"context"
	"slices"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/feed"
	"directus-ircd/bridge/resume"
	"directus-ircd/ircd"
)

// backlog is what a client is shown of the time before it joined.
type backlog struct {
	list     []found         // all of it; the messages may have been dropped
	messages []*ircd.Message // the first part
	notice   string          // shown in front of messages; empty if there is none
	more     ircd.More       // brings the parts that follow; nil if there are none
}

// backlog reads the latest messages of a channel, or those that the client's device has
// missed, and notes that they are shown. It takes at most patience. If some is set, the
// messages read by then are shown, even if they are not all.
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
	read := time.Now() // a reading of the feed that begins after this finds all rows of the backlog
	shown := make(map[string]collection.Digest, len(p.list))
	for _, l := range p.list {
		shown[l.row.ID] = l.sum()
	}
	left := slices.DeleteFunc(slices.Clone(s.unread(reading, j, p)), func(l found) bool {
		_, live := j.live[l.row.ID]
		return live || j.view.hasSent(j.Channel, l.row.ID)
	})
	due := &parts{session: s, historian: h, left: left}
	if come := s.earliest(j, at); p.floor != nil && !come.IsZero() && p.floor.Date.After(come) {
		// The floor is dated in the future, and what is written from now on is dated before
		// it. Lower it to the present; the ID "0" is in front of all keys of that date.
		p.floor = &collection.Row{Date: come, ID: "0"}
	}
	b := &backlog{list: p.list, notice: p.notice}
	first := reading
	if some { // finding the messages may have used up the time of reading
		first = ctx
	}
	if b.messages, err = s.backlogPart(first, j, due.next, shown); err != nil && !some {
		return nil, err
	}
	if len(due.left) > 0 {
		b.more = func(ctx context.Context) ([]ircd.Event, error) {
			messages, err := s.backlogPart(ctx, j, due.nextPatiently, shown)
			if collection.IsForbidden(err) && s.breakOff(j, due.left, shown) {
				return nil, nil
			}
			if err != nil || len(messages) == 0 {
				return nil, err
			}
			return s.backlogEvents(j, messages), nil
		}
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

// joinBacklog adds the backlog to the answer to a JOIN, and returns all that is in it.
func (s *session) joinBacklog(ctx context.Context, j *joined, answer *ircd.Channel) (list []found, err error) {
	b, err := s.backlog(ctx, j, joinPatience, false)
	if err != nil {
		return nil, err
	}
	answer.Backlog, answer.Notice, answer.More = b.messages, b.notice, b.more
	return b.list, nil
}

// backlogPart returns the messages of the next part of a backlog; none at the end. It updates
// shown, the digests of all messages of the backlog by key.
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

// breakOff makes the rest of a backlog (left) due again after the user has lost the right to
// read it: the client is shown it when the right is back. shown are all messages of the
// backlog. It does nothing and returns false if the client has left the channel, or has a
// device: the position of a device moves on only with a whole backlog, so the client has to
// reconnect.
func (s *session) breakOff(j *joined, left []found, shown map[string]collection.Digest) bool {
	if j.visit != nil || s.joined[j.Key()] != j || len(shown)-len(left) >= feed.MaxBehind/2 {
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

// ringLater makes the session try its due backlogs again after backlogRetry, and not before.
func (s *session) ringLater() {
	s.nextBacklog = time.Now().Add(backlogRetry)
	if s.retry == nil {
		s.retry = time.AfterFunc(backlogRetry, s.ring)
		return
	}
	s.retry.Reset(backlogRetry)
}

// dueEvents delivers a backlog that JOIN could not. As an attempt may take long, there is one
// per backlogRetry, and at once when the feed has read something: then Directus answers
// again, and the backlog has to be shown before what the feed has read. An attempt that does
// not get all messages shows those it has got, as the next might not get more.
func (s *session) dueEvents(ctx context.Context, j *joined, down bool) []ircd.Event {
	ready, _, err := j.view.feed.Status()
	waits := down || time.Now().Before(s.nextBacklog)
	if !j.due || j.move != nil || !ready || err != nil || waits && !j.view.reader.HasRead() {
		return nil
	}
	if end, ok := ctx.Deadline(); ok && time.Until(end) < duePatience {
		s.ringLater() // another channel has used up the time of this Poll
		return nil
	}
	b, err := s.backlog(ctx, j, duePatience, true)
	if err != nil {
		s.ringLater()
		return nil
	}
	var events []ircd.Event
	if b.notice != "" {
		events = append(events, &ircd.ServiceNotice{Target: j.Name(), Text: b.notice})
	}
	events = append(events, s.backlogEvents(j, b.messages)...)
	if b.more != nil {
		events = append(events, &ircd.Rest{More: b.more})
	}
	return events
}

func (s *session) backlogEvents(j *joined, messages []*ircd.Message) []ircd.Event {
	if j.Private {
		return conversations(messages, s.person.ID)
	}
	return []ircd.Event{&ircd.Backlog{Channel: j.Name(), Messages: messages}}
}
