package bridge

import (
	"cmp"
	"context"
	"errors"
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
	if !p.Reactions.Complete() {
		return nil, errors.New("private messages: reactions need a collection and the fields message, text, author and date")
	}
	if !p.Format.Valid() {
		return nil, fmt.Errorf("private messages: format %q is none of plain, markdown, html", p.Format)
	}
	mine := directus.Or(directus.Eq(f.Author, "$CURRENT_USER"), directus.Eq(f.Recipient, "$CURRENT_USER"))
	c := &collection.Channel{Private: true, Config: collection.Config{
		Collection: p.Collection, Fields: f, Format: p.Format, Backlog: p.Backlog, Filter: mine, Reactions: p.Reactions,
	}}
	g := &collection.Group{Collection: p.Collection, Fields: f, Channels: []*collection.Channel{c}, Reactions: p.Reactions}
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
		s.setJoined(privateName, j)
		s.ring()
	}
	return nil
}

// talk is one conversation of a private backlog.
type talk struct {
	marked   bool      // there is a read marker
	read     time.Time // up to it
	answered int       // up to this index of the backlog, the user has written last
	heard    bool      // something in it is shown that somebody has written to the user
}

// unread returns what a client is shown of a backlog. Of private messages, each of which may
// open a window, that is what the user has not read: what comes behind the read marker of the
// conversation or, without one, what the client's device is known to have missed; where that
// is not known either, what comes behind the user's own last message. What was written since
// the client came, and what a device with a name has missed, is shown in any case.
func (s *session) unread(ctx context.Context, j *joined, p past) []found {
	since := j.since.From(j.view.feed.Group, s.member.account)
	if !j.Private || since.IsZero() || p.missed && (j.visit == nil || s.device.name != "") || len(p.list) == 0 {
		return p.list
	}
	if j.visit != nil {
		if came := s.has(j.visit).Came; !came.IsZero() {
			since = collection.Earlier(since, came)
		}
	}
	talks := s.talks(ctx, j.Channel, p.list, since)
	of := func(f found) *talk { return talks[collection.ConversationOf(f.row, j.Channel, s.person.ID).Peer] }
	unread := make([]bool, len(p.list))
	for i, f := range p.list {
		t := of(f)
		switch {
		case !f.row.Date.Before(since):
			unread[i] = true
		case t.marked:
			unread[i] = f.row.ShownAt().After(t.read)
		default:
			unread[i] = p.missed || i >= t.answered
		}
		t.heard = t.heard || unread[i] && f.row.Recipient == s.person.ID
	}
	var list []found
	for i, f := range p.list {
		if unread[i] && (of(f).heard || !f.row.Date.Before(since)) {
			list = append(list, f)
		}
	}
	return list
}

// talks are the conversations of a private backlog, by the id of the other user. since is when
// the client came. Read markers that Directus does not give in time count as missing.
func (s *session) talks(ctx context.Context, c *collection.Channel, list []found, since time.Time) map[string]*talk {
	s.member.refreshMarkers(ctx, markersFresh)
	talks := map[string]*talk{}
	for i, f := range list {
		other := collection.ConversationOf(f.row, c, s.person.ID).Peer
		t := talks[other]
		if t == nil {
			at, err := s.member.markers.Get(ctx, other)
			t = &talk{marked: err == nil && !at.IsZero(), read: at}
			talks[other] = t
		}
		if f.row.Author == s.person.ID && f.row.Date.Before(since) {
			t.answered = i + 1
		}
	}
	return talks
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
