package ircd

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"directus-ircd/ircd/presence"
	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

// maxReason bounds a PART or QUIT reason, in bytes.
const maxReason = 300

// cmdJoin joins channels (RFC 2812, 3.2.1). Keys are ignored, for no channel
// has one.
func (c *conn) cmdJoin(ctx context.Context, m *irc.Message) error {
	if m.Param(0) == "0" {
		return c.partAll(ctx)
	}
	return c.joinAll(ctx, wire.Targets(m.Param(0)))
}

// joinAll joins channels, each followed by its backlog.
func (c *conn) joinAll(ctx context.Context, names []string) error {
	for i, name := range names {
		if _, err := c.written(ctx); err != nil { // who does not read is to hold no backlog
			return err
		}
		ch, err := c.join(ctx, name)
		if err := c.answer(ctx, "JOIN", err); err != nil {
			return err
		}
		if i == len(names)-1 {
			c.endResponse()
		}
		if ch != nil {
			if err := c.showPast(ctx, ch); err != nil {
				return err
			}
		}
		if err := c.flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

// showPast shows what was said in a channel before the client has joined it.
func (c *conn) showPast(ctx context.Context, ch *Channel) error {
	if ch.Notice != "" {
		c.showService(&ServiceNotice{Target: ch.Name, Text: ch.Notice})
	}
	if err := c.showBacklog(ctx, ch.Name, ch.Backlog); err != nil {
		return err
	}
	return c.showRest(ctx, ch.More)
}

// join enters one channel. Joining it again is nothing, and no channel.
func (c *conn) join(ctx context.Context, name string) (*Channel, error) {
	if !wire.IsChannel(name) {
		return nil, errorReply(irc.ERR_NOSUCHCHANNEL, "No such channel", name)
	}
	if c.channels[wire.Fold(name)] != nil {
		return nil, nil
	}
	if n := c.set.Limits.ChannelsPerClient; n > 0 && len(c.channels) >= n {
		return nil, errorReply(irc.ERR_TOOMANYCHANNELS, fmt.Sprintf("You are in %d channels, which is as many as you may join: leave one first", n), name)
	}
	ch, err := c.joinInTime(ctx, name)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, refused(err, irc.ERR_UNAVAILRESOURCE, name)
	}
	if err != nil {
		return nil, refused(err, irc.ERR_NOSUCHCHANNEL, name)
	}
	c.channels[wire.Fold(ch.Name)] = &joinedChannel{name: ch.Name, topic: ch.Topic, since: time.Now()}
	show := c.nameOf
	if c.caps.has(capNoImplicitNames) {
		show = nil
	}
	names := c.srv.roster.Join(c.member, ch.Name, show)
	c.showJoin(ch.Name, ch.At)
	c.monitor.doubtAll(false)
	if err := c.markerOnJoin(ctx, ch.Name); err != nil {
		return nil, err
	}
	if ch.Topic != "" {
		c.reply(irc.RPL_TOPIC, ch.Name, ch.Topic)
	}
	if show != nil {
		c.sendNames(ch.Name, names)
	}
	return ch, nil
}

func (c *conn) cmdPart(ctx context.Context, m *irc.Message) error {
	reason := wire.Clip(wire.CleanText(m.Param(1)), maxReason)
	for _, name := range wire.Targets(m.Param(0)) {
		if err := c.answer(ctx, "PART", c.part(ctx, name, reason)); err != nil {
			return err
		}
		if err := c.flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

// part leaves one channel. Whatever the session says, the client is out.
func (c *conn) part(ctx context.Context, name, reason string) error {
	ch := c.channels[wire.Fold(name)]
	switch {
	case !wire.IsChannel(name):
		return errorReply(irc.ERR_NOSUCHCHANNEL, "No such channel", name)
	case ch == nil:
		c.leaveSession(ctx, name) // it is not to come back to it unasked
		return errorReply(irc.ERR_NOTONCHANNEL, "You are not in that channel", name)
	}
	c.leaveSession(ctx, ch.name)
	delete(c.channels, wire.Fold(name))
	c.srv.roster.Part(c.member, ch.name, reason)
	c.showPart(ch.name, reason)
	c.monitor.doubtAll(true)
	return nil
}

func (c *conn) leaveSession(ctx context.Context, name string) {
	if err := c.session.Part(ctx, name); err != nil && ctx.Err() == nil {
		c.log.Warn().Err(err).Str("channel", name).Msg("part channel")
	}
}

// showRemoval takes the client out of a channel that the session has left. It is told
// by a KICK: at a PART that it has not sent, many a client closes the window with
// the reason in it.
func (c *conn) showRemoval(ev *Removal) {
	ch := c.channels[wire.Fold(ev.Channel)]
	if ch == nil {
		return
	}
	delete(c.channels, wire.Fold(ev.Channel))
	if ev.Closed {
		c.srv.roster.Leave(c.member, ch.name)
	} else {
		c.srv.roster.Part(c.member, ch.name, "")
	}
	c.send(&wire.Line{Source: c.srv.service, Command: "KICK", Params: []string{ch.name, c.nick, ev.Reason}, Trailing: true})
	c.monitor.doubtAll(true)
}

// enter joins a channel that the client has not asked for. If the time does not do for
// it, that is errOtherTime.
func (c *conn) enter(ctx context.Context, name string) error {
	if _, err := c.written(ctx); err != nil { // it may take a while
		return err
	}
	ch, err := c.join(ctx, name)
	switch {
	case ended(ctx) != nil:
		return ended(ctx)
	case err != nil && ctx.Err() != nil:
		return errOtherTime
	case err != nil:
		c.log.Debug().Err(err).Str("channel", name).Msg("join unasked")
		return nil
	case ch == nil:
		return nil
	}
	return c.showPast(ctx, ch)
}

// partAll is JOIN 0.
func (c *conn) partAll(ctx context.Context) error {
	for _, name := range c.joinedNames() {
		if err := c.part(ctx, name, ""); err != nil {
			return err
		}
	}
	return nil
}

// findChannel returns a channel that the client is in or could be in, else 403.
func (c *conn) findChannel(ctx context.Context, name string) (ChannelInfo, error) {
	if ch := c.channels[wire.Fold(name)]; ch != nil {
		return ChannelInfo{Name: ch.name, Topic: ch.topic}, nil
	}
	if wire.IsChannel(name) {
		list, err := c.session.Channels(ctx)
		if err != nil {
			return ChannelInfo{}, refused(err, irc.ERR_NOSUCHCHANNEL, name)
		}
		for _, ch := range list {
			if wire.Fold(ch.Name) == wire.Fold(name) {
				return ch, nil
			}
		}
	}
	return ChannelInfo{}, errorReply(irc.ERR_NOSUCHCHANNEL, "No such channel", name)
}

// cmdNames lists members of channels that the client is in. Who is in the
// others is not told.
func (c *conn) cmdNames(ctx context.Context, m *irc.Message) error {
	names := wire.Targets(m.Param(0))
	if m.Param(0) == "" {
		names = c.joinedNames()
		if len(names) == 0 {
			c.reply(irc.RPL_ENDOFNAMES, "*", "End of /NAMES list")
		}
	}
	for _, name := range names {
		if ch := c.channels[wire.Fold(name)]; ch != nil {
			c.sendNames(ch.name, c.srv.roster.Names(ch.name, c.nameOf))
		} else {
			c.reply(irc.RPL_ENDOFNAMES, name, "End of /NAMES list")
		}
		if err := c.flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

// nameOf is how NAMES names somebody to this client.
func (c *conn) nameOf(u User) string {
	if c.caps.has(capUserhostInNames) {
		return prefixOf(u)
	}
	return u.Nick
}

// sendNames sends 353, folded into lines, and 366.
func (c *conn) sendNames(channel string, names []string) {
	if len(names) > 0 {
		c.replyList(irc.RPL_NAMREPLY, names, "=", channel)
	}
	c.reply(irc.RPL_ENDOFNAMES, channel, "End of /NAMES list")
}

// cmdKick refuses.
func (c *conn) cmdKick(ctx context.Context, m *irc.Message) error {
	ch, err := c.findChannel(ctx, m.Param(0))
	if err != nil {
		return err
	}
	if c.channels[wire.Fold(ch.Name)] == nil {
		return errorReply(irc.ERR_NOTONCHANNEL, "You are not in that channel", ch.Name)
	}
	p, ok := c.srv.roster.ByNick(m.Param(1))
	if !ok || !c.srv.roster.IsIn(p.ID, ch.Name) {
		return errorReply(irc.ERR_USERNOTINCHANNEL, "is not in the channel", m.Param(1), ch.Name)
	}
	return errorReply(irc.ERR_CHANOPRIVSNEEDED, "There are no operators here: access is taken away where accounts are managed", ch.Name)
}

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

// cmdList lists channels (RFC 2812, 3.2.6). ELIST: M and N are masks, U bounds
// the number of users by >n and <n.
func (c *conn) cmdList(ctx context.Context, m *irc.Message) error {
	list, err := c.session.Channels(ctx)
	if err != nil {
		return refused(err, wire.ERR_UNKNOWNERROR, "LIST")
	}
	c.reply(irc.RPL_LISTSTART, "Channel", "Users  Name")
	for _, ch := range list {
		// Some clients do not show a channel of nobody, which is why none is.
		if n := max(c.srv.roster.Count(ch.Name), 1); listed(m.Param(0), ch.Name, n) {
			c.reply(irc.RPL_LIST, ch.Name, strconv.Itoa(n), ch.Topic)
		}
		if err := c.flush(ctx); err != nil {
			return err
		}
	}
	c.reply(irc.RPL_LISTEND, "End of /LIST")
	return nil
}

// listed reports whether a channel passes the conditions of LIST: every bound
// and every "!mask" must hold, and one of the masks if there are any.
func listed(conditions, name string, users int) bool {
	masks, matched := 0, 0
	for cond := range strings.SplitSeq(conditions, ",") {
		n, err := strconv.Atoi(strings.TrimLeft(cond, "<>"))
		switch {
		case cond == "":
		case cond[0] == '>' && err == nil:
			if users <= n {
				return false
			}
		case cond[0] == '<' && err == nil:
			if users >= n {
				return false
			}
		case cond[0] == '!':
			if wire.Match(cond[1:], name) {
				return false
			}
		default:
			masks++
			if wire.Match(cond, name) {
				matched++
			}
		}
	}
	return masks == 0 || matched > 0
}
