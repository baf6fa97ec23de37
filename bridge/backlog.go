package bridge

import (
	"context"
	"time"

	"directus-ircd/ircd"
)

// backlog reads the channel's latest messages, or what the client's device has
// missed, and remembers what it shows. What has come after patience is enough if some
// says so. The notice comes in front of them; it may be empty.
func (s *session) backlog(ctx context.Context, j *joined, patience time.Duration, some bool) (messages []*ircd.Message, notice string, done func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	f := j.view.feed
	at, pos, readTo := time.Now(), j.view.reader.end(), f.readTo()
	var p past
	done, err = s.readPage(ctx, func() (bytes int64, err error) {
		p, err = s.past(ctx, j, some)
		for _, l := range p.list {
			bytes += sizeOf(l.message)
		}
		return bytes, err
	})
	if err != nil {
		return nil, "", nil, err
	}
	j.due = false
	j.shown, j.shownAt, j.floorPos = make(map[string]digest, len(p.list)), at, pos
	for _, l := range p.list {
		j.shown[l.row.id] = digestOf(wording(l.message))
		if _, live := j.live[l.row.id]; live || j.view.hasSent(j.channel, l.row) {
			continue
		}
		if f.remember(l.row, j.channel, l.message) {
			messages = append(messages, l.message)
		}
	}
	if !p.end {
		j.floor = p.floor
	}
	j.live = nil
	if j.visit != nil {
		s.catchUp(j.visit, p, readTo)
	}
	return messages, p.notice, done, nil
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
// has got: the next might not get more.
func (s *session) dueEvents(ctx context.Context, j *joined, down bool) []ircd.Event {
	ready, _, err := j.view.feed.status()
	if !j.due || j.move != nil || !ready || err != nil || down || time.Now().Before(s.nextBacklog) {
		return nil
	}
	if end, ok := ctx.Deadline(); ok && time.Until(end) < duePatience {
		s.ringLater() // another channel took the time of this look
		return nil
	}
	messages, notice, done, err := s.backlog(ctx, j, duePatience, true)
	if err != nil {
		s.ringLater()
		return nil
	}
	var events []ircd.Event
	if notice != "" {
		events = append(events, &ircd.ServiceNotice{Target: j.Name, Text: notice})
	}
	if j.private {
		defer done() // they are shown one by one
		return append(events, conversations(messages, s.person.id)...)
	}
	return append(events, &ircd.Backlog{Channel: j.Name, Messages: messages, Done: done})
}
