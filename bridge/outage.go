package bridge

import (
	"context"
	"slices"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/feed"
	"directus-ircd/directus"
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

// alonePatience is how long after the login a client may take to join its channels. Any check
// of the user that comes later looks for it.
const alonePatience = time.Minute

const (
	downText  = "Directus is unreachable: messages are neither sent nor received until it is back. Nothing that others write is lost"
	doubtText = "Directus cannot say at the moment whether you may read this: nothing is shown until it can. Nothing that others write is lost"
	backText  = "Directus is back: what was written meanwhile follows"

	privateRevokedText  = "Directus does not allow you to read private messages any more: new ones are not shown until it does"
	privateRestoredText = "Directus allows you to read private messages again: what was written meanwhile follows"
)

// outageEvents tells a client that is in no channel once when an outage begins, and once
// when it ends. Clients in channels are told there, by troubleEvents. In no channel it takes a
// link of one's own to notice, which is opened when the client was there for alonePatience.
func (s *session) outageEvents(down bool) []ircd.Event {
	if len(s.views) == 0 && time.Since(s.begun) > alonePatience {
		s.member.rt.Want()
	}
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
// them. down says that the feed of the channel is down, and verified is the result of the
// member's isVerified.
func (s *session) troubleEvents(j *joined, down, verified bool) []ircd.Event {
	ready, _, err := j.view.feed.Status()
	if ready && err == nil && !down && verified && !j.out && j.told == none {
		return nil // nothing to tell, as nearly always
	}
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
	case (j.told.isOutage() || !collection.IsForbidden(err)) && !j.view.isSilent(verified) && j.view.reader.HasNews():
		// News shows that Directus is back, and the client is told so before it sees them. So it
		// is in each channel of the view, whatever was told there: while one is in trouble the
		// news stay, and would end the trouble of the others in each Poll. News of a silent view
		// do not count: they stay, too.
	case down:
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
		s.member.toldBack()
	}
	return []ircd.Event{&ircd.ServiceNotice{Target: j.Name(), Text: text}}
}

// onState notes a new state of the realtime link, whose goroutine calls it.
func (m *member) onState(state directus.State) {
	m.mu.Lock()
	changed := m.link.Up != state.Up
	m.link = state
	if changed && state.Up { // Directus has answered the authentication
		m.silent = time.Time{}
	}
	m.mu.Unlock()
	if changed || state.Failures > 0 {
		m.feeds.Linked(m)
		m.rooms.linked()
	}
	m.ring()
}

// Link implements feed.Member: it is the state of the realtime link.
func (m *member) Link() directus.State {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.link
}

// health is what sessions report to their clients outside of channels. The link counts as down
// only from the second failed attempt to connect, so that nobody notices a restart of Directus.
// ended is why the Directus session is over, or nil.
func (m *member) health() (down bool, ended error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.link.Up && m.link.Failures >= 2, m.ended
}

// isOverdue reports whether Directus has not confirmed the user for longer than it may: it
// does not answer, or what it has to ask itself does not, such as an LDAP server.
func (m *member) isOverdue() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Since(m.checked) > m.recheck
}

// isVerified reports whether shared feeds may be shown: the permissions that prove the
// member's audience were checked recently enough, and its feeds have been adapted to them.
func (m *member) isVerified() bool {
	return !m.isOverdue() && m.rights.Changes() == m.honoured.Load()
}

// When a user loses the right to read a channel, the client is removed from it (exile) and
// shown nothing of it, and others see the user leave. The session keeps its view of the
// channel's feed. So it notices when the right is back, knows where in the collection to go
// on and what was shown already, and tells the client to join again (recall, comeBack).

const (
	exileText  = "Directus does not allow you to read this channel any more. You are back in it when it does"
	returnText = "Directus allows you to read this channel again: what was written meanwhile follows"
)

func (s *session) exile(j *joined) []ircd.Event {
	j.setOut(true)
	s.setPresent(j, false)
	j.told, j.called = none, false
	s.readOtherwise(j)
	return []ircd.Event{&ircd.Removal{Channel: j.Name(), Reason: exileText}}
}

// stayOut puts a client that has just asked to join into the place of one that was removed:
// the channel was forbidden at the last look, and whether it still is cannot be told now.
// recall brings the client in.
func (s *session) stayOut(j *joined) {
	j.setOut(true)
	j.nextCall = time.Now().Add(backlogRetry)
	s.ringLater()
}

// recall tells the client once to join a channel again, when it can be read again. down says
// that there is an outage.
func (s *session) recall(j *joined, down bool) []ircd.Event {
	ready, _, err := j.view.feed.Status()
	if collection.IsForbidden(err) {
		s.readOtherwise(j)
	}
	if j.called || down || !ready || err != nil || time.Now().Before(j.nextCall) {
		return nil
	}
	if j.Room != "" && !s.mayKnow(j.Channel) { // the room may be gone by now, or have another name
		return nil
	}
	j.called = true
	return []ircd.Event{&ircd.Admission{Channel: j.Name()}}
}

