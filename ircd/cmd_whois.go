package ircd

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"directus-ircd/ircd/presence"
	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

// lookup finds a user by nick, as far as the client may know them. here says whether
// the user is connected, as far as that may be known. The user is nil if there is none.
func (c *conn) lookup(ctx context.Context, nick string) (u *presence.Person, here bool, err error) {
	if p, ok := c.srv.roster.ByNick(nick); ok && c.sees(p.ID) {
		return &p, true, nil
	}
	if !wire.IsNick(nick) {
		return nil, false, nil
	}
	found, err := c.lookupInTime(ctx, nick)
	if err != nil || found == nil {
		return nil, false, err
	}
	found.Realname = wire.Clip(found.Realname, wire.NameLen)
	p, here := c.srv.roster.ByID(found.ID)
	if !here || c.acquaintance(found.ID) != Known {
		return &presence.Person{User: *found}, false, nil
	}
	if !c.sees(found.ID) {
		p.User = *found
	}
	return &p, true, nil
}

// joinedNames lists the client's channels in order.
func (c *conn) joinedNames() []string {
	names := make([]string, 0, len(c.channels))
	for _, key := range slices.Sorted(maps.Keys(c.channels)) {
		names = append(names, c.channels[key].name)
	}
	return names
}

// visible lists the connected users whom the client may know of, by nick.
func (c *conn) visible() []presence.Person {
	seen := make(map[string]presence.Person)
	for _, name := range c.joinedNames() {
		for _, p := range c.srv.roster.Members(name) {
			seen[wire.Fold(p.Nick)] = p
		}
	}
	if p, ok := c.srv.roster.ByID(c.user.ID); ok {
		seen[wire.Fold(p.Nick)] = p
	}
	list := make([]presence.Person, 0, len(seen))
	for _, key := range slices.Sorted(maps.Keys(seen)) {
		list = append(list, seen[key])
	}
	return list
}

// cmdWhois answers WHOIS [server] nick[,nick].
func (c *conn) cmdWhois(ctx context.Context, m *irc.Message) error {
	list := m.Param(0)
	if m.Param(1) != "" {
		list = m.Param(1)
	}
	if list == "" {
		return errorReply(irc.ERR_NONICKNAMEGIVEN, "No nickname given")
	}
	nicks := wire.Targets(list)
	if err := tooManyTargets(nicks, "not answered"); err != nil {
		return err
	}
	for _, nick := range nicks {
		if err := c.whois(ctx, nick); err != nil {
			return err
		}
		if err := c.flush(ctx); err != nil {
			return err
		}
	}
	return nil
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
	c.reply(wire.RPL_WHOISACCOUNT, p.Nick, p.ID, "is logged in as")
	switch {
	case c.acquaintance(p.ID) != Known:
		return
	case !here:
		c.reply(irc.RPL_AWAY, p.Nick, "Not connected to IRC")
		return
	}
	if p.ID == c.user.ID {
		// The host says where everybody is; the address is nobody's business.
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

// idleSeconds is the time since a user's last message.
func idleSeconds(p *presence.Person) string {
	if p.Active.IsZero() {
		return "0"
	}
	return strconv.FormatInt(int64(time.Since(p.Active)/time.Second), 10)
}

// find finds a user who is connected, as far as lookup would show them. An error
// means that the backend could not say whether the client may know them.
func (c *conn) find(ctx context.Context, nick string) (p presence.Person, ok bool, err error) {
	p, ok = c.srv.roster.ByNick(nick)
	if !ok || c.sees(p.ID) {
		return p, ok, nil
	}
	u, err := c.lookupInTime(ctx, p.Nick)
	return p, err == nil && u != nil && u.ID == p.ID && c.acquaintance(p.ID) == Known, err
}

// connected is find for a command that takes what it gets: whoever cannot be
// asked about is not there. The client itself is found by the nick that it asked
// for, too.
func (c *conn) connected(ctx context.Context, nick string) (p presence.Person, ok bool) {
	p, ok, err := c.find(ctx, nick)
	if err != nil {
		c.log.Debug().Err(err).Msg("look up a connected user")
	}
	if !ok && c.isSelf(nick) {
		p, ok = c.srv.roster.ByID(c.user.ID)
		p.Nick = nick
	}
	return p, ok
}

// cmdIson tells which nicks are connected (RFC 2812, 4.9).
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
