package ircd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"directus-ircd/ircd/presence"
	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

// maxReason is the longest reason of a PART or QUIT, in bytes.
const maxReason = 300

// cmdJoin joins channels (RFC 2812, 3.2.1). Keys are ignored: channels have none.
func (c *conn) cmdJoin(ctx context.Context, m *irc.Message) error {
	if m.Param(0) == "0" { // leave all channels
		for _, name := range c.joinedNames() {
			if err := c.part(ctx, name, ""); err != nil {
				return err
			}
		}
		return nil
	}
	return c.joinAll(ctx, wire.Targets(m.Param(0)))
}

// joinAll joins channels, each followed by its backlog.
func (c *conn) joinAll(ctx context.Context, names []string) error {
	for i, name := range names {
		if _, err := c.written(ctx); err != nil { // a client that does not read must hold no backlog
			return err
		}
		ch, err := c.join(ctx, name, names[i+1:])
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

// showPast shows the notice and the backlog of a channel that the client has just joined.
func (c *conn) showPast(ctx context.Context, ch *Channel) error {
	if ch.Notice != "" {
		c.showService(&ServiceNotice{Target: ch.Name, Text: ch.Notice})
	}
	if err := c.showBacklog(ctx, ch.Name, ch.Backlog, time.Time{}); err != nil {
		return err
	}
	return c.showRest(ctx, ch.More)
}

// join enters one channel, before the next ones. It returns nil for a channel that the client is in
// already.
func (c *conn) join(ctx context.Context, name string, next []string) (*Channel, error) {
	if !wire.IsChannel(name) {
		return nil, errorReply(irc.ERR_NOSUCHCHANNEL, "No such channel", name)
	}
	if c.channels[wire.Fold(name)] != nil {
		return nil, nil
	}
	if n := c.set.Limits.ChannelsPerClient; n > 0 && len(c.channels) >= n {
		return nil, errorReply(irc.ERR_TOOMANYCHANNELS, fmt.Sprintf("You are in %d channels, the maximum: leave one first", n), name)
	}
	ch, err := c.joinInTime(ctx, name, next)
	if moved, ok := errors.AsType[*Moved](err); ok {
		return c.joinMoved(ctx, name, moved.Name)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, refused(err, irc.ERR_UNAVAILRESOURCE, name)
	}
	if err != nil {
		return nil, refused(err, irc.ERR_NOSUCHCHANNEL, name)
	}
	joined := &joinedChannel{name: ch.Name, key: keyOf(ch.Key, ch.Name), topic: ch.Topic, since: time.Now()}
	c.addChannel(joined)
	show := c.nameOf
	if c.caps.has(capNoImplicitNames) {
		show = nil
	}
	names := c.srv.roster.Join(c.member, joined.key, show)
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

// joinMoved answers the JOIN of a channel by a name that it had before. A client that knows of new
// names is told this one (https://ircv3.net/specs/extensions/channel-rename), and others are
// forwarded to it.
func (c *conn) joinMoved(ctx context.Context, old, now string) (*Channel, error) {
	text := "This room is called " + now + " now"
	if c.caps.has(capChannelRename) && c.caps.has(capStandardReplies) {
		return nil, failReply("CHANNEL_RENAMED", text, old, now)
	}
	c.reply(wire.ERR_LINKCHANNEL, old, now, text)
	return c.join(ctx, now, nil)
}

func (c *conn) cmdPart(ctx context.Context, m *irc.Message) error {
	reason := wire.Clip(wire.CleanText(m.Param(1)), maxReason)
	return c.each(ctx, "PART", wire.Targets(m.Param(0)), func(name string) error { return c.part(ctx, name, reason) })
}

// part leaves one channel, whether the session succeeds or not.
func (c *conn) part(ctx context.Context, name, reason string) error {
	ch := c.channels[wire.Fold(name)]
	switch {
	case !wire.IsChannel(name):
		return errorReply(irc.ERR_NOSUCHCHANNEL, "No such channel", name)
	case ch == nil:
		c.leaveSession(ctx, name) // the session must not rejoin it by an Admission
		return errorReply(irc.ERR_NOTONCHANNEL, notJoined, name)
	}
	c.leaveSession(ctx, ch.name)
	c.removeChannel(ch)
	c.srv.roster.Part(c.member, ch.key, reason, false)
	l := partLine(c.user, ch.name, reason)
	c.sendBy(c.user, &l)
	c.monitor.doubtAll(true)
	return nil
}

func (c *conn) leaveSession(ctx context.Context, name string) {
	if err := c.session.Part(ctx, name); err != nil && ctx.Err() == nil {
		c.log.Warn().Err(err).Str("channel", name).Msg("part channel")
	}
}

// showRemoval removes the client from a channel that the session was removed from. The
// client is sent a KICK: on a PART of its own, many clients close the window, and the
// reason with it.
func (c *conn) showRemoval(ev *Removal) {
	ch := c.channels[wire.Fold(ev.Channel)]
	if ch == nil {
		return
	}
	c.removeChannel(ch)
	c.srv.roster.Part(c.member, ch.key, "", ev.Closed)
	c.send(&wire.Line{Source: c.srv.service, Command: "KICK", Params: []string{ch.name, c.nick, ev.Reason}, Trailing: true})
	c.monitor.doubtAll(true)
}

// enter joins a channel that the client has not asked to join. It returns errOtherTime if
// the time is up.
func (c *conn) enter(ctx context.Context, name string) error {
	if _, err := c.written(ctx); err != nil { // a client that does not read must hold no backlog
		return err
	}
	ch, err := c.join(ctx, name, nil)
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

// findChannel returns a channel that the client is in or may join, or else 403.
func (c *conn) findChannel(ctx context.Context, name string) (ChannelInfo, error) {
	if ch := c.channels[wire.Fold(name)]; ch != nil {
		return ChannelInfo{Name: ch.name, Topic: ch.topic}, nil
	}
	if wire.IsChannel(name) {
		list, err := c.session.Channels(ctx)
		if err != nil {
			return ChannelInfo{}, refused(err, irc.ERR_NOSUCHCHANNEL, name)
		}
		for ch := range list {
			if wire.Fold(ch.Name) == wire.Fold(name) {
				return ch, nil
			}
		}
	}
	return ChannelInfo{}, errorReply(irc.ERR_NOSUCHCHANNEL, "No such channel", name)
}

// cmdNames lists the members of channels that the client is in. Those of other channels
// are secret.
func (c *conn) cmdNames(ctx context.Context, m *irc.Message) error {
	names := wire.Targets(m.Param(0))
	if m.Param(0) == "" {
		names = c.joinedNames()
		if len(names) == 0 {
			c.reply(irc.RPL_ENDOFNAMES, "*", "End of /NAMES list")
		}
	}
	return c.each(ctx, "NAMES", names, func(name string) error {
		if ch := c.channels[wire.Fold(name)]; ch != nil {
			c.sendNames(ch.name, c.srv.roster.Names(ch.key, c.nameOf))
		} else {
			c.reply(irc.RPL_ENDOFNAMES, name, "End of /NAMES list")
		}
		return nil
	})
}

// nameOf is how NAMES shows a user to this client.
func (c *conn) nameOf(u User) string {
	if c.caps.has(capUserhostInNames) {
		return prefixOf(u)
	}
	return u.Nick
}

// sendNames sends as many 353 as it takes, and 366.
func (c *conn) sendNames(channel string, names []string) {
	if len(names) > 0 {
		c.replyList(irc.RPL_NAMREPLY, names, "=", channel)
	}
	c.reply(irc.RPL_ENDOFNAMES, channel, "End of /NAMES list")
}

// cmdKick refuses: nobody is an operator.
func (c *conn) cmdKick(ctx context.Context, m *irc.Message) error {
	ch, err := c.joinedChannel(ctx, m.Param(0), irc.ERR_NOTONCHANNEL, notJoined)
	if err != nil {
		return err
	}
	p, ok := c.srv.roster.ByNick(m.Param(1))
	if !ok || !c.srv.roster.IsIn(p.ID, ch.key) {
		return errorReply(irc.ERR_USERNOTINCHANNEL, "is not in the channel", m.Param(1), ch.name)
	}
	return errorReply(irc.ERR_CHANOPRIVSNEEDED, "There are no operators here: access is managed with the accounts", ch.name)
}

// cmdInvite invites a user to a channel (RFC 2812, 3.2.7): a connected one, unless the backend lets
// the user in. Otherwise an invitation gives no access: users with access can join anyway, and others
// cannot.
func (c *conn) cmdInvite(ctx context.Context, m *irc.Message) error {
	nick := m.Param(0)
	ch, err := c.joinedChannel(ctx, m.Param(1), irc.ERR_NOTONCHANNEL, notJoined)
	if err != nil {
		return err
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
	if c.srv.roster.IsIn(p.ID, ch.key) {
		return errorReply(irc.ERR_USERONCHANNEL, "is in the channel already", p.Nick, ch.name)
	}
	member := false
	if c.features().Rooms {
		if member, err = c.has.rooms.Invite(ctx, ch.name, p.User); err != nil {
			return refused(err, irc.ERR_CHANOPRIVSNEEDED, ch.name)
		}
	}
	ev := &presence.Event{Kind: presence.Invited, User: c.user, Channel: ch.key, Name: ch.name, Guest: p.User}
	if told := here && c.srv.roster.Invite(c.member, p.ID, ev); !told && !member {
		return errorReply(irc.ERR_NOSUCHNICK, "is not connected and was not invited", p.Nick)
	}
	c.replyPlain(irc.RPL_INVITING, p.Nick, ch.name)
	if p.Away != "" {
		c.reply(irc.RPL_AWAY, p.Nick, p.Away)
	}
	return nil
}

// cmdList lists channels (RFC 2812, 3.2.6), at the pace at which the client reads them. ELIST: M
// and N are masks, U bounds the number of users by >n and <n, and C and T how many minutes ago the
// channel was made, and its topic set.
func (c *conn) cmdList(ctx context.Context, m *irc.Message) error {
	list, err := c.session.Channels(ctx)
	if err != nil {
		return refused(err, wire.ERR_UNKNOWNERROR, "LIST")
	}
	wanted := parseList(m.Param(0), c.srv.now())
	c.reply(irc.RPL_LISTSTART, "Channel", "Users  Name")
	for ch := range list {
		// Some clients hide channels with 0 users, so every channel has at least 1.
		if n := max(c.srv.roster.Count(keyOf(ch.Key, ch.Name)), 1); wanted.has(&ch, n) {
			c.reply(irc.RPL_LIST, ch.Name, strconv.Itoa(n), ch.Topic)
		}
		if len(c.out1) <= writeChunk {
			continue
		}
		if alive, err := c.written(ctx); err != nil || !alive {
			return err
		}
	}
	c.reply(irc.RPL_LISTEND, "End of /LIST")
	return nil
}

// listQuery is what LIST asks for: channels for which all bounds hold, which no "!mask" matches,
// and, if there are any masks, at least one of them.
type listQuery struct {
	now           time.Time
	bounds        []listBound
	masks, except []string
}

// listBound bounds what a channel is said to have: 'U' users, or 'C' and 'T' minutes.
type listBound struct {
	what  byte
	above bool // more than n, else fewer
	n     int
}

func parseList(conditions string, now time.Time) listQuery {
	q := listQuery{now: now}
	for cond := range strings.SplitSeq(conditions, ",") {
		bound := strings.TrimLeft(cond, "CTct")
		if len(cond)-len(bound) > 1 || bound == "" {
			bound = cond
		}
		n, err := strconv.Atoi(strings.TrimLeft(bound, "<>"))
		switch {
		case cond == "":
		case (bound[0] == '<' || bound[0] == '>') && err == nil:
			b := listBound{'U', bound[0] == '>', n}
			if len(bound) < len(cond) {
				b.what = cond[0] &^ 0x20 // upper case
			}
			q.bounds = append(q.bounds, b)
		case cond[0] == '!':
			q.except = append(q.except, cond[1:])
		default:
			q.masks = append(q.masks, cond)
		}
	}
	return q
}

// has reports whether a channel with so many users is asked for. One of which a time is not known
// is within no bounds of it.
func (q *listQuery) has(ch *ChannelInfo, users int) bool {
	for _, b := range q.bounds {
		n, at := users, ch.Created
		if b.what == 'T' {
			at = ch.TopicAt
		}
		if b.what != 'U' {
			if n = int(q.now.Sub(at) / time.Minute); at.IsZero() {
				return false
			}
		}
		if b.above && n <= b.n || !b.above && n >= b.n {
			return false
		}
	}
	matches := func(mask string) bool { return wire.Match(mask, ch.Name) }
	return !slices.ContainsFunc(q.except, matches) && (len(q.masks) == 0 || slices.ContainsFunc(q.masks, matches))
}
