package bridge

import "time"

// regroupPause is how often a session looks for feeds that suit the user's rights
// better than those it reads.
const regroupPause = time.Minute

// passOn goes on with the feeds that the session's readers were passed on to.
func (s *session) passOn() {
	for _, v := range s.views {
		if next := v.reader.next.Load(); next != nil {
			v.reader, v.feed = next, next.feed
		}
	}
}

// regroup begins to move channels to feeds that they can share since Directus has
// said so, or, where that was switched off, to feeds of the user's own. A right that
// was lost is another matter, and not up to the session: see feeds.expel.
func (s *session) regroup() {
	now := time.Now()
	if now.Before(s.nextLook) {
		return
	}
	s.nextLook = now.Add(jitter(regroupPause))
	for _, j := range s.joined {
		ready, _, err := j.view.feed.status()
		g := j.view.feed.group
		if j.move != nil || !ready || err != nil || s.keyOf(g).same(j.view.feed.key) {
			continue
		}
		j.move = &move{channel: j.channel, view: s.hold(g), changes: map[string]struct{}{}}
	}
}