// readOtherwise begins to move a channel, which may not be read in its group, to the groups
// that need fewer rights: without optional fields, and without fields that only other
// channels are told apart by. Groups that the known permissions do not allow are left out;
// member.check keeps the permissions up to date. Between two tries there is a RetryPause.
func (s *session) readOtherwise(j *joined) {
	now := time.Now()
	if j.move != nil || !j.less.IsOver(now) {
		return
	}
	groups := s.plan.groupsOf(j.Channel)
	less := slices.Clone(groups[slices.Index(groups, j.view.feed.Group)+1:])
	less = slices.DeleteFunc(less, func(g *collection.Group) bool {
		readable, said := s.member.rights.Suffice(g)
		return said && !readable
	})
	if len(less) == 0 {
		return
	}
	j.less.Begin(now)
	j.move = &move{channel: j.Channel, view: s.hold(less[0]), rest: less[1:], changes: map[string]struct{}{}}
	s.ring()
}

// setOut notes whether the client is out of a channel, in the channel's view too.
func (j *joined) setOut(out bool) {
	switch {
	case out == j.out:
	case out:
		j.view.out++
	default:
		j.view.out--
	}
	j.out = out
}

// comeBack is Join for a channel that the client was removed from. Clients that want a
// backlog are shown, by the feed, what was written meanwhile; for others the channel begins
// at the JOIN.
func (s *session) comeBack(ctx context.Context, j *joined, opts ircd.JoinOptions) (back *ircd.Channel, failed error) {
	defer func() {
		if failed != nil { // the right may be lost again; recall tries again later
			j.called, j.nextCall = false, time.Now().Add(backlogRetry)
			s.ringLater()
		}
	}()
	if err := s.readableAgain(ctx, j); collection.IsForbidden(err) {
		j.less = feed.RetryPause{}
		s.readOtherwise(j)
		return nil, unreadable(j.Name(), err)
	} else if err != nil {
		return nil, err
	}
	if j.Room != "" {
		j.as = j.Channel.Name() // the client is told it by the JOIN
	}
	answer := &ircd.Channel{Name: j.Name(), Key: j.Key(), Topic: s.topicText(ctx, j.Channel)}
	j.topic = answer.Topic
	var list []found
	var err error
	j.bot = opts.Bot
	if j.due = j.due && opts.Backlog; j.due { // the client has never been shown the backlog
		list, err = s.joinBacklog(ctx, j, answer)
	}
	if collection.IsForbidden(err) || err != nil && ctx.Err() != nil {
		return nil, unreadable(j.Name(), err)
	}
	if j.due {
		s.ringLater()
	}
	answer.At = s.joinTime(j, list)
	j.at, j.fetches = answer.At, !opts.Backlog
	switch {
	case !opts.Backlog:
		// The feed has read all that could be read before the JOIN, and pages bring that. What it
		// brings from now on came late if it is dated before the JOIN.
		j.floorPos, j.floor = j.view.reader.End(), nil
	case answer.Notice == "":
		answer.Notice = returnText
	}
	j.setOut(false)
	s.setPresent(j, true)
	s.ring()
	return answer, nil
}

// readableAgain asks Directus whether the channel may be read again, and if so waits until its
// feed has noticed. The error is Directus' refusal, or the reply to the JOIN.
func (s *session) readableAgain(ctx context.Context, j *joined) error {
	if _, _, err := j.view.feed.Status(); collection.IsForbidden(err) {
		_, err := collection.NewestRow(ctx, s.member.account, j.view.feed.Group)
		if collection.IsForbidden(err) {
			return err
		}
		if err != nil {
			return tryAgain(err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, joinPatience)
	defer cancel()
	for j.view.feed.Reread(); ; {
		ready, changed, err := j.view.feed.Status()
		if ready && err == nil {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return tryAgain(ctx.Err())
		}
	}
}

// setSilent notes whether Directus has left a send unanswered for the time waited. A shorter
// wait than silentTimeout proves nothing: Directus may just be slow, or the link broke, which
// says nothing about the next one.
func (m *member) setSilent(silent bool, waited time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case !silent:
		m.silent = time.Time{}
	case waited > silentTimeout:
		m.silent = time.Now().Add(silentLife)
	}
}

// toldBack notes that a client was told that Directus is back. In a feed that somebody else leads that may be before the
// link of this member is up: it is hurried, and what is typed meanwhile waits for it, however
// Directus was before.
func (m *member) toldBack() {
	m.mu.Lock()
	m.back, m.silent = time.Now(), time.Time{}
	m.mu.Unlock()
	m.rt.Retry()
}

// patience is how long a send may take. While Directus has been unreachable for long, or
// accepts requests without answering, one send per collection.ProbePeriod gets a short
// attempt, and patience is 0 for all others: they are refused at once, so that a pasted text
// does not block the client for a timeout per line. Who has not had a link yet goes by that of
// the feed.
func (m *member) patience(link directus.State) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	left := sendTimeout
	if !m.link.Since.IsZero() {
		link = m.link
	}
	if !link.Up && !link.Since.IsZero() {
		left -= min(now.Sub(link.Since), now.Sub(m.back))
	}
	if left > silentTimeout && !now.Before(m.silent) {
		return left
	}
	if now.Sub(m.probed) < collection.ProbePeriod {
		return 0
	}
	m.probed = now
	return silentTimeout
}
