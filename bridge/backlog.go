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
	rows, err := latest(ctx, s.member.account, f.group, j.channel, j.Backlog)
	if err != nil {
		return nil, err
	}
	users, err := s.member.names.users(ctx, usersOf(rows))
	if err != nil {
		return nil, err
	}
	j.due = false
	j.shown, j.shownAt, j.floorPos = make(map[string]struct{}, len(rows)), at, pos
	messages := make([]*ircd.Message, 0, len(rows))
	for _, r := range rows {
		j.shown[r.id] = struct{}{}
		if _, live := j.live[r.id]; live || j.view.hasSent(j.channel, r) {
			continue
		}
		if m := toMessage(r, j.channel, users, true); m.Text != "" {
			messages = append(messages, m)
		}
	}
	if len(rows) == j.Backlog {
		j.floor = &rows[0]
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
	if !j.due || !ready || err != nil || down || time.Now().Before(s.nextBacklog) {
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

// wants tells whether the client has yet to be shown an entry of a feed.
func (s *session) wants(v *view, e entry, pos int64) bool {
	j := s.joined[ircd.Fold(e.channel.Name)]
	if j != nil && j.view != v {
		return false // a channel joined alone, in a group that it could share
	}
	if j != nil && j.due {
		if j.live == nil {
			j.live = map[string]struct{}{}
		}
		j.live[e.row.id] = struct{}{}
		j.due = len(j.live) < maxBehind // after that much it is no backlog any more
	}
	if v.hasSent(e.channel, e.row) {
		delete(v.sent, sentItem{e.channel, e.row.id})
		return false
	}
	if j == nil {
		return false
	}
	if _, shown := j.shown[e.row.id]; shown || pos < j.floorPos {
		return false
	}
	return !e.read || j.floor == nil || compareRows(e.row, *j.floor) > 0
}

// sentItem is a row as it shows in one of the channels.
type sentItem struct {
	channel *channel
	id      string
}

func (v *view) hasSent(c *channel, r row) bool {
	_, ok := v.sent[sentItem{c, r.id}]
	return ok
}
