package ircd

import "time"

// showPresence shows what others did.
func (c *conn) showPresence() {
	defer c.aside()()
	for _, ev := range c.inbox.take() {
		c.showPresenceEvent(ev)
	}
}

func (c *conn) showPresenceEvent(ev *presenceEvent) {
	switch ev.kind {
	case joined:
		if ch := c.channels[Fold(ev.channel)]; ch != nil {
			c.showJoin(ev.user, ch.name, time.Time{})
			c.showAway(ev.user, ev.away, true)
		}
		c.monitor.doubt(ev.user.Nick)
	case parted:
		if ch := c.channels[Fold(ev.channel)]; ch != nil {
			c.showPart(ev.user, ch.name, ev.text)
		}
		c.monitor.doubt(ev.user.Nick)
	case quit:
		c.send(&line{Source: prefixOf(ev.user), Command: "QUIT", Params: []string{ev.text}, Trailing: true})
	case online, offline:
		c.monitor.doubt(ev.user.Nick)
	case awayChanged:
		if !ev.watched || c.monitors(ev.user) {
			c.showAway(ev.user, ev.away, false)
		}
	case renamed:
		if !ev.watched || c.monitors(ev.user) {
			c.showRenamed(ev.user)
		}
	case invited:
		c.showInvite(ev)
	case typing:
		if ev.channel == "" {
			c.showTyping(ev.user, c.nick, ev.text)
		} else if ch := c.channels[Fold(ev.channel)]; ch != nil {
			c.showTyping(ev.user, ch.name, ev.text)
		}
	}
}

// showJoin shows a JOIN at a time, now if that is zero. Without extended-join the
// channel has a colon, by which ii finds it.
func (c *conn) showJoin(u User, channel string, at time.Time) {
	l := &line{Source: prefixOf(u), Command: "JOIN", Params: []string{channel}, Trailing: true}
	if c.caps.has(capExtendedJoin) {
		l.Params = []string{channel, u.ID, u.Realname}
	}
	if c.caps.has(capServerTime) && !at.IsZero() {
		l.Tags = []tag{{"time", at.UTC().Format(timeFormat)}}
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

// showRenamed shows that a user, perhaps the client's own, has another real name.
func (c *conn) showRenamed(u User) {
	if u.ID == c.user.ID {
		c.user = u
	}
	if c.caps.has(capSetname) {
		c.send(&line{Source: prefixOf(u), Command: "SETNAME", Params: []string{u.Realname}, Trailing: true})
	}
}

// showInvite shows an invitation to whom it is for, and with invite-notify to
// the others in the channel.
func (c *conn) showInvite(ev *presenceEvent) {
	if ev.guest.ID == c.user.ID || c.channels[Fold(ev.channel)] != nil && c.caps.has(capInviteNotify) {
		c.send(&line{Source: prefixOf(ev.user), Command: "INVITE", Params: []string{ev.guest.Nick, ev.channel}})
	}
}
