package ircd

import (
	"context"
	"strings"

	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

const (
	// userModesAll are all user modes (004). Everybody is invisible (i), because users are
	// listed only to those who share a channel with them. Bots set B
	// (https://ircv3.net/specs/extensions/bot-mode).
	userModesAll = "Bi"
	botMode      = 'B'
	// channelModes are the modes of every channel: no messages from clients that are outside
	// (n), and not everybody may change the topic (t). Without n, EPIC would mark the lines of
	// people who are not connected: they write from elsewhere.
	channelModes = "+nt"
	// channelModes004 are all modes that MODE knows. They include b, though the list of
	// bans is always empty.
	channelModes004 = "bnt"
)

// listModes are the channel modes that are lists, with the numeric that ends each. All lists
// are empty, but irssi asks for b after each JOIN and waits for the end.
var listModes = map[rune]string{
	'b': irc.RPL_ENDOFBANLIST,
	'e': irc.RPL_ENDOFEXCEPTLIST,
	'I': irc.RPL_ENDOFINVITELIST,
}

func (c *conn) cmdMode(ctx context.Context, m *irc.Message) error {
	target, modes := m.Param(0), m.Param(1)
	switch {
	case strings.HasPrefix(target, "#"):
		return c.each(ctx, "MODE", wire.Targets(target), func(name string) error {
			return c.channelMode(ctx, name, modes, len(m.Params) > 2)
		})
	case !c.isSelf(target):
		u, _, err := c.lookup(ctx, target)
		if err != nil {
			return refused(err, irc.ERR_NOSUCHNICK, target)
		}
		if u == nil {
			return errorReply(irc.ERR_NOSUCHNICK, "No such nick", target)
		}
		return errorReply(irc.ERR_USERSDONTMATCH, "You cannot see or change modes of others")
	}
	return c.userMode(modes)
}

// userMode changes the modes of the connection and shows them: as a MODE if there was a
// change, which is how clients notice it, otherwise as 221.
func (c *conn) userMode(modes string) error {
	if strings.Trim(modes, "+-"+userModesAll) != "" {
		return errorReply(irc.ERR_UMODEUNKNOWNFLAG, "Unknown user mode: there is B for bots, and i, which is always set")
	}
	bot, sign := c.bot, '+'
	for _, mode := range modes {
		switch mode {
		case '+', '-':
			sign = mode
		case botMode:
			bot = sign == '+'
		}
	}
	if bot == c.bot {
		c.replyPlain(irc.RPL_UMODEIS, c.userModes())
		return nil
	}
	c.bot, sign = bot, '-'
	if bot {
		sign = '+'
	}
	c.srv.roster.SetBot(c.member, bot)
	c.sendBy(c.user, &wire.Line{Command: "MODE", Params: []string{c.nick, string(sign) + string(botMode)}})
	return nil
}

func (c *conn) userModes() string {
	if c.bot {
		return "+" + userModesAll
	}
	return "+i"
}

// channelMode shows channel modes and lists. None can be changed.
func (c *conn) channelMode(ctx context.Context, name, modes string, withParam bool) error {
	ch, err := c.findChannel(ctx, name)
	if err != nil {
		return err
	}
	if modes == "" {
		c.replyPlain(irc.RPL_CHANNELMODEIS, ch.Name, channelModes)
		return nil
	}
	adding := true
	told := make(map[rune]bool)
	for _, mode := range modes {
		end, isList := listModes[mode]
		switch {
		case mode == '+' || mode == '-':
			adding = mode == '+'
		case told[mode]:
		case isList && adding && !withParam:
			told[mode] = true
			c.reply(end, ch.Name, "End of the list, which is always empty")
		case isList || strings.ContainsRune("ntov", mode):
			return errorReply(irc.ERR_CHANOPRIVSNEEDED, "The modes of this channel are fixed", ch.Name)
		default:
			return errorReply(irc.ERR_UNKNOWNMODE, "is an unknown channel mode", string(mode))
		}
	}
	return nil
}

// cmdAway marks the connection as away or present, even before the registration (IRCv3
// pre-away).
func (c *conn) cmdAway(_ context.Context, m *irc.Message) error {
	text := wire.Clip(wire.CleanText(m.Param(0)), maxAway)
	if c.registered {
		c.srv.roster.SetAway(c.member, text)
	} else {
		c.reg.away = text
	}
	if text == "" {
		c.reply(irc.RPL_UNAWAY, "You are no longer marked as being away")
	} else {
		c.reply(irc.RPL_NOWAWAY, "You have been marked as being away")
	}
	return nil
}
