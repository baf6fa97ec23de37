package ircd

import (
	"context"
	"strings"

	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

// helpIndex is the subject of HELP without one.
const helpIndex = "index"

// help is what HELP tells, by subject. It is never changed.
var help = map[string][]string{
	helpIndex: {
		"What works here",
		"/join #channel, /part, /list, /names, /topic, /invite: channels",
		"/msg #channel text, /me does something: both are stored",
		"/who, /whois nick, /whowas nick, /monitor: people, connected or not",
		"/away text: others see you as away while all your clients are",
		"Nicks, names and access come from the accounts: they are changed there.",
		"More: /quote HELP channels, messages, people or bots",
	},
	"channels": {
		"Channels",
		"/list shows those that you have access to, /join and /part go in and out.",
		"/names shows who is connected and there; others read along without IRC.",
		"/topic text changes the topic, where that is allowed.",
		"/invite nick #channel asks somebody in; whoever has access needs no invitation.",
		"Nobody is operator, and nobody can be kicked: access is taken away where accounts are managed.",
	},
	"messages": {
		"Messages",
		"What you write is shown to others once it is stored. If it cannot be, you are told why.",
		"A line of up to 8192 bytes is taken whole; others may see it in parts.",
		"NOTICE and /me are stored like any other message; CTCP requests are not carried.",
		"What you wrote you may delete, if your client knows how: REDACT #channel msgid reason.",
	},
	"people": {
		"People",
		"/whois nick shows who somebody is, also when they are not connected.",
		"/whowas nick shows who left lately; /quote MONITOR + nick tells when somebody comes and goes.",
		"All your clients are one person here: away when all are, gone when the last one goes.",
	},
	"bots": {
		"Bots",
		"/mode nick +B marks the connection of a bot: others see it in WHO and WHOIS.",
		"It is shown no backlog, for it would obey old commands once more.",
	},
}

// helpSubjects are further names of subjects: the commands that they are about.
var helpSubjects = map[string]string{
	"join": "channels", "part": "channels", "list": "channels", "names": "channels", "topic": "channels", "invite": "channels", "kick": "channels",
	"privmsg": "messages", "msg": "messages", "notice": "messages", "me": "messages", "batch": "messages", "redact": "messages", "tagmsg": "messages",
	"who": "people", "whois": "people", "whowas": "people", "monitor": "people", "away": "people", "ison": "people", "nick": "people",
	"mode": "bots", "bot": "bots", "help": helpIndex,
}

// cmdHelp answers HELP [subject].
func (c *conn) cmdHelp(_ context.Context, m *irc.Message) error {
	subject := wire.Fold(strings.TrimLeft(m.Param(0), "/"))
	if subject == "" {
		subject = helpIndex
	}
	if about, ok := helpSubjects[subject]; ok {
		subject = about
	}
	texts, ok := help[subject]
	if !ok {
		return errorReply(wire.ERR_HELPNOTFOUND, "There is no help on that: HELP alone shows what there is", m.Param(0))
	}
	c.reply(wire.RPL_HELPSTART, subject, texts[0])
	for _, text := range texts[1:] {
		c.reply(wire.RPL_HELPTXT, subject, text)
	}
	if subject == "messages" && c.set.features.Private {
		c.reply(wire.RPL_HELPTXT, subject, "/msg nick text is for one person, and waits for them if they are not connected.")
	}
	c.reply(wire.RPL_ENDOFHELP, subject, "End of /HELP")
	return nil
}
