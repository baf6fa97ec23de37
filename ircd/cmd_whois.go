package ircd

import (
	"cmp"
	"context"
	"math"
	"strconv"
	"strings"
	"time"

	"directus-ircd/ircd/presence"
	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

// cmdWhois answers WHOIS [server] nick[,nick].
func (c *conn) cmdWhois(ctx context.Context, m *irc.Message) error {
	list := cmp.Or(m.Param(1), m.Param(0))
	if list == "" {
		return errorReply(irc.ERR_NONICKNAMEGIVEN, "No nickname given")
	}
	nicks := wire.Targets(list)
	if err := tooManyTargets(nicks, "not answered"); err != nil {
		return err
	}
	return c.each(ctx, "WHOIS", nicks, func(nick string) error { return c.whois(ctx, nick) })
}

func (c *conn) whois(ctx context.Context, nick string) error {
	p, here, err := c.lookup(ctx, nick)
	if err != nil {
		if err := c.answer(ctx, "WHOIS", refused(err, irc.ERR_NOSUCHNICK, nick)); err != nil {
			return err
		}
	} else if p == nil && c.isSelf(nick) {
		p, here, err = c.lookup(ctx, c.user.Nick)
	}
	switch {
	case err != nil:
	case p == nil:
		c.reply(irc.ERR_NOSUCHNICK, nick, "No such nick")
	default:
		c.whoisReply(p, here)
		nick = p.Nick
	}
	c.reply(irc.RPL_ENDOFWHOIS, nick, "End of /WHOIS list")
	return nil
}

func (c *conn) whoisReply(p *presence.Person, here bool) {
	c.reply(irc.RPL_WHOISUSER, p.Nick, p.Username, p.Host, "*", p.Realname)
	if shared := c.sharedChannels(p.ID); len(shared) > 0 {
		c.replyList(irc.RPL_WHOISCHANNELS, shared, p.Nick)
	}
	c.reply(irc.RPL_WHOISSERVER, p.Nick, c.srv.source, c.set.Network)
	c.reply(wire.RPL_WHOISACCOUNT, p.Nick, p.Account, "is logged in as")
	switch {
	case c.acquaintance(p.ID) != Known:
		return
	case !here:
		c.reply(irc.RPL_AWAY, p.Nick, "Not connected to IRC")
		return
	}
	if p.ID == c.user.ID {
		// The host is the same for everybody; addresses are never shown.
		c.reply(wire.RPL_WHOISHOST, p.Nick, "is connecting from *@"+p.Host)
		c.reply(wire.RPL_WHOISMODES, p.Nick, "is using modes "+c.userModes())
	}
	if p.Secure {
		c.reply(wire.RPL_WHOISSECURE, p.Nick, "is using a secure connection")
	}
	if p.Bot {
		c.reply(wire.RPL_WHOISBOT, p.Nick, "is a bot")
	}
	if p.Away != "" {
		c.reply(irc.RPL_AWAY, p.Nick, p.Away)
	}
	c.reply(irc.RPL_WHOISIDLE, p.Nick, idleSeconds(p), strconv.FormatInt(c.srv.dateOf(p.SignedOn).Unix(), 10), "seconds idle, signon time")
}

// idleSeconds is the time since a user's last message, in seconds.
func idleSeconds(p *presence.Person) string {
	if p.Active.IsZero() {
		return "0"
	}
	return strconv.FormatInt(int64(time.Since(p.Active)/time.Second), 10)
}

// cmdIson tells which of some nicks are connected (RFC 2812, 4.9).
func (c *conn) cmdIson(ctx context.Context, m *irc.Message) error {
	var on []string
	for _, nick := range wire.Distinct(strings.FieldsSeq(strings.Join(m.Params, " "))) {
		if p, ok := c.connected(ctx, nick); ok {
			on = append(on, p.Nick)
		}
	}
	c.replyList(irc.RPL_ISON, on)
	return nil
}

// maxUserhost is how many nicks USERHOST takes (RFC 2812, 4.8).
const maxUserhost = 5

func (c *conn) cmdUserhost(ctx context.Context, m *irc.Message) error {
	var list []string
	for _, nick := range m.Params[:min(len(m.Params), maxUserhost)] {
		p, ok := c.connected(ctx, nick)
		if !ok {
			continue
		}
		flag := "+"
		if p.Away != "" {
			flag = "-"
		}
		list = append(list, p.Nick+"="+flag+p.Username+"@"+p.Host)
	}
	c.replyList(irc.RPL_USERHOST, list)
	return nil
}

// cmdWhowas answers WHOWAS nick[,nick] [count [server]]: users who have quit under a nick,
// newest first. It shows those whom the client saw leave a channel that it is still in, and
// those whom the client may look up.
func (c *conn) cmdWhowas(ctx context.Context, m *irc.Message) error {
	nicks := wire.Targets(m.Param(0))
	if len(nicks) == 0 {
		return errorReply(irc.ERR_NONICKNAMEGIVEN, "No nickname given")
	}
	if err := tooManyTargets(nicks, "not answered"); err != nil {
		return err
	}
	if err := c.otherServer(m.Param(2)); err != nil {
		return err
	}
	count, err := strconv.Atoi(m.Param(1))
	if err != nil || count <= 0 {
		count = math.MaxInt
	}
	return c.each(ctx, "WHOWAS", nicks, func(nick string) error {
		c.whowas(ctx, nick, count)
		return nil
	})
}

func (c *conn) whowas(ctx context.Context, nick string, count int) {
	list := c.knownDepartures(ctx, nick)
	if len(list) == 0 {
		c.reply(irc.ERR_WASNOSUCHNICK, nick, "There was no such nick recently")
	}
	for _, d := range list[:min(len(list), count)] {
		c.reply(irc.RPL_WHOWASUSER, d.Nick, d.Username, d.Host, "*", d.Realname)
		c.reply(irc.RPL_WHOISSERVER, d.Nick, c.srv.source, c.srv.dateOf(d.At).In(c.set.Location).Format(time.RFC1123Z))
		c.reply(wire.RPL_WHOISACCOUNT, d.Nick, d.Account, "was logged in as")
	}
	c.reply(irc.RPL_ENDOFWHOWAS, nick, "End of WHOWAS")
}

// knownDepartures returns the users who have quit under a nick and whom the client may know.
// The backend is asked at most once, and only if needed.
func (c *conn) knownDepartures(ctx context.Context, nick string) []*presence.Departed {
	var known []*presence.Departed
	var found *User
	asked := false
	for _, d := range c.srv.roster.Departures(nick) {
		if c.metIn(d) {
			known = append(known, d)
			continue
		}
		if !asked {
			asked = true
			var err error
			if found, err = c.lookupInTime(ctx, d.Nick); err != nil {
				c.log.Debug().Err(err).Msg("look up a user who left")
			}
		}
		if found != nil && found.ID == d.ID && c.acquaintance(d.ID) == Known {
			as := *d // with the names that the client may know
			as.User = *found
			known = append(known, &as)
		}
	}
	return known
}

// metIn reports whether the client saw a user leave a channel that it is still in, or whether
// it is the client's own user.
func (c *conn) metIn(d *presence.Departed) bool {
	for _, ch := range c.channels {
		if _, ok := d.Channels[ch.key]; ok && !ch.since.After(d.At) {
			return true
		}
	}
	return d.ID == c.user.ID
}
