package ircd

import (
	"context"
	"errors"
)

// poll fetches the session's news and shows it. Nobody has asked for it.
func (c *conn) poll(ctx context.Context) error {
	defer c.aside()()
	events, err := c.session.Poll(ctx)
	// Who joined before saying something is shown to join before.
	c.showPresence()
	for _, ev := range events {
		if err := c.showEvent(ctx, ev); err != nil {
			return err
		}
		if len(c.out1) > writeChunk {
			if err := c.flush(ctx); err != nil {
				return err
			}
		}
	}
	if err == nil || ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return c.sessionEnded(err)
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
		c.showMessage(ev)
	case *Backlog:
		if ch := c.channels[Fold(ev.Channel)]; ch != nil {
			return c.showBacklog(ctx, ch.name, ev.Messages)
		}
	case *ServiceNotice:
		c.showService(ev)
	}
	return nil
}

// showMessage shows a message in a channel that the client is in.
func (c *conn) showMessage(m *Message) {
	if c.channels[Fold(m.Target)] == nil {
		return
	}
	f := c.form(m.Replayed)
	c.sendAll(batch{}, c.srv.messages.get(*m, f, func() *rendering { return newRendering(render(m, f)) }))
}

// showBacklog shows the messages that were stored before the client came, as a
// batch of type chathistory if it knows batches. The client has not asked for it.
func (c *conn) showBacklog(ctx context.Context, channel string, messages []*Message) error {
	if len(messages) == 0 {
		return nil
	}
	defer c.aside()()
	f := c.form(true)
	var b batch
	if c.caps.has(capBatch) {
		b = c.openBatch(batch{}, nil, "chathistory", channel)
		defer c.closeBatch(b)
	}
	for _, m := range messages {
		c.sendAll(b, newRendering(render(m, f)))
		if len(c.out1) > writeChunk {
			if err := c.flush(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// showService shows what the daemon has to say, in the window it belongs to. ii
// needs a full mask as the source.
func (c *conn) showService(n *ServiceNotice) {
	target := c.nick
	if ch := c.channels[Fold(n.Target)]; ch != nil {
		target = ch.name
	}
	room := maxBody - len(":"+c.srv.service+" NOTICE "+target+" :")
	for _, text := range textLines(CleanText(n.Text)) {
		for _, part := range splitText(text, room) {
			c.send(&line{Source: c.srv.service, Command: "NOTICE", Params: []string{target, part}, Trailing: true})
		}
	}
}

// showPresence shows what others did.
func (c *conn) showPresence() {
	defer c.aside()()
	for _, ev := range c.inbox.take() {
		switch ev.kind {
		case joined:
			if ch := c.channels[Fold(ev.channel)]; ch != nil {
				c.showJoin(ev.user, ch.name)
				c.showAway(ev.user, ev.away, true)
			}
		case parted:
			if ch := c.channels[Fold(ev.channel)]; ch != nil {
				c.showPart(ev.user, ch.name, ev.text)
			}
		case quit:
			c.send(&line{Source: prefixOf(ev.user), Command: "QUIT", Params: []string{ev.text}, Trailing: true})
		case awayChanged:
			c.showAway(ev.user, ev.away, false)
		case typing:
			if ev.channel == "" {
				c.showTyping(ev.user, c.nick, ev.text)
			} else if ch := c.channels[Fold(ev.channel)]; ch != nil {
				c.showTyping(ev.user, ch.name, ev.text)
			}
		}
	}
}

// showJoin shows a JOIN. Without extended-join the channel has a colon, by which
// ii finds it.
func (c *conn) showJoin(u User, channel string) {
	l := &line{Source: prefixOf(u), Command: "JOIN", Params: []string{channel}, Trailing: true}
	if c.caps.has(capExtendedJoin) {
		l.Params = []string{channel, u.ID, u.Realname}
	}
	c.send(l)
}

func (c *conn) showPart(u User, channel, reason string) {
	l := &line{Source: prefixOf(u), Command: "PART", Params: []string{channel}}
	if reason != "" {
		l.Params, l.Trailing = []string{channel, reason}, true
	}
	c.send(l)
}

// showAway shows an away state to clients with away-notify. On a JOIN only the
// users who are away are worth a line.
func (c *conn) showAway(u User, text string, join bool) {
	if !c.caps.has(capAwayNotify) || join && text == "" {
		return
	}
	l := &line{Source: prefixOf(u), Command: "AWAY"}
	if text != "" {
		l.Params, l.Trailing = []string{text}, true
	}
	c.send(l)
}
