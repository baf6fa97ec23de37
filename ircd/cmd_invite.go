package ircd

import (
	"context"

	"directus-ircd/ircd/presence"
	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

// cmdInvite tells somebody who is connected that they are wanted in a channel
// (RFC 2812, 3.2.7). It opens no door: everybody with access may join anyway,
// and whoever has none is not let in by it.
func (c *conn) cmdInvite(ctx context.Context, m *irc.Message) error {
	nick, name := m.Param(0), m.Param(1)
	ch := c.channels[wire.Fold(name)]
	if ch == nil {
		known, err := c.findChannel(ctx, name)
		if err != nil {
			return err
		}
		return errorReply(irc.ERR_NOTONCHANNEL, "You are not in that channel", known.Name)
	}
	p, here, err := c.lookup(ctx, nick)
	switch {
	case err != nil:
		return refused(err, irc.ERR_NOSUCHNICK, nick)
	case p == nil && c.isSelf(nick):
		p, here = &presence.Person{User: c.user}, true
	case p == nil:
		return errorReply(irc.ERR_NOSUCHNICK, "No such nick", nick)
	}
	ev := &presence.Event{Kind: presence.Invited, User: c.user, Channel: ch.name, Guest: p.User}
	switch {
	case c.srv.roster.IsIn(p.ID, ch.name):
		return errorReply(irc.ERR_USERONCHANNEL, "is in the channel already", p.Nick, ch.name)
	case !here, !c.srv.roster.Invite(c.member, p.ID, ev):
		return errorReply(irc.ERR_NOSUCHNICK, "is not connected: nobody was invited", p.Nick)
	}
	c.replyPlain(irc.RPL_INVITING, p.Nick, ch.name)
	if p.Away != "" {
		c.reply(irc.RPL_AWAY, p.Nick, p.Away)
	}
	return nil
}
