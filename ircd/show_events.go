package ircd

import (
	"context"
	"errors"
	"slices"
	"time"

	"directus-ircd/ircd/wire"
)

// errOtherTime says that an event must be shown later, because the time of this poll is up.
var errOtherTime = errors.New("the time is over")

// poll shows the session's news, outside of any response.
func (c *conn) poll(ctx context.Context) error { return c.pollBefore(ctx, nil) }

// pollBefore is poll for a message that the client has just sent and that is shown next. It
// shows only news from before that message; later ones, which arrived while the client waited
// for the answer, are left for the next poll.
func (c *conn) pollBefore(ctx context.Context, m *Message) error {
	defer c.aside()()
	asking := c.polling.renew(ctx)
	c.polling = nil // a poll may be a part of another one
	defer func() { asking.end(); c.polling = asking }()
	events, err := c.session.Poll(asking)
	if c.later != nil {
		events, c.later = slices.Concat(c.later, events), nil
	}
	if err == nil {
		events, c.later = cutBehind(events, m)
	}
	// A user who joins and then speaks is shown in that order.
	c.showPresence()
	var now time.Time // by the backend's clock; zero until a message needs it
	for i, ev := range events {
		if m, ok := ev.(*Message); ok && c.follows(m.Target, m.From, m.To) {
			c.observe(m, &now)
		}
		err := c.showEvent(asking, ev)
		if errors.Is(err, errOtherTime) {
			c.later = slices.Concat(c.later, []Event{ev})
			c.server.Ring() // for another turn of loop
			continue
		}
		if err == nil {
			err = c.flushLong(ctx)
		}
		if err != nil {
			c.later = slices.Concat(events[i+1:], c.later) // the session returns each only once
			return err
		}
	}
	if end := ended(ctx); end != nil || err == nil {
		return end
	}
	return c.sessionEnded(err)
}

// observe measures how long a message for this client took.
func (c *conn) observe(m *Message, now *time.Time) {
	if m.Edits != "" {
		return
	}
	if now.IsZero() {
		*now = c.srv.now()
	}
	c.srv.delivered.Observe(max(0, now.Sub(m.Time).Seconds()))
}

// bring is poll in the place of loop, which waits, by a goroutine that does the same for
// others: short messages to a client that takes them at once. Of anything else it leaves the
// rest to loop and reports false.
func (c *conn) bring() (done bool) {
	if !c.turns.TryLock() {
		return false
	}
	defer c.turns.Unlock()
	if c.broken != nil || !c.registered || c.has.news == nil || c.later != nil || len(c.out1) > 0 {
		return false
	}
	c.left = false
	if c.broken = c.recover(c.bringing); c.broken != nil {
		c.ending.Ring()
	}
	return !c.left
}

// bringNews is bring for who has turns. It sets left if it leaves anything to loop.
func (c *conn) bringNews() error {
	if !c.news.Rung() {
		return nil // loop was woken by something else, and has looked
	}
	events, ok := c.has.news.News()
	if c.left = !ok; !ok {
		c.news.Again()
		return nil
	}
	c.showPresence()
	var now time.Time
	for i, ev := range events {
		m, ok := ev.(*Message)
		if !ok || len(m.Text) > writeChunk/4 || len(c.out1) > writeChunk {
			c.later = slices.Clone(events[i:])
			break
		}
		if r := c.messageFor(m); r != nil {
			c.observe(m, &now)
			c.sendAll(batch{}, r)
		}
	}
	if len(c.out1) > 0 {
		if c.writer.prompt(c.out1) {
			c.dropOutput()
		} else if out := c.takeOutput(); !c.out.tryPut(out) {
			c.out1 = out
		}
	}
	if c.left = c.later != nil || len(c.out1) > 0; c.left {
		c.news.Again()
	}
	return nil
}

// cutBehind splits news before the first event that must be shown after a message: a later
// message in the same place, an event about the message, or the client's removal from the
// channel. If m is nil, all news come before.
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
		return ev.Channel == m.Target // after it, nothing of the channel is shown
	case *Renaming:
		return ev.Old == m.Target // after it, nothing is shown under this name
	}
	return false
}

// sessionEnded ends the connection after its session has failed. The client is told the
// reason if the session gave one for users.
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
		return c.showBacklog(ctx, ev.Channel, ev.Messages, c.newsSince(ev.Channel))
	case *Rest:
		return c.showRest(ctx, ev.More)
	case *ReadMarker:
		c.showMarker(ev)
	case *ServiceNotice:
		c.showService(ev)
	case *Topic:
		ch := c.channels[wire.Fold(ev.Channel)]
		if ch != nil && (ev.By != (User{}) || ev.Text != ch.topic) { // it may have been read again for other reasons
			c.showTopic(ch, ev)
		}
	case *Removal:
		c.showRemoval(ev)
	case *Admission:
		return c.enter(ctx, ev.Channel)
	case *Renaming:
		c.showRenaming(ev)
	case *Invitation:
		c.send(&wire.Line{Source: c.srv.service, Command: "INVITE", Params: []string{c.nick, ev.Channel}})
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

// messageFor is the rendering of a message for the client. It is nil if the message is not
// for this client, or was shown as a ServiceNotice instead.
func (c *conn) messageFor(m *Message) *rendering {
	if !c.follows(m.Target, m.From, m.To) {
		return nil
	}
	if m.Edits != "" && m.By.ID == "" && m.Target == "" {
		_, text := quoted(m, m.Text)
		c.showService(&ServiceNotice{Text: text}) // an edit by the service has no window
		return nil
	}
	f := c.formFor(m, c.form(m.Replayed))
	r := c.srv.memo.find(m, f)
	if r == nil {
		r = c.srv.messages.get(valueOf(m), f, func() *rendering { return c.srv.rendered(m, f) })
		c.srv.memo.keep(m, f, r)
	}
	return r
}

// showService shows a message of the daemon in the window it belongs to. The source is a full
// mask, which ii needs.
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

// capSelfLines are the capabilities of clients that can show private messages which their own
// user has sent on another connection. Other clients would show them in a window with the
// user itself.
const capSelfLines = capEchoMessage | capSelfMessage

// follows reports whether an event is for this client: an event in a channel that it is in,
// or a private one to or from its user.
func (c *conn) follows(channel string, from, to User) bool {
	switch {
	case channel != "":
		return c.channels[wire.Fold(channel)] != nil
	case to.ID == c.user.ID:
		return true
	}
	return from.ID == c.user.ID && c.caps.has(capSelfLines)
}
