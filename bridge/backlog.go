package bridge

import (
	"context"
	"time"

	"directus-ircd/ircd"
)

// backlog reads the channel's latest messages and remembers what it shows.
func (s *session) backlog(ctx context.Context, j *joined) ([]*ircd.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, joinPatience)
	defer cancel()
	f := j.view.feed
	at, pos := time.Now(), f.journal.end()
	list, end, err := s.historyOf(j.channel).latest(ctx, j.Backlog)
	if err != nil {
		return nil, err
	}
	j.due = false
	j.shown, j.shownAt, j.floorPos = make(map[string]string, len(list)), at, pos
	messages := make([]*ircd.Message, 0, len(list))
	for _, l := range list {
		j.shown[l.row.id] = l.message.Text
		if _, live := j.live[l.row.id]; live || j.view.hasSent(j.channel, l.row) {
			continue
		}
		if f.remember(l.row, j.channel, l.message) {
			messages = append(messages, l.message)
		}
	}
	if !end {
		j.floor = &row{id: list[0].row.id, date: list[0].row.date} // and not the whole list
	}
	j.live = nil
	return messages, nil
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
// a while is enough: each may take its time.
func (s *session) dueEvents(ctx context.Context, j *joined, down bool) []ircd.Event {
	ready, _, err := j.view.feed.status()
	if !j.due || j.move != nil || !ready || err != nil || down || time.Now().Before(s.nextBacklog) {
		return nil
	}
	messages, err := s.backlog(ctx, j)
	if err != nil {
		s.ringLater()
		return nil
	}
	if j.private {
		return conversations(messages, s.person.id)
	}
	return []ircd.Event{&ircd.Backlog{Channel: j.Name, Messages: messages}}
}
