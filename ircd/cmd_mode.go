package ircd

import (
	"context"
	"strings"

	irc "gopkg.in/irc.v4"
)

const (
	// userModes are those of everybody: invisible (i), since nobody is listed
	// to people who share no channel with them.
	userModes = "+i"
	// channelModes are those of every channel: no messages from outside (n),
	// the topic is not everybody's (t).
	channelModes = "+nt"
	// channelModes004 are all that MODE knows: the bans (b) too, of which there
	// are none.
	channelModes004 = "bnt"
)

// listModes are the channel modes that are lists, with the numeric that ends
// the listing. All are empty: irssi asks for b after each JOIN and waits for
// the end.
var listModes = map[rune]string{
	'b': irc.RPL_ENDOFBANLIST,
	'e': irc.RPL_ENDOFEXCEPTLIST,
	'I': irc.RPL_ENDOFINVITELIST,
}

func (c *conn) cmdMode(ctx context.Context, m *irc.Message) error {
	target, modes := m.Param(0), m.Param(1)
	switch {
	case strings.HasPrefix(target, "#"):
		for _, name := range splitTargets(target) {
			if err := c.answer(ctx, "MODE", c.channelMode(ctx, name, modes, len(m.Params) > 2)); err != nil {
				return err
			}
			if err := c.flush(ctx); err != nil {
				return err
			}
		}
		return nil
	case !c.isSelf(target):
		u, _, err := c.lookup(ctx, target)
		if err != nil {
			return refused(err, irc.ERR_NOSUCHNICK, target)
		}
		if u == nil {
			return errorReply(irc.ERR_NOSUCHNICK, "No such nick", target)
		}
		return errorReply(irc.ERR_USERSDONTMATCH, "The modes of others are their own")
	}
	if strings.Trim(modes, "+-i") != "" {
		return errorReply(irc.ERR_UMODEUNKNOWNFLAG, "Unknown user mode: there is only i, which everybody has")
	}
	c.replyPlain(irc.RPL_UMODEIS, userModes)
	return nil
}

// channelMode shows modes and lists. Nothing can be changed.
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
