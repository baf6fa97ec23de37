package ircd

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

// registration is what a client has sent before 001, in any order: irssi completes SASL
// before it sends a nick, epic5 sends USER before NICK, HexChat sends CAP END before the
// answer to its CAP REQ.
type registration struct {
	deadline time.Time // zero: no limit
	user     bool      // USER was given
	nick     bool      // NICK was given, with or without a nick
	rawNick  string    // as sent
	pass     string    // the rest of PASS, a secret; empty if none
	sasl     saslState
	otp      *otpState // the login that waits for a one-time code
	otpTries int       // wrong codes so far, of all logins
	extended bool      // the deadline has been extended for a code
	failed   *LoginError
	away     string // the text of AWAY; empty if present
}

// cmdPass takes the rest of the line, spaces included: irssi and others never write a
// colon before the password.
func (c *conn) cmdPass(ctx context.Context, m *irc.Message) error {
	if c.registered {
		return errorReply(irc.ERR_ALREADYREGISTERED, "You are logged in already")
	}
	if m.Param(0) == "" {
		return errorReply(irc.ERR_NEEDMOREPARAMS, "Not enough parameters", "PASS")
	}
	c.reg.pass = m.Param(0)
	return nil
}

// maxAsked is the longest nick that a login gets to see. The nick may name an account,
// which can be longer than a nick.
const maxAsked = 64

// cmdNick takes any wish before 001, whatever it is: the nick comes from the account anyway,
// and irssi, catgirl and gamja give up when they are refused.
func (c *conn) cmdNick(ctx context.Context, m *irc.Message) error {
	nick := m.Param(0)
	switch {
	case !c.registered:
		c.reg.nick, c.reg.rawNick = true, nick
		if len(nick) > maxAsked {
			c.reg.rawNick = "" // truncated, it might name another account
		}
		c.asked = wire.ProvisionalNick(nick)
		c.nick = cmp.Or(c.asked, "*")
		return c.tryRegister(ctx)
	case nick == "":
		return errorReply(irc.ERR_NONICKNAMEGIVEN, "No nickname given")
	case nick == c.user.Nick:
		return nil
	}
	// 484 is simply shown, while 433 would make clients try other nicks forever.
	return errorReply(irc.ERR_RESTRICTED, "Your nick comes from your account: change it there")
}

// cmdUser completes the second half of the registration. Its parameters are ignored: the
// account knows better, and HexChat puts an e-mail address here.
func (c *conn) cmdUser(ctx context.Context, _ *irc.Message) error {
	if c.registered {
		return errorReply(irc.ERR_ALREADYREGISTERED, "You are logged in already")
	}
	c.reg.user = true
	return c.tryRegister(ctx)
}

// tryRegister completes the registration if nothing is missing, logging in with PASS if
// there was no SASL.
func (c *conn) tryRegister(ctx context.Context) error {
	r := c.reg
	if c.registered || !r.nick || !r.user || c.negotiating || r.otp != nil {
		return nil
	}
	if c.session == nil {
		if r.sasl.active { // the client goes on without the rest of the message
			r.sasl = saslState{failures: r.sasl.failures}
			c.reply(irc.ERR_SASLABORTED, "SASL authentication aborted")
		}
		return c.loginPass(ctx)
	}
	return c.welcome(ctx)
}

