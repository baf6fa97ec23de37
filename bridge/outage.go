package bridge

import (
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/ircd"
)

// trouble is the last problem of a channel that the client was told about.
type trouble int

const (
	none trouble = iota
	unreachable
	unproven // Directus answers, but not whether the user may still read: see member.isOverdue
	forbidden
)

// isOutage reports whether nothing is shown until Directus is back.
func (t trouble) isOutage() bool { return t == unreachable || t == unproven }

const (
	downText  = "Directus is unreachable: messages are neither sent nor received until it is back. Nothing that others write is lost"
	doubtText = "Directus cannot say at the moment whether you may read this: nothing is shown until it can. Nothing that others write is lost"
	backText  = "Directus is back: what was written meanwhile follows"

	privateRevokedText  = "Directus does not allow you to read private messages any more: new ones are not shown until it does"
	privateRestoredText = "Directus allows you to read private messages again: what was written meanwhile follows"
)

// outageEvents tells a client that is in no channel once when an outage begins, and once
// when it ends. Clients in channels are told there, by troubleEvents.
func (s *session) outageEvents(down bool) []ircd.Event {
	if down == s.outage || s.anyJoined(func(j *joined) bool { return !j.Private && !j.out }) {
		s.outage = down && s.outage
		return nil
	}
	s.outage = down
	text := backText
	if down {
		text = downText
	}
	return []ircd.Event{&ircd.ServiceNotice{Text: text}}
}

// announces reports whether the client was told that a channel of the view shows nothing for
// now. Nothing of the view is shown before the client is told that Directus is back.
func (s *session) announces(v *view) bool {
	return s.anyJoined(func(j *joined) bool { return j.view == v && j.told.isOutage() })
}

// troubleEvents tells the client in a channel when an outage begins and when it ends, and
// removes it from a channel that the user may not read any more. Private messages have no
// window: there the client is told only when the user loses or regains the right to read
// them. verified is the result of the member's isVerified.
func (s *session) troubleEvents(j *joined, down, verified bool) []ircd.Event {
	ready, _, err := j.view.feed.Status()
	switch {
	case j.Private && (!ready || err != nil && !collection.IsForbidden(err)):
		return nil // an outage is told in the channels
	case j.Private:
		down = false
	case j.out:
		return s.recall(j, down)
	}
	now := none
	switch {
	case j.told.isOutage() && !j.view.isSilent(verified) && j.view.reader.HasNews():
		// News shows that Directus is back, and the client is told so before it sees them.
		// News of a silent view do not count: they stay, and would be announced in each Poll.
	case down && !j.view.feed.LeaderIsUp():
		now = unreachable
	case collection.IsForbidden(err) && !j.Private:
		return s.exile(j)
	case collection.IsForbidden(err):
		now = forbidden
	case err != nil && j.view.feed.Trouble():
		now = unreachable
	case j.view.feed.Key.IsShared() && !j.Private && s.member.isOverdue():
		if now = unproven; j.told == unreachable {
			return nil // still nothing is shown
		}
	case err != nil && j.told != none:
		return nil // not well again, and nothing new to tell
	}
	before := j.told
	j.told = now
	var text string
	switch {
	case now == before:
		return nil
	case now == unreachable:
		text = downText
	case now == unproven:
		text = doubtText
	case now == forbidden:
		text = privateRevokedText
	case before == forbidden:
		text = privateRestoredText
	default:
		text = backText
	}
	return []ircd.Event{&ircd.ServiceNotice{Target: j.Name, Text: text}}
}

// isOverdue reports whether Directus has not confirmed the user for longer than it may: it
// does not answer, or what it has to ask itself does not, such as an LDAP server.
func (m *member) isOverdue() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Since(m.checked) > m.recheck
}
