package bridge

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/feed"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

// newPrivate makes the group of the private messages, with one channel without a name, in
// which each user reads the messages from and to themselves. It returns nil if p is nil.
func newPrivate(p *collection.Private) (*collection.Group, error) {
	if p == nil {
		return nil, nil
	}
	f := p.Fields
	if p.Collection == "" || f.Text == "" || f.Author == "" || f.Recipient == "" || f.Date == "" {
		return nil, errPrivateFields
	}
	if !p.Format.Valid() {
		return nil, fmt.Errorf("private messages: format %q is none of plain, markdown, html", p.Format)
	}
	mine := directus.Or(directus.Eq(f.Author, "$CURRENT_USER"), directus.Eq(f.Recipient, "$CURRENT_USER"))
	c := &collection.Channel{Private: true, Config: collection.Config{
		Collection: p.Collection, Fields: f, Format: p.Format, Backlog: p.Backlog, Filter: mine,
	}}
	g := &collection.Group{Collection: p.Collection, Fields: f, Channels: []*collection.Channel{c}}
	g.Prepare()
	return g, nil
}

// privateName is the key of the private messages in session.joined.
const privateName = ""

// Start implements ircd.Session. It does not wait for Directus: the backlog of the private
// messages follows when it can be read.
func (s *session) Start(_ context.Context, opts ircd.JoinOptions) error {
	s.started = &opts
	if g := s.plan.private; g != nil && s.joined[privateName] == nil {
		c := g.Channels[0]
		j := s.newJoined(c, g, opts)
		j.view.promise()
		j.floorPos, j.since = j.view.reader.End(), feed.JoinMoment{At: time.Now(), Date: s.joinTime(j, nil)}
		s.noteCome(j)
		s.joined[privateName] = j
		s.ring()
	}
	return nil
}

// conversations groups private messages by the other user, the conversation that begins
// first coming first.
func conversations(messages []*ircd.Message, self string) []ircd.Event {
	var order []*ircd.Backlog
	by := map[string]*ircd.Backlog{}
	for _, m := range messages {
		other := m.From
		if m.From.ID == self {
			other = m.To
		}
		b := by[other.ID]
		if b == nil {
			b = &ircd.Backlog{Channel: other.Nick}
			by[other.ID] = b
			order = append(order, b)
		}
		b.Messages = append(b.Messages, m)
	}
	slices.SortStableFunc(order, func(a, b *ircd.Backlog) int {
		return cmp.Compare(a.Messages[0].Time.UnixNano(), b.Messages[0].Time.UnixNano())
	})
	events := make([]ircd.Event, len(order))
	for i, b := range order {
		events[i] = b
	}
	return events
}
