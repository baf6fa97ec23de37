package ircd

import (
	"context"

	"directus-ircd/ircd/presence"
	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

// capSelfLines are the capabilities by which a client knows what to do with what
// its user wrote to somebody else on another connection. An old client would open
// a window with itself for it.
const capSelfLines = capEchoMessage | capSelfMessage

// joinOptions say what a client can use of a Join or Start. One that fetches the
// history by itself is shown none of it unasked, and a bot would obey it.
func (c *conn) joinOptions() JoinOptions {
	return JoinOptions{Backlog: !c.bot && !c.caps.has(capChathistory)}
}

// startPrivate opens the session for private messages, once.
func (c *conn) startPrivate(ctx context.Context) error {
	return refused(c.session.Start(ctx, c.joinOptions()), irc.ERR_CANNOTSENDTOCHAN, c.nick)
}

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

// privateMessage has a message to one user stored, who need not be connected.
func (c *conn) privateMessage(ctx context.Context, nick string, out Outgoing) error {
	if !c.set.features.Private {
		return c.noPrivateMessages(ctx, nick)
	}
	if !wire.IsNick(nick) {
		return errorReply(irc.ERR_NOSUCHNICK, "No such nick or channel", nick)
	}
	out.Target = nick
	if out.Text = wire.CleanText(out.Text); wire.Lines(out.Text) == nil {
		return errorReply(irc.ERR_NOTEXTTOSEND, "No text to send")
	}
	return c.store(ctx, out)
}

// noPrivateMessages refuses, and says whether it is the person or the way that is
// missing.
func (c *conn) noPrivateMessages(ctx context.Context, nick string) error {
	if !c.isSelf(nick) {
		u, _, err := c.lookup(ctx, nick)
		if err != nil {
			return refused(err, irc.ERR_NOSUCHNICK, nick)
		}
		if u == nil {
			return errorReply(irc.ERR_NOSUCHNICK, "No such nick or channel", nick)
		}
	}
	return errorReply(irc.ERR_CANNOTSENDTOCHAN, "Not sent: private messages are not carried here, say it in a channel", nick)
}

// showSent shows what the client has just sent, as stored. What one writes to
// oneself arrives as well, whether it is echoed or not; only the echo is the
// answer to the request (IRCv3 labeled-response).
func (c *conn) showSent(m *Message) {
	away := c.awayRecipient(m)
	if away != nil && c.response != nil {
		c.response.parts = true
	}
	if m.Target == "" && m.To.ID == c.user.ID {
		back := c.aside()
		c.showMessage(m)
		back()
	}
	if c.caps.has(capEchoMessage) {
		c.showMessage(m)
	}
	if away != nil {
		c.reply(irc.RPL_AWAY, away.Nick, away.Away)
	}
}

// awayRecipient returns who gets a private message and is away, of which its sender
// is told; nil if there is nothing to tell. A NOTICE is not answered (RFC 2812,
// 3.3.2).
func (c *conn) awayRecipient(m *Message) *presence.Person {
	if m.Target != "" || m.Kind == Notice || m.To.ID == c.user.ID {
		return nil
	}
	if p, here := c.srv.roster.ByID(m.To.ID); here && p.Away != "" && c.acquaintance(p.ID) == Known {
		return &p
	}
	return nil
}
