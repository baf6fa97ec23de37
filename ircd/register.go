package ircd

import (
	"context"
	"fmt"
	"strings"
	"time"

	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

// registration is what a connection has told before 001. The order in which it
// comes is free: irssi logs in with SASL before it has a nick, epic5 sends USER
// before NICK, HexChat sends CAP END before the answer to its CAP REQ.
type registration struct {
	begun       bool      // the first line has been handled
	deadline    time.Time // zero: no limit
	negotiating bool      // between CAP LS or REQ, and CAP END
	cap302      bool
	user        bool   // USER was given
	nick        bool   // NICK was given, with whatever nick
	rawNick     string // as it was given
	pass        string // the rest of PASS; empty: none. Secret
	sasl        saslState
	otp         *otpState // a login that waits for its one-time code
	otpTries    int       // wrong codes so far, whatever login they were for
	extended    bool      // the deadline has been put off for a code
	failed      *LoginError
	away        string // the text of AWAY; empty: here
}

// startRegistration sets the time limit.
func (c *conn) startRegistration() {
	if t := c.set.Limits.RegistrationTimeout; t > 0 {
		c.reg.deadline = time.Now().Add(t)
	}
}

// cmdPass takes the whole rest of the line, spaces included: irssi and others
// never write a colon before it.
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

// maxAsked bounds the nick that a client asks for; where nicks log people in, it
// may be longer than one that can be shown.
const maxAsked = 64

func (c *conn) cmdNick(ctx context.Context, m *irc.Message) error {
	nick := m.Param(0)
	switch {
	case nick == "":
		return errorReply(irc.ERR_NONICKNAMEGIVEN, "No nickname given")
	case c.registered:
		return c.changeNick(nick)
	}
	c.reg.nick, c.reg.rawNick = true, nick
	if len(nick) > maxAsked {
		c.reg.rawNick = "" // cut, it might name another account
	}
	if !wire.IsNick(nick) {
		// The login goes on: the nick comes from the account in any case.
		c.reply(irc.ERR_ERRONEUSNICKNAME, nick, "Erroneous nickname: the one of your account is used")
		return c.tryRegister(ctx)
	}
	c.asked, c.nick = nick, nick
	return c.tryRegister(ctx)
}

// changeNick refuses. 433 would make clients try one nick after the other, for
// ever; 484 is shown and that is all.
func (c *conn) changeNick(nick string) error {
	if nick == c.user.Nick {
		return nil
	}
	return errorReply(irc.ERR_RESTRICTED, "Your nick is the name of your account: change it there")
}

// cmdUser marks the second half of the registration. What it says is not used:
// the account says it better, and HexChat puts an e-mail address here.
func (c *conn) cmdUser(ctx context.Context, _ *irc.Message) error {
	if c.registered {
		return errorReply(irc.ERR_ALREADYREGISTERED, "You are logged in already")
	}
	c.reg.user = true
	return c.tryRegister(ctx)
}

// tryRegister completes the registration if everything for it is there, which
// may take a login.
func (c *conn) tryRegister(ctx context.Context) error {
	r := &c.reg
	if c.registered || !r.nick || !r.user || r.negotiating || r.otp != nil {
		return nil
	}
	if c.session == nil {
		return c.loginPass(ctx)
	}
	return c.welcome(ctx)
}

// welcome tells a client that has logged in who it is and where, and joins the
// channels that wait for it. Until its own NICK the client is addressed as it
// asked to be, so that every client notices the change: sic follows nothing
// else.
func (c *conn) welcome(ctx context.Context) error {
	c.endResponse() // what completes a registration is not answered by it
	c.registered = true
	c.member = c.srv.roster.Attach(c.user, c.inbox, c.reg.away)
	c.reg = registration{begun: true, cap302: c.reg.cap302}
	c.user = c.member.User
	if c.listen.Secure {
		c.srv.roster.SetSecure(c.member)
	}
	c.srv.count.registered.Add(1)
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
	if err := c.startInTime(ctx); err != nil {
		return err
	}
	return c.autoJoin(ctx, c.session.AutoJoin())
}

// startInTime begins private messages within the time of a command.
func (c *conn) startInTime(ctx context.Context) error {
	ctx, cancel := withPatience(ctx)
	defer cancel()
	return c.answer(ctx, "PRIVMSG", c.startPrivate(ctx))
}

// autoJoin joins channels that the client has not asked for, and so does not ask for again.
// Each has the time of a command, so that a slow start costs none of them; once one has
// used all of its time, the backend does not answer, and the rest is refused at once.
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

// startedAt is when the server was started.
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

// isSelf reports whether a nick is the client's own, by name or by the one that
// it asked for: irssi sends its first MODE before it has seen the NICK. If
// somebody else carries the asked one whom the client may know, it is theirs. Nothing
// that is said or kept goes by this: its owner may be one who is not connected.
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

// cmdSetname refuses (https://ircv3.net/specs/extensions/setname): a name is that
// of the account. When it changes there, everybody is told.
func (c *conn) cmdSetname(context.Context, *irc.Message) error {
	return &Error{Code: "CANNOT_CHANGE_REALNAME", Text: "Your name is that of your account: change it where accounts are managed"}
}

// joinOptions say what a client can use of a Join or Start. One that fetches the
// history by itself is shown none of it unasked, and a bot would obey it.
func (c *conn) joinOptions() JoinOptions {
	return JoinOptions{Backlog: !c.bot && !c.caps.has(capChathistory)}
}

// startPrivate opens the session for private messages, once.
func (c *conn) startPrivate(ctx context.Context) error {
	return refused(c.session.Start(ctx, c.joinOptions()), irc.ERR_CANNOTSENDTOCHAN, c.nick)
}
