package ircd

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

// otherServer is the error (402) for a query about another server. It is nil for this one,
// named by its name, a mask, or the nick of a user who shares a channel with the client.
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
	// All are invisible, see userModesAll.
	c.reply(irc.RPL_LUSERCLIENT, fmt.Sprintf("There are 0 users and %d invisible on 1 server", s.Users))
	if n := c.srv.count.strangers.Load(); n > 0 {
		c.reply(irc.RPL_LUSERUNKNOWN, strconv.FormatInt(n, 10), "connections that have not logged in yet")
	}
	c.reply(irc.RPL_LUSERCHANNELS, strconv.Itoa(s.Channels), "channels formed")
	c.reply(irc.RPL_LUSERME, fmt.Sprintf("I have %d clients and 0 servers", s.Connections))
	c.reply(wire.RPL_LOCALUSERS, here, most, fmt.Sprintf("Current local users %s, max %s", here, most))
	c.reply(wire.RPL_GLOBALUSERS, here, most, fmt.Sprintf("Current global users %s, max %s", here, most))
}

func (c *conn) cmdMotd(context.Context, *irc.Message) error {
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

func (c *conn) cmdVersion(context.Context, *irc.Message) error {
	c.reply(irc.RPL_VERSION, strings.ReplaceAll(c.set.Version, " ", "_"), c.srv.source, c.set.Network)
	c.sendISupport()
	return nil
}

func (c *conn) cmdTime(context.Context, *irc.Message) error {
	c.reply(irc.RPL_TIME, c.srv.source, c.localTime())
	return nil
}

// localTime is the time by the clock of the chat, for people.
func (c *conn) localTime() string { return c.srv.now().In(c.set.Location).Format(time.RFC1123Z) }

// adminLines are the numerics for the lines of ADMIN, in order.
var adminLines = []string{irc.RPL_ADMINLOC1, irc.RPL_ADMINLOC2, irc.RPL_ADMINEMAIL}

// cmdAdmin tells whom to contact (RFC 2812, 3.4.9), if that is configured.
func (c *conn) cmdAdmin(context.Context, *irc.Message) error {
	if len(c.set.Admin) == 0 {
		return errorReply(irc.ERR_NOADMININFO, "Ask whoever gave you your account", c.srv.source)
	}
	c.reply(irc.RPL_ADMINME, c.srv.source, "Administrative info")
	for i, text := range c.set.Admin[:min(len(c.set.Admin), len(adminLines))] {
		c.reply(adminLines[i], text)
	}
	return nil
}

func (c *conn) cmdInfo(context.Context, *irc.Message) error {
	for _, text := range []string{
		c.set.Version + ", running since " + c.startedAt(),
		"Messages are stored first and shown once they are.",
		"Accounts, channels and access to them are managed elsewhere.",
	} {
		c.reply(irc.RPL_INFO, text)
	}
	c.reply(irc.RPL_ENDOFINFO, "End of /INFO list")
	return nil
}

func (c *conn) cmdLinks(_ context.Context, m *irc.Message) error {
	mask := cmp.Or(m.Param(1), m.Param(0), "*")
	if wire.Match(mask, c.srv.source) {
		c.reply(irc.RPL_LINKS, c.srv.source, c.srv.source, "0 "+c.set.Network)
	}
	c.reply(irc.RPL_ENDOFLINKS, mask, "End of /LINKS list")
	return nil
}

// cmdOper refuses without looking at the password.
func (c *conn) cmdOper(context.Context, *irc.Message) error {
	return errorReply(irc.ERR_NOOPERHOST, "There are no operators here")
}

func (c *conn) cmdOperOnly(context.Context, *irc.Message) error {
	return errorReply(irc.ERR_NOPRIVILEGES, "Permission denied: there are no operators here")
}

// helpIndex is the subject for HELP without a subject.
const helpIndex = "index"

// help holds the lines of HELP by subject. It is never changed.
var help = map[string][]string{
	helpIndex: {
		"What works here",
		"/join #channel, /part, /list, /names, /topic, /invite: channels",
		"/msg #channel text, /me does something: both are stored",
		"/who, /whois nick, /whowas nick, /monitor: people, connected or not",
		"/away text: others see you as away while all your clients are away",
		"Nicks, names and access come from the accounts and are changed there.",
		"More: /quote HELP channels, messages, people or bots",
	},
	"channels": {
		"Channels",
		"/list shows the channels that you have access to, /join and /part enter and leave them.",
		"/names shows who is connected and in the channel; others may read it without IRC.",
		"/topic text changes the topic, where that is allowed.",
		"/invite nick #channel invites somebody; users with access need no invitation.",
		"There are no operators and no kicks: access is managed with the accounts.",
	},
	"messages": {
		"Messages",
		"Your messages are shown to others once they are stored. If one cannot be, you are told why.",
		"A line may have up to 8192 bytes; others may see it in parts.",
		"NOTICE and /me are stored too, and a NOTICE gets no errors; other CTCP reaches nobody but yourself.",
		"You may delete your own messages, if your client can do that: REDACT #channel msgid reason.",
	},
	"people": {
		"People",
		"/whois nick shows who somebody is, connected or not.",
		"/whowas nick shows who left recently; /quote MONITOR + nick tells when somebody comes and goes.",
		"All your clients are one person here: away when all are away, gone when the last one leaves.",
	},
	"bots": {
		"Bots",
		"A bot is shown no old messages on joining, since it would obey them again.",
		"Its login says that it is one: account/bot in place of account, or account/bot-name to be shown what it has missed.",
		"/mode nick +B says so later, for what is joined after that. Others see it in WHO and WHOIS.",
	},
}

// helpSubjects maps commands and other words to subjects of HELP.
var helpSubjects = map[string]string{
	"join": "channels", "part": "channels", "list": "channels", "names": "channels", "topic": "channels", "invite": "channels", "kick": "channels",
	"privmsg": "messages", "msg": "messages", "notice": "messages", "me": "messages", "batch": "messages", "redact": "messages", "tagmsg": "messages",
	"who": "people", "whois": "people", "whowas": "people", "monitor": "people", "away": "people", "ison": "people", "nick": "people",
	"mode": "bots", "bot": "bots", "help": helpIndex,
}

// cmdHelp answers HELP [subject].
func (c *conn) cmdHelp(_ context.Context, m *irc.Message) error {
	asked := cmp.Or(wire.Fold(strings.TrimLeft(m.Param(0), "/")), helpIndex)
	subject := cmp.Or(helpSubjects[asked], asked)
	texts, ok := help[subject]
	if !ok {
		return errorReply(wire.ERR_HELPNOTFOUND, "There is no help on that: HELP without a subject shows an overview", m.Param(0))
	}
	// The subject of a reply is the one that was asked for, by which clients know it.
	c.reply(wire.RPL_HELPSTART, asked, texts[0])
	for _, text := range texts[1:] {
		c.reply(wire.RPL_HELPTXT, asked, text)
	}
	if subject == "messages" && c.set.features.Private {
		c.reply(wire.RPL_HELPTXT, asked, "/msg nick text goes to one person, and waits for them if they are not connected.")
	}
	c.reply(wire.RPL_ENDOFHELP, asked, "End of /HELP")
	return nil
}
