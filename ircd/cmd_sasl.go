package ircd

import (
	"context"
	"errors"
	"strings"

	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

// saslMechanisms are the SASL mechanisms, separated by commas.
const saslMechanisms = "PLAIN"

// maxSASLFailures is how many logins one connection may fail.
const maxSASLFailures = 5

// saslState is a SASL exchange.
type saslState struct {
	active   bool // the mechanism was accepted and its message is awaited
	buf      wire.SASLMessage
	failures int
}

// cmdAuthenticate runs SASL (IRCv3 sasl-3.2). The login stalls the lines behind
// it, so that a client that sends everything in one burst, CAP END included, is
// logged in when that is read.
func (c *conn) cmdAuthenticate(ctx context.Context, m *irc.Message) error {
	arg := m.Param(0)
	s := &c.reg.sasl
	switch {
	case c.session != nil:
		return errorReply(irc.ERR_SASLALREADY, "You are logged in already")
	case arg == "*":
		*s = saslState{failures: s.failures}
		c.reg.otp = nil
		c.reply(irc.ERR_SASLABORTED, "SASL authentication aborted")
		return c.tryRegister(ctx)
	case strings.EqualFold(arg, saslMechanisms):
		*s = saslState{failures: s.failures, active: true}
		c.reg.otp = nil // the client starts again
		// Without a source: old ZNC and Pidgin know no other form.
		c.send(&wire.Line{Command: "AUTHENTICATE", Params: []string{"+"}})
		return nil
	case !s.active:
		c.reply(irc.RPL_SASLMECHS, saslMechanisms, "are available SASL mechanisms")
		return errorReply(irc.ERR_SASLFAIL, "Unknown SASL mechanism")
	}
	done, err := s.buf.Add(arg)
	if err != nil {
		*s = saslState{failures: s.failures}
		return errorReply(irc.ERR_SASLTOOLONG, "SASL message too long")
	}
	if !done {
		return nil
	}
	account, password, err := wire.DecodePlain(s.buf.String())
	*s = saslState{failures: s.failures}
	if err != nil {
		return errorReply(irc.ERR_SASLFAIL, "SASL authentication failed: "+saslFault(err))
	}
	return c.loginSASL(ctx, Credentials{Account: account, Secret: password, Nick: c.reg.rawNick})
}

// saslFault explains a message that cannot be used, without quoting from it.
func saslFault(err error) string {
	if errors.Is(err, wire.ErrAuthzid) {
		return "acting for another account is not supported"
	}
	return "the message is not SASL PLAIN"
}

// loginSASL logs in with SASL and tells the client how it went.
func (c *conn) loginSASL(ctx context.Context, cred Credentials) error {
	le := c.login(ctx, cred, saslLoginTimeout)
	switch {
	case le == nil:
		c.saslDone()
		return c.tryRegister(ctx)
	case le.Reason == OTPRequired:
		c.awaitOTP(&otpState{cred: cred, sasl: true}, le.Text)
		return nil
	}
	c.reply(irc.ERR_SASLFAIL, le.Text)
	if c.reg.sasl.failures++; c.reg.sasl.failures >= maxSASLFailures {
		return &closing{text: "too many failed logins", cause: "too many failed logins"}
	}
	return c.tryRegister(ctx)
}

// saslDone tells that SASL has succeeded.
func (c *conn) saslDone() {
	mask := prefixOf(c.user)
	c.reply(irc.RPL_LOGGEDIN, mask, c.user.ID, "You are now logged in as "+c.user.Nick)
	c.reply(irc.RPL_SASLSUCCESS, "SASL authentication successful")
}
