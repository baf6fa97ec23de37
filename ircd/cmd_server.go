package ircd

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

// otherServer is the 402 for a query about any server but this one, and nil for
// this one: by name, by mask, or by the nick of somebody in a channel of the
// client's.
func (c *conn) otherServer(name string) error {
	if name == "" || wire.Match(name, c.srv.source) || c.isSelf(name) {
		return nil
	}
	if p, ok := c.srv.roster.ByNick(name); ok && c.sees(p.ID) {
		return nil
	}
	return errorReply(irc.ERR_NOSUCHSERVER, "No such server", name)
}

func (c *conn) cmdLusers(context.Context, *irc.Message) error {
	c.sendLusers()
	return nil
}

func (c *conn) sendLusers() {
	s := c.srv.roster.Stats()
	here, most := strconv.Itoa(s.Users), strconv.Itoa(s.Most)
	c.reply(irc.RPL_LUSERCLIENT, fmt.Sprintf("There are %d users and 0 invisible on 1 server", s.Users))
	if n := c.srv.slots.len() - s.Connections; n > 0 {
		c.reply(irc.RPL_LUSERUNKNOWN, strconv.Itoa(n), "connections that have not logged in yet")
	}
	c.reply(irc.RPL_LUSERCHANNELS, strconv.Itoa(s.Channels), "channels formed")
	c.reply(irc.RPL_LUSERME, fmt.Sprintf("I have %d clients and 0 servers", s.Connections))
	c.reply(wire.RPL_LOCALUSERS, here, most, fmt.Sprintf("Current local users %s, max %s", here, most))
	c.reply(wire.RPL_GLOBALUSERS, here, most, fmt.Sprintf("Current global users %s, max %s", here, most))
}

func (c *conn) cmdMotd(_ context.Context, m *irc.Message) error {
	if err := c.otherServer(m.Param(0)); err != nil {
		return err
	}
	c.sendMotd()
	return nil
}

func (c *conn) sendMotd() {
	if c.set.motd == nil {
		c.reply(irc.ERR_NOMOTD, "There is no message of the day")
		return
	}
	c.reply(irc.RPL_MOTDSTART, "- "+c.srv.source+" Message of the day -")
	for _, text := range c.set.motd {
		for _, part := range wire.Split(text, wire.MaxBody-len(":"+c.srv.source+" 372 "+c.nick+" :- ")) {
			c.reply(irc.RPL_MOTD, "- "+part)
		}
		if text == "" {
			c.reply(irc.RPL_MOTD, "- ")
		}
	}
	c.reply(irc.RPL_ENDOFMOTD, "End of /MOTD command")
}

func (c *conn) cmdVersion(_ context.Context, m *irc.Message) error {
	if err := c.otherServer(m.Param(0)); err != nil {
		return err
	}
	c.reply(irc.RPL_VERSION, strings.ReplaceAll(c.set.Version, " ", "_"), c.srv.source, c.set.Network)
	c.sendISupport()
	return nil
}

func (c *conn) cmdTime(_ context.Context, m *irc.Message) error {
	if err := c.otherServer(m.Param(0)); err != nil {
		return err
	}
	c.reply(irc.RPL_TIME, c.srv.source, c.srv.now().In(c.set.Location).Format(time.RFC1123Z))
	return nil
}

// adminLines are the numerics of what ADMIN tells, in order.
var adminLines = []string{irc.RPL_ADMINLOC1, irc.RPL_ADMINLOC2, irc.RPL_ADMINEMAIL}

// cmdAdmin tells whom to ask (RFC 2812, 3.4.9), as far as that is configured.
func (c *conn) cmdAdmin(_ context.Context, m *irc.Message) error {
	if err := c.otherServer(m.Param(0)); err != nil {
		return err
	}
	if len(c.set.Admin) == 0 {
		return errorReply(irc.ERR_NOADMININFO, "Ask whoever gave you your account", c.srv.source)
	}
	c.reply(irc.RPL_ADMINME, c.srv.source, "Administrative info")
	for i, text := range c.set.Admin[:min(len(c.set.Admin), len(adminLines))] {
		c.reply(adminLines[i], text)
	}
	return nil
}

func (c *conn) cmdInfo(_ context.Context, m *irc.Message) error {
	if err := c.otherServer(m.Param(0)); err != nil {
		return err
	}
	for _, text := range []string{
		c.set.Version + ", running since " + c.startedAt(),
		"What is said in a channel is stored, and shown once it is.",
		"Accounts, channels and access to them are managed elsewhere.",
	} {
		c.reply(irc.RPL_INFO, text)
	}
	c.reply(irc.RPL_ENDOFINFO, "End of /INFO list")
	return nil
}

func (c *conn) cmdLinks(_ context.Context, m *irc.Message) error {
	mask := m.Param(0)
	if m.Param(1) != "" {
		mask = m.Param(1)
	}
	if mask == "" {
		mask = "*"
	}
	if wire.Match(mask, c.srv.source) {
		c.reply(irc.RPL_LINKS, c.srv.source, c.srv.source, "0 "+c.set.Network)
	}
	c.reply(irc.RPL_ENDOFLINKS, mask, "End of /LINKS list")
	return nil
}

// cmdOper refuses without a look at the password.
func (c *conn) cmdOper(context.Context, *irc.Message) error {
	return errorReply(irc.ERR_NOOPERHOST, "There are no operators here")
}

func (c *conn) cmdOperOnly(context.Context, *irc.Message) error {
	return errorReply(irc.ERR_NOPRIVILEGES, "Permission denied: there are no operators here")
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
