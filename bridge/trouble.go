package bridge

import (
	"fmt"

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

	revokedText  = "Directus does not allow you to read %s any more: new messages are not shown until it does"
	restoredText = "Directus allows you to read %s again: what was written meanwhile follows"
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

// troubleEvents does the same in the window of a channel, and tells of a lost
// right to read. Of private messages, which have no window of their own, only the
// latter is told, and only if there was one.
func (s *session) troubleEvents(j *joined, down bool) []ircd.Event {
	now, what := none, "this channel"
	ready, _, err := j.view.feed.status()
	if j.private {
		if !isForbidden(err) && err != nil || !ready {
			return nil // the channels tell of an outage
		}
		down, what = false, "private messages"
	}
	switch {
	case down:
		now = unreachable
	case isForbidden(err):
		now = forbidden
	case err != nil && j.view.feed.trouble():
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
		text = fmt.Sprintf(revokedText, what)
	case before == forbidden:
		text = fmt.Sprintf(restoredText, what)
	default:
		text = backText
	}
	return []ircd.Event{&ircd.ServiceNotice{Target: j.Name, Text: text}}
}
