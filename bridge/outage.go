package bridge

import (
	"directus-ircd/bridge/collection"
	"directus-ircd/ircd"
)

// trouble is what a client was told last about a channel.
type trouble int

const (
	none trouble = iota
	unreachable
	forbidden
)

const (
	downText = "Directus is unreachable: messages are neither sent nor received until it is back. Nothing that others write is lost"
	backText = "Directus is back: what was written meanwhile follows"

	privateRevokedText  = "Directus does not allow you to read private messages any more: new ones are not shown until it does"
	privateRestoredText = "Directus allows you to read private messages again: what was written meanwhile follows"
)

// outageEvents tells a client that is in no channel of an outage, once, and of
// its end, once.
func (s *session) outageEvents(down bool) []ircd.Event {
	if down == s.outage || s.channelsJoined() > 0 {
		s.outage = down && s.outage
		return nil
	}
	s.outage = down
	if down {
		return []ircd.Event{&ircd.ServiceNotice{Text: downText}}
	}
	return []ircd.Event{&ircd.ServiceNotice{Text: backText}}
}

// announces reports that a channel which is read by a view was said to be unreachable, so
// that nothing of it is shown before its client is told that Directus is back.
func (s *session) announces(v *view) bool {
	for _, j := range s.joined {
		if j.view == v && j.told == unreachable {
			return true
		}
	}
	return false
}

// troubleEvents does the same in the window of a channel, and takes the client out of
// one that may not be read any more. Of private messages, which have no window of
// their own, only the latter is told, and only if they could be read. verified says that the
// proof of the session's member is fresh.
func (s *session) troubleEvents(j *joined, down, verified bool) []ircd.Event {
	ready, _, err := j.view.feed.Status()
	switch {
	case j.Private && (!ready || err != nil && !collection.IsForbidden(err)):
		return nil // the channels tell of an outage
	case j.Private:
		down = false
	case j.out:
		return s.recall(j, down)
	}
	now := none
	switch {
	case j.told == unreachable && !j.view.isSilent(verified) && j.view.reader.HasNews():
		// What has come is the proof that Directus is back, and is announced first. What
		// is not to be shown yet is announced by nothing: it would be in each look again.
	case down && !j.view.feed.LeaderIsUp():
		now = unreachable
	case collection.IsForbidden(err) && !j.Private:
		return s.exile(j)
	case collection.IsForbidden(err):
		now = forbidden
	case err != nil && j.view.feed.Trouble():
		now = unreachable
	case err != nil && j.told != none:
		return nil // neither well nor worth a word
	}
	before := j.told
	j.told = now
	var text string
	switch {
	case now == before:
		return nil
	case now == unreachable:
		text = downText
	case now == forbidden:
		text = privateRevokedText
	case before == forbidden:
		text = privateRestoredText
	default:
		text = backText
	}
	return []ircd.Event{&ircd.ServiceNotice{Target: j.Name, Text: text}}
}
