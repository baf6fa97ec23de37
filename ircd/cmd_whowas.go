package ircd

import (
	"context"
	"math"
	"strconv"
	"time"

	"directus-ircd/ircd/presence"
	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

// cmdWhowas answers WHOWAS nick[,nick] [count [server]]: who left under a nick,
// newest first. The client learns of those whom it has seen leave a channel that it is
// still in, and of those whom it may look up.
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
	for _, nick := range nicks {
		c.whowas(ctx, nick, count)
		if err := c.flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (c *conn) whowas(ctx context.Context, nick string, count int) {
	list := c.knownDepartures(ctx, nick)
	if len(list) == 0 {
		c.reply(irc.ERR_WASNOSUCHNICK, nick, "There was no such nick, or too long ago")
	}
	for _, d := range list[:min(len(list), count)] {
		c.reply(irc.RPL_WHOWASUSER, d.Nick, d.Username, d.Host, "*", d.Realname)
		c.reply(irc.RPL_WHOISSERVER, d.Nick, c.srv.source, c.srv.dateOf(d.At).In(c.set.Location).Format(time.RFC1123Z))
		c.reply(wire.RPL_WHOISACCOUNT, d.Nick, d.ID, "was logged in as")
	}
	c.reply(irc.RPL_ENDOFWHOWAS, nick, "End of WHOWAS")
}

// knownDepartures returns those who left under a nick and whom the client may
// know. The backend is asked once at most, and only if somebody did.
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
			as := *d // as the client may know them
			as.User = *found
			known = append(known, &as)
		}
	}
	return known
}

// metIn reports whether the client saw somebody leave a channel that it is still in, or
// is their own user.
func (c *conn) metIn(d *presence.Departed) bool {
	for key, ch := range c.channels {
		if _, ok := d.Channels[key]; ok && !ch.since.After(d.At) {
			return true
		}
	}
	return d.ID == c.user.ID
}
