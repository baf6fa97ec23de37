package bridge

import (
	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
	"slices"
	"time"
)

// regroupPause is how often a session looks for feeds that suit the user's rights
// better than those it reads.
const regroupPause = time.Minute

// passOn goes on with the feeds that the session's readers were passed on to.
func (s *session) passOn() {
	for _, v := range s.views {
		if next := v.reader.Next.Load(); next != nil {
			v.reader, v.feed = next, next.Feed
		}
	}
}

// regroup begins to move channels to feeds that they can share since Directus has
// said so, or, where that was switched off, to feeds of the user's own, and to the group
// that the plan reads them in, if Directus had refused that. A right that was lost is
// another matter, and not up to the session: see feeds.expel.
func (s *session) regroup() {
	now := time.Now()
	if now.Before(s.nextLook) {
		return
	}
	s.nextLook = now.Add(directus.Jitter(regroupPause))
	for _, j := range s.joined {
		ready, _, err := j.view.feed.Status()
		if j.move != nil || !ready || err != nil {
			continue
		}
		groups := []*collection.Group{j.view.feed.Group}
		if better := s.better(j); len(better) > 0 && j.better.IsOver(now) {
			groups = better
			j.better.Begin(now)
		} else if s.keyOf(groups[0]).Same(j.view.feed.Key) {
			continue
		}
		j.move = &move{channel: j.Channel, view: s.hold(groups[0]), rest: groups[1:], changes: map[string]struct{}{}}
	}
}

// better lists the groups that come before the one that a channel is read in, and may be
// read as far as Directus has said. The plan does not name that one at all if Directus
// refused all others when the plan was new.
func (s *session) better(j *joined) (better []*collection.Group) {
	groups := s.plan.groupsOf(j.Channel)
	i := slices.Index(groups, j.view.feed.Group)
	if i >= 0 {
		groups = groups[:i]
	}
	for _, g := range groups {
		if readable, said := s.member.rights.Suffice(g); readable || !said && i < 0 {
			better = append(better, g)
		}
	}
	return better
}

// promise makes news of what is written from now on, for whoever reads the view, in
// whichever feed its reader is by now.
func (v *view) promise() {
	for r := v.reader; r != nil; r = r.Next.Load() {
		r.Feed.Promise()
	}
}
