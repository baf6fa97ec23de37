package bridge

import (
	"context"
	"errors"
	"slices"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/feed"
	"directus-ircd/ircd"
	"directus-ircd/ircd/wire"
)

func (s *session) AutoJoin() []string {
	var names []string
	for _, c := range s.plan.Channels {
		if c.AutoJoin {
			names = append(names, c.Name)
		}
	}
	return names
}

func (s *session) Channels(ctx context.Context) ([]ircd.ChannelInfo, error) {
	infos := make([]ircd.ChannelInfo, 0, len(s.plan.Channels))
	for _, cfg := range s.plan.Channels {
		c := s.plan.channels[wire.Fold(cfg.Name)]
		infos = append(infos, ircd.ChannelInfo{Name: c.Name, Topic: s.member.topics.text(ctx, c)})
	}
	return infos, nil
}

func (s *session) Join(ctx context.Context, name string, opts ircd.JoinOptions) (*ircd.Channel, error) {
	c := s.plan.channels[wire.Fold(name)]
	if c == nil {
		return nil, noSuchChannel(name)
	}
	if j := s.joined[wire.Fold(c.Name)]; j != nil {
		return s.comeBack(ctx, j, opts)
	}
	var answer *ircd.Channel
	var err error
	for _, g := range s.plan.groups[c] {
		if answer, err = s.enter(ctx, c, g, opts); !collection.IsForbidden(err) {
			return answer, err
		}
	}
	return nil, unreadable(c.Name, err)
}

// enter joins a channel as a part of a group. The error is Directus' refusal, or
// that of ctx.
func (s *session) enter(ctx context.Context, c *collection.Channel, g *collection.Group, opts ircd.JoinOptions) (*ircd.Channel, error) {
	j := s.newJoined(c, g, opts)
	j.floorPos = j.view.reader.End()
	s.joined[wire.Fold(c.Name)] = j
	ready, err := s.await(ctx, j.view)
	if collection.IsForbidden(err) {
		// That is how it was when the feed looked last.
		if ready, err = true, s.readableAgain(ctx, j); err != nil {
			s.drop(j)
			return nil, err
		}
	}
	if !ready && s.member.rights.MayNotRead(g.Collection) {
		// Who is in the channel is not for the user, even for the time that the
		// first reading takes.
		s.drop(j)
		return nil, errMayNotRead
	}
	if !ready {
		j.view.promise()
	}
	answer := &ircd.Channel{Name: c.Name, Topic: s.member.topics.text(ctx, c)}
	s.member.watchTopics(c, s.backend.plan.Load().channels)
	var list []found
	if ready && j.due {
		list, err = s.joinBacklog(ctx, j, answer)
	}
	if collection.IsForbidden(err) || ctx.Err() != nil {
		s.drop(j)
		return nil, errors.Join(ctx.Err(), err)
	}
	answer.At = s.joinTime(j, list)
	if j.due {
		j.since = feed.JoinMoment{At: time.Now(), Date: answer.At}
		s.noteCome(j)
		if ready { // else nothing was tried: it is as soon as the feed is ready, in front of what that brings
			s.ringLater()
		}
	}
	j.at, j.fetches = answer.At, !opts.Backlog
	s.setPresent(j, true)
	s.ring()
	return answer, nil
}

// newJoined is a channel of which the backlog is due, if there is to be one.
func (s *session) newJoined(c *collection.Channel, g *collection.Group, opts ircd.JoinOptions) *joined {
	j := &joined{Channel: c, view: s.open(g), visit: s.visit(c, opts), come: g.Dates.Late.SoFar()}
	j.due = opts.Backlog && (c.Backlog > 0 || j.visit != nil)
	return j
}

// await waits until the view's feed has read its collection for the first time, for
// as long as there is hope that it soon will. On the way the user may turn out to
// have lost the right to share it, and goes on with another one.
func (s *session) await(ctx context.Context, v *view) (ready bool, err error) {
	patience := time.NewTimer(joinPatience)
	defer patience.Stop()
	defer s.ring() // for what else has woken it meanwhile
	for {
		s.switchReaders()
		ready, changed, err := v.feed.Status()
		if ready || err != nil || s.member.failing() || time.Now().Before(s.hasty) {
			return ready && err == nil, err
		}
		select {
		case <-changed:
		case <-s.wake:
		case <-patience.C:
			s.hasty = time.Now().Add(sendTimeout)
			return false, nil
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// joinTime is the moment of a JOIN by the clock of Directus: behind all that the
// channel has shown, and not behind what is written from now on. It cannot be
// that for what is written in the same millisecond as the newest message, nor for
// rows that are on their way, whose dates may be older. Rows of the future do not
// count: they would leave no room for others.
func (s *session) joinTime(j *joined, backlog []found) time.Time {
	_, limit, _ := collection.ServerNow(s.member.account)
	newest := j.view.feed.Latest(j.Channel)
	for _, f := range backlog {
		if at := f.row.ShownAt(); at.After(newest) && !at.After(limit) {
			newest = at
		}
	}
	if newest.After(limit) { // the clock was set back
		newest = time.Time{}
	}
	at := s.earliest(j, time.Now())
	if next := newest.Add(time.Millisecond); !newest.IsZero() && next.After(at) {
		at = next
	}
	return at
}

// earliest is the earliest date that what was written in a channel since a moment of ours can
// have; zero as long as Directus has not told its clock.
func (s *session) earliest(j *joined, since time.Time) time.Time {
	return collection.EarliestSince(j.view.feed.Group, s.member.account, since)
}

func (s *session) Part(_ context.Context, name string) error {
	if j := s.joined[wire.Fold(name)]; j != nil {
		s.drop(j)
	}
	return nil
}

func (s *session) drop(j *joined) {
	s.noteCome(j)
	s.noteOvertakes(j)
	s.abandon(j)
	j.setOut(false)
	s.setPresent(j, false)
	delete(s.joined, wire.Fold(j.Name))
	s.close(j.view)
}

// setPresent notes whether the client is in a channel.
func (s *session) setPresent(j *joined, present bool) {
	if j.Private || present == j.present {
		return
	}
	j.present = present
	if present {
		s.backend.people.Company.Enter(j.Name, s.person.ID)
	} else {
		s.backend.people.Company.Leave(j.Name, s.person.ID)
	}
}

// open attaches the session to a group's feed.
func (s *session) open(g *collection.Group) *view {
	key := s.keyOf(g)
	i := slices.IndexFunc(s.views, func(v *view) bool { return v.feed.Key == key })
	if i < 0 {
		r := s.member.feeds.Attach(key, s.member, s.ring)
		if r == nil { // the rights have changed just then
			return s.open(g)
		}
		i = len(s.views)
		s.views = append(s.views, &view{feed: r.Feed, reader: r, sent: map[sentItem]time.Time{}, changes: map[string]struct{}{}})
	}
	s.views[i].uses++
	return s.views[i]
}

// keyOf is that of the feed by which the session is to read a group.
func (s *session) keyOf(g *collection.Group) feed.Key {
	if audience := s.member.names.Audience(g); audience != "" && !s.plan.OwnFeeds {
		return feed.Key{Group: g, Audience: audience}
	}
	return feed.Key{Group: g, Owner: s.member}
}

// close undoes open.
func (s *session) close(v *view) {
	v.uses--
	if v.uses == 0 {
		s.views = slices.DeleteFunc(s.views, func(other *view) bool { return other == v })
		s.member.feeds.Detach(v.reader)
	}
}
