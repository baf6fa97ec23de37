package ircd

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"directus-ircd/ircd/wire"
)

// What follows gives the fake chat a past and private messages.

// sees reports whether a message reaches a session. The caller holds chat.mu.
func (s *fakeSession) sees(m *Message) bool {
	if m.Target != "" {
		return s.joined[wire.Fold(m.Target)]
	}
	return m.From.ID == s.user.ID || m.To.ID == s.user.ID
}

// address makes a private message of one for a nick.
func (f *fakeChat) address(m *Message) error {
	if !wire.IsNick(m.Target) {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, u := range f.accounts {
		if wire.Fold(u.Nick) == wire.Fold(m.Target) {
			m.Target, m.To = "", u
			return nil
		}
	}
	if u, ok := f.offline[wire.Fold(m.Target)]; ok {
		m.Target, m.To = "", u
		return nil
	}
	return &Error{Numeric: "401", Params: []string{m.Target}, Code: "NO_SUCH_NICK", Text: "no such nick"}
}

// whisper stores a private message as if it came from elsewhere.
func (f *fakeChat) whisper(from, to User, text string) {
	f.deliver(nil, &Message{From: from, To: to, Text: text})
}

// Start gives the backlog of private messages, a conversation at a time.
func (s *fakeSession) Start(_ context.Context, opts JoinOptions) error {
	f := s.chat
	f.mu.Lock()
	defer f.mu.Unlock()
	f.starts = append(f.starts, opts)
	var list []*Backlog
	for _, m := range f.private {
		nick := m.From.Nick
		if m.From.ID == s.user.ID {
			nick = m.To.Nick
		}
		i := slices.IndexFunc(list, func(b *Backlog) bool { return b.Channel == nick })
		if i < 0 {
			i, list = len(list), append(list, &Backlog{Channel: nick})
		}
		list[i].Messages = append(list[i].Messages, m)
	}
	if opts.Backlog && !opts.Bot {
		for _, b := range list {
			s.queue = append(s.queue, b)
		}
		s.wake.Ring()
	}
	return nil
}

// History answers from the backlog and the private messages.
func (s *fakeSession) History(_ context.Context, q HistoryQuery) (*HistoryPage, error) {
	if s.chat.history != nil {
		return s.chat.history(s, q)
	}
	s.chat.mu.Lock()
	defer s.chat.mu.Unlock()
	name := wire.Fold(q.Target)
	all, known := s.chat.backlog[name]
	if _, is := s.chat.topics[name]; !is && wire.IsChannel(name) {
		return nil, &Error{Numeric: "403", Params: []string{q.Target}, Code: "INVALID_TARGET", Text: "no such channel"}
	}
	if !known {
		for _, m := range s.chat.private {
			if pair := []string{m.From.Nick, m.To.Nick}; slices.Contains(pair, name) && slices.Contains(pair, s.user.Nick) {
				all = append(all, m)
			}
		}
	}
	page := &HistoryPage{Target: name}
	var messages []*Message
	messages, page.End = fakePage(all, q)
	for _, m := range messages {
		page.Events = append(page.Events, m)
	}
	return page, nil
}

// fakePage picks what a query asks for out of all messages.
func fakePage(all []*Message, q HistoryQuery) (page []*Message, end bool) {
	// behind is the index of the first message behind a position, at of the first
	// one that is not in front of it.
	index := func(p Position, behind bool) int {
		for i, m := range all {
			at := m.Time.Truncate(time.Millisecond)
			switch {
			case p.MsgID == m.ID && behind:
				return i + 1
			case p.MsgID == m.ID, p.MsgID == "" && (at.After(p.Time) || !behind && at.Equal(p.Time)):
				return i
			}
		}
		return len(all)
	}
	newest := func(list []*Message) ([]*Message, bool) {
		return list[max(0, len(list)-q.Limit):], len(list) <= q.Limit
	}
	oldest := func(list []*Message) ([]*Message, bool) {
		return list[:min(len(list), q.Limit)], len(list) <= q.Limit
	}
	switch q.Mode {
	case HistoryBefore:
		return newest(all[:index(q.From, false)])
	case HistoryAfter:
		return oldest(all[index(q.From, true):])
	case HistoryAround:
		from := max(0, index(q.From, false)-q.Limit/2)
		return all[from:min(len(all), from+q.Limit)], from == 0 && len(all) <= q.Limit
	case HistoryBetween:
		if from := index(q.From, true); index(q.From, false) <= index(q.To, false) {
			return oldest(all[from:max(from, index(q.To, false))])
		}
		to := index(q.To, true)
		return newest(all[to:max(to, index(q.From, false))])
	}
	if q.From != (Position{}) {
		return newest(all[index(q.From, true):])
	}
	return newest(all)
}

// Targets lists what has a past.
func (s *fakeSession) Targets(_ context.Context, from, to time.Time, limit int) ([]HistoryTarget, error) {
	if s.chat.targets != nil {
		return s.chat.targets(s, from, to, limit)
	}
	s.chat.mu.Lock()
	defer s.chat.mu.Unlock()
	latest := make(map[string]time.Time)
	for name, messages := range s.chat.backlog {
		latest[name] = messages[len(messages)-1].Time
	}
	for _, m := range s.chat.private {
		switch s.user.ID {
		case m.From.ID:
			latest[m.To.Nick] = m.Time
		case m.To.ID:
			latest[m.From.Nick] = m.Time
		}
	}
	var list []HistoryTarget
	backwards := to.Before(from)
	if backwards {
		from, to = to, from
	}
	for name, at := range latest {
		if at.After(from) && at.Before(to) {
			list = append(list, HistoryTarget{Name: name, Latest: at})
		}
	}
	slices.SortFunc(list, func(a, b HistoryTarget) int { return a.Latest.Compare(b.Latest) })
	if over := max(0, len(list)-limit); backwards {
		list = list[over:]
	} else {
		list = list[:len(list)-over]
	}
	return list, nil
}

// playHistory plays the directives of transcripts that are about the past, or
// private.
func playHistory(t *testing.T, chat *fakeChat, arg string) {
	f := strings.SplitN(arg, " ", 5)
	ago := func() time.Time {
		d, err := time.ParseDuration(f[1])
		if err != nil {
			t.Fatal(err)
		}
		return time.Now().Add(-d)
	}
	switch f[0] {
	case "past":
		chat.remember(ago(), testUser(f[2]), f[3], f[4])
	case "joined":
		chat.joinedAt = ago()
	case "whisper":
		chat.whisper(testUser(f[1]), testUser(f[2]), strings.Join(f[3:], " "))
	case "read":
		at, ok := wire.ParseTime(f[2])
		if !ok {
			t.Fatalf("no time in %q", arg)
		}
		chat.push(&ReadMarker{Target: f[1], Time: at}, nil)
	}
}

// remember adds a message to the past, where it belongs by its time.
func (f *fakeChat) remember(at time.Time, from User, target, text string) {
	m := &Message{Time: at, From: from, Target: target, Text: text, Replayed: true}
	list := f.private
	if !wire.IsChannel(target) {
		m.Target, m.To = "", testUser(target)
	} else {
		list = f.backlog[target]
	}
	m.ID = fmt.Sprintf("p%d", len(list)+1)
	list = append(list, m)
	slices.SortStableFunc(list, func(a, b *Message) int { return a.Time.Compare(b.Time) })
	if m.Target == "" {
		f.private = list
	} else {
		f.backlog[target] = list
	}
}
