package ircd

import (
	"time"

	"directus-ircd/ircd/presence"
	"directus-ircd/ircd/wire"
)

// showPresence shows all pending presence events, because what is shown next is newer. For a
// slow client they are compacted.
func (c *conn) showPresence() {
	defer c.aside()()
	for _, ev := range c.inbox.Take(c.out.behind()) {
		c.showPresenceEvent(ev)
	}
}

// showSomePresence shows pending presence events when there is nothing else to show: only as
// many as the client reads, so that they do not fill its send queue. The rest stays in the
// inbox, whose bell is rung again.
func (c *conn) showSomePresence() {
	if c.out.awaitDrained() {
		return
	}
	defer c.aside()()
	events := c.inbox.Take(false)
	for i, ev := range events {
		if len(c.out1) > writeChunk {
			c.inbox.PutBack(events[i:])
			return
		}
		c.showPresenceEvent(ev)
	}
}

func (c *conn) showPresenceEvent(ev *presence.Event) {
	ch := c.channelOf(ev.Channel)
	switch ev.Kind {
	case presence.Joined, presence.Parted:
		if ch != nil {
			c.showOf(ev, ch.name)
		}
		c.monitor.doubt(ev.User.Nick)
	case presence.Quit:
		if c.sawIn(ev.In) {
			c.showOf(ev, "")
		}
	case presence.Online, presence.Offline:
		c.monitor.doubt(ev.User.Nick)
	case presence.AwayChanged, presence.Renamed:
		own := ev.User.ID == c.user.ID
		if own {
			c.user = ev.User
		}
		if own || c.sawIn(ev.In) || ev.Watched && c.monitors(ev.User) {
			c.showOf(ev, "")
		}
	case presence.Invited:
		c.showInvitation(ev, ch)
	case presence.Typing:
		if ev.Channel == "" {
			if c.acquaintance(ev.User.ID) == Known {
				c.showTyping(ev.User, c.nick, ev.Text)
			}
		} else if ch != nil {
			c.showOf(ev, ch.name)
		}
	}
}

// showInvitation shows an invitation to the guest, and to others in the channel if they may
// know the guest. A guest who may not know the inviting user is invited by the service.
func (c *conn) showInvitation(ev *presence.Event, in *joinedChannel) {
	switch {
	case ev.Guest.ID == c.user.ID && c.acquaintance(ev.User.ID) == Known:
		c.showOf(ev, ev.Name)
	case ev.Guest.ID == c.user.ID:
		c.send(&wire.Line{Source: c.srv.service, Command: "INVITE", Params: []string{c.nick, ev.Name}})
	case in != nil && c.caps.has(capInviteNotify) && c.acquaintance(ev.Guest.ID) == Known:
		c.showOf(ev, in.name)
	}
}

// showOf shows a presence event, of a channel under the name by which the client knows it. Its
// lines are rendered once for all clients of one form, and so carry the time at which the first
// of them is shown it.
func (c *conn) showOf(ev *presence.Event, channel string) {
	f := c.form(false)
	f.channel = channel
	f.caps = c.caps & presenceCaps
	f = c.by(ev.User, f)
	c.sendAll(batch{}, c.srv.presence.get(ev, f, func() *rendering { return newRendering(renderPresence(ev, f, c.srv.now())) }))
}

// presenceCaps are the capabilities that change the lines of presence events.
const presenceCaps = capServerTime | capExtendedJoin | capAwayNotify | capSetname | capMessageTags | capAccountTag

// renderPresence makes the lines of a presence event; none if the client does not support it.
func renderPresence(ev *presence.Event, f form, now time.Time) []wire.Line {
	var lines []wire.Line
	switch ev.Kind {
	case presence.Joined:
		lines = append(lines, joinLine(ev.User, f.channel, f.caps))
		if ev.Away != "" && f.caps.has(capAwayNotify) { // users are present unless said otherwise
			lines = append(lines, awayLine(ev.User, ev.Away))
		}
	case presence.Parted:
		lines = append(lines, partLine(ev.User, f.channel, ev.Text))
	case presence.Quit:
		lines = append(lines, wire.Line{Source: prefixOf(ev.User), Command: "QUIT", Params: []string{ev.Text}, Trailing: true})
	case presence.AwayChanged:
		if f.caps.has(capAwayNotify) {
			lines = append(lines, awayLine(ev.User, ev.Away))
		}
	case presence.Renamed:
		if f.caps.has(capSetname) {
			lines = append(lines, wire.Line{Source: prefixOf(ev.User), Command: "SETNAME", Params: []string{ev.User.Realname}, Trailing: true})
		}
	case presence.Invited:
		lines = append(lines, wire.Line{Source: prefixOf(ev.User), Command: "INVITE", Params: []string{ev.Guest.Nick, f.channel}})
	case presence.Typing:
		if f.caps.has(capMessageTags) {
			lines = append(lines, typingLine(ev.User, f.channel, ev.Text))
		}
	}
	for i := range lines {
		lines[i].Tags = append(actorTags(ev.User, f, now), lines[i].Tags...)
	}
	return lines
}

// joinLine is a JOIN. Without extended-join the channel has a colon, which ii looks for.
func joinLine(u User, channel string, caps capSet) wire.Line {
	l := wire.Line{Source: prefixOf(u), Command: "JOIN", Params: []string{channel}, Trailing: true}
	if caps.has(capExtendedJoin) {
		l.Params = []string{channel, u.Account, u.Realname}
	}
	return l
}

func partLine(u User, channel, reason string) wire.Line {
	l := wire.Line{Source: prefixOf(u), Command: "PART", Params: []string{channel}}
	if reason != "" {
		l.Params, l.Trailing = []string{channel, reason}, true
	}
	return l
}

func awayLine(u User, text string) wire.Line {
	l := wire.Line{Source: prefixOf(u), Command: "AWAY"}
	if text != "" {
		l.Params, l.Trailing = []string{text}, true
	}
	return l
}

// showJoin shows the client's own JOIN, with a time by the backend's clock; now if zero.
func (c *conn) showJoin(channel string, at time.Time) {
	l := joinLine(c.user, channel, c.caps)
	if c.caps.has(capServerTime) && !at.IsZero() {
		l.Tags = []wire.Tag{{Key: "time", Value: at.UTC().Format(wire.TimeFormat)}}
	}
	c.sendBy(c.user, &l)
}