// welcome completes the registration of a client that has logged in: numerics 001 and
// on, its real nick, and its channels. The client is addressed by the nick it asked for (see
// wire.ProvisionalNick) until it is sent a NICK, so that every client notices the change:
// most take 001 for their nick, while sic looks at nothing but NICK.
func (c *conn) welcome(ctx context.Context) error {
	c.endResponse() // the welcome is no answer to the command that triggered it
	c.registered = true
	c.member = c.srv.roster.Attach(c.user, c.inbox, c.reg.away, c.listen.Secure)
	c.reg, c.negotiating = nil, false
	c.user = c.member.User
	c.srv.count.strangers.Add(-1)
	if c.bot = c.session.Bot(); c.bot {
		c.srv.roster.SetBot(c.member, true)
	}
	c.srv.count.registered.Add(1)
	c.srv.sessions.enter(c)
	nick := c.user.Nick
	c.label.nick.Store(&nick)
	c.log.Info().Msg("logged in")

	if c.asked == "" {
		c.nick = c.user.Nick
	}
	c.greet()
	if c.nick != c.user.Nick {
		was := c.user
		was.Nick = c.nick
		c.sendBy(was, &wire.Line{Command: "NICK", Params: []string{c.user.Nick}, Trailing: true})
		c.nick = c.user.Nick
	}
	c.replyPlain(irc.RPL_UMODEIS, c.userModes())
	if err := c.startPrivate(ctx); err != nil {
		return err
	}
	return c.autoJoin(ctx, c.session.AutoJoin())
}

// startPrivate calls Session.Start, once, which may take commandTime.
func (c *conn) startPrivate(ctx context.Context) error {
	ctx, cancel := withPatience(ctx)
	defer cancel()
	err := c.session.Start(ctx, c.joinOptions())
	return c.answer(ctx, "PRIVMSG", refused(err, irc.ERR_CANNOTSENDTOCHAN, c.nick))
}

// autoJoin joins the channels that the session names. Clients do not retry these, so each
// gets commandTime of its own. Once one has timed out, the backend is not answering, and
// the remaining ones are refused at once.
func (c *conn) autoJoin(ctx context.Context, names []string) error {
	for i := range names {
		join := func() (late bool, err error) {
			ctx, cancel := withPatience(ctx)
			defer cancel()
			err = c.joinAll(ctx, names[i:i+1])
			if late = ctx.Err() != nil; late && err == nil {
				err = c.joinAll(ctx, names[i+1:])
			}
			return late, err
		}
		if late, err := join(); late || err != nil {
			return err
		}
	}
	return nil
}

// startedAt is when the server was started, for people.
func (c *conn) startedAt() string {
	return c.srv.dateOf(c.set.Started).Round(time.Second).UTC().Format(time.RFC1123)
}

// greet sends 001 to 376 or 422.
func (c *conn) greet() {
	s, source := c.set, c.srv.source
	c.reply(irc.RPL_WELCOME, fmt.Sprintf("Welcome to %s, %s", s.Network, c.nick))
	c.reply(irc.RPL_YOURHOST, fmt.Sprintf("Your host is %s, running version %s", source, s.Version))
	c.reply(irc.RPL_CREATED, "This server was started "+c.startedAt())
	c.replyPlain(irc.RPL_MYINFO, source, strings.ReplaceAll(s.Version, " ", "_"), userModesAll, channelModes004)
	c.sendISupport()
	c.sendLusers()
	c.sendMotd()
}

// isSelf reports whether a nick is the client's own, or the one that it asked for: irssi
// sends its first MODE before it has seen the NICK. If that nick belongs to a connected
// user whom the client may know, it is theirs. Messages must not be addressed by isSelf,
// since the nick may belong to a user who is not connected.
func (c *conn) isSelf(nick string) bool {
	key := wire.Fold(nick)
	if key == wire.Fold(c.user.Nick) {
		return true
	}
	if c.asked == "" || key != wire.Fold(c.asked) {
		return false
	}
	p, taken := c.srv.roster.ByNick(nick)
	return !taken || c.acquaintance(p.ID) != Known
}

// cmdSetname refuses (https://ircv3.net/specs/extensions/setname): the real name comes from
// the account. When it changes there, everybody is told.
func (c *conn) cmdSetname(context.Context, *irc.Message) error {
	return failReply("CANNOT_CHANGE_REALNAME", "Your name comes from your account: change it there")
}

// joinOptions are the client's options for Join and Start.
func (c *conn) joinOptions() JoinOptions {
	return JoinOptions{Backlog: !c.caps.has(capChathistory), Bot: c.bot}
}
