package ircd

import (
	"context"
	"errors"
	"slices"

	"directus-ircd/ircd/wire"
)

// errOtherTime is why an event is shown later: the time for this one look is over.
var errOtherTime = errors.New("the time is over")

// poll fetches the session's news and shows it. Nobody has asked for it.
func (c *conn) poll(ctx context.Context) error { return c.pollBefore(ctx, nil) }

// pollBefore is poll for what was said before a message, which is shown next. What
// was said behind it, while its sender was waiting for the answer, is left for the
// poll after that.
func (c *conn) pollBefore(ctx context.Context, m *Message) error {
	defer c.aside()()
	asking, cancel := withPatience(ctx)
	defer cancel()
	events, err := c.session.Poll(asking)
	if c.later != nil {
		events, c.later = slices.Concat(c.later, events), nil
	}
	if err == nil {
		events, c.later = cutBehind(events, m)
	}
	// Who joined before saying something is shown to join before.
	c.showPresence()
	for i, ev := range events {
		err := c.showEvent(asking, ev)
		if errors.Is(err, errOtherTime) {
			c.later = slices.Concat(c.later, []Event{ev})
			ring(c.serverBell) // there shall be another turn
			continue
		}
		if err == nil {
			err = c.flushLong(ctx)
		}
		if err != nil {
			c.later = slices.Concat(events[i+1:], c.later) // the session gives each but once
			return err
		}
	}
	if end := ended(ctx); end != nil || err == nil {
		return end
	}
	return c.sessionEnded(err)
}

// cutBehind cuts news in front of the first that belongs behind a message: said in
// the same place later, or about the message, or that the client is not there any more.
// With none all of it is before.
func cutBehind(events []Event, m *Message) (before, behind []Event) {
	for i, ev := range events {
		if m != nil && isBehind(ev, m) {
			return events[:i], events[i:]
		}
	}
	return events, nil
}

func isBehind(ev Event, m *Message) bool {
	switch ev := ev.(type) {
	case *Message:
		return ev.Target == m.Target && ev.Time.After(m.Time)
	case *Redaction:
		return ev.MsgID == m.ID
	case *Reaction:
		return ev.MsgID == m.ID
	case *Removal:
		return ev.Channel == m.Target // who is out of a channel is shown nothing of it
	}
	return false
}

// sessionEnded ends the connection after its session. The reason is told if it
// was written for people.
func (c *conn) sessionEnded(err error) error {
	text := internalError
	var e *Error
	var le *LoginError
	switch {
	case errors.As(err, &e):
		text, err = e.Text, e.Err
	case errors.As(err, &le):
		text, err = le.Text, le.Err
	}
	c.log.Warn().Err(err).Msg("session ended")
	return &closing{text: text, cause: "session ended"}
}

func (c *conn) showEvent(ctx context.Context, ev Event) error {
	switch ev := ev.(type) {
	case *Message:
		return c.sendLong(ctx, batch{}, c.messageFor(ev))
	case *Redaction:
		if c.follows(ev.Target, ev.From, ev.To) {
			c.showRedaction(ev)
		}
	case *Reaction:
		if c.follows(ev.Target, ev.From, ev.To) {
			c.showReaction(ev)
		}
	case *Backlog:
		return c.showBacklog(ctx, ev.Channel, ev.Messages)
	case *Rest:
		return c.showRest(ctx, ev.More)
	case *ReadMarker:
		c.showMarker(ev)
	case *ServiceNotice:
		c.showService(ev)
	case *Topic:
		c.showTopicEvent(ev)
	case *Removal:
		c.showRemoval(ev)
	case *Admission:
		return c.enter(ctx, ev.Channel)
	case *Acquaintances:
		c.monitor.doubtAll(true)
		c.monitor.doubtAll(false)
	case *Profile:
		c.srv.roster.Rename(c.member, ev.Realname)
		c.showPresence()
	}
	return nil
}

// showMessage shows a message, if it is one for this client.
func (c *conn) showMessage(m *Message) { c.sendAll(batch{}, c.messageFor(m)) }

// messageFor is a message as the client is shown it; nil if it is not one for this client,
// or was shown as one of the service.
func (c *conn) messageFor(m *Message) *rendering {
	if !c.follows(m.Target, m.From, m.To) {
		return nil
	}
	if m.Edits != "" && m.By.ID == "" && m.Target == "" {
		c.showService(&ServiceNotice{Text: m.Text}) // as a message of the service it would be in no window
		return nil
	}
	f := c.by(m.source(), c.form(m.Replayed))
	r := c.srv.memo.find(m, f)
	if r == nil {
		r = c.srv.rendered(m, f)
	}
	return r
}

// rendered is a message in a form, for the first who is shown it.
func (s *Server) rendered(m *Message, f form) *rendering {
	r := s.messages.get(valueOf(m), f, func() *rendering { return newRendering(render(s.sourced(m), f)) })
	s.memo.keep(m, f, r)
	return r
}

// showService shows what the daemon has to say, in the window it belongs to. ii
// needs a full mask as the source.
func (c *conn) showService(n *ServiceNotice) {
	target := c.nick
	if ch := c.channels[wire.Fold(n.Target)]; ch != nil {
		target = ch.name
	}
	room := wire.MaxBody - len(":"+c.srv.service+" NOTICE "+target+" :")
	for _, text := range wire.Lines(wire.CleanText(n.Text)) {
		for _, part := range wire.Split(text, room) {
			c.send(&wire.Line{Source: c.srv.service, Command: "NOTICE", Params: []string{target, part}, Trailing: true})
		}
	}
}

// capSelfLines are the capabilities by which a client knows what to do with what
// its user wrote to somebody else on another connection. An old client would open
// a window with itself for it.
const capSelfLines = capEchoMessage | capSelfMessage

// follows reports whether what was said in a channel, or else from one user to
// another, is for this client: it is in that channel, or it is its user's.
func (c *conn) follows(channel string, from, to User) bool {
	switch {
	case channel != "":
		return c.channels[wire.Fold(channel)] != nil
	case to.ID == c.user.ID:
		return true
	}
	return from.ID == c.user.ID && c.caps.has(capSelfLines)
}
