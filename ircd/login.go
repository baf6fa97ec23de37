package ircd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"directus-ircd/ircd/wire"

	"github.com/rs/zerolog"
	irc "gopkg.in/irc.v4"
)

const (
	// saslLoginTimeout is how long SASL waits for the backend. WeeChat gives up after
	// 15 s and irssi after 20 s, network latency included.
	saslLoginTimeout = 10 * time.Second
	// passLoginTimeout is the same for PASS, where clients are patient. The backend may
	// need it if it has to retry later.
	passLoginTimeout = 50 * time.Second
	// otpTime is how long a user has to find and type a one-time code. It is granted
	// once: otherwise a client could stay forever by starting over.
	otpTime = 60 * time.Second
	// maxOTPTries is how many one-time codes a connection may try.
	maxOTPTries = 3
)

// otpState is a login that lacks only a one-time code.
type otpState struct {
	cred Credentials
	sasl bool
}

const (
	otpHelp   = "Send it with /quote OTP 123456"
	loginHelp = "No password given: log in with SASL PLAIN (your Directus account, such as an e-mail address, and password), or with account:password or a token as the server password (PASS)"
	busyText  = "Logging in is temporarily unavailable, try again later"
)

// login asks the backend for a session and takes it, or returns why there is none.
func (c *conn) login(ctx context.Context, cred Credentials, timeout time.Duration) *LoginError {
	cred.Remote = c.remote
	lctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	session, err := c.srv.backend.Login(lctx, cred)
	if err == nil {
		c.takeSession(lctx, session)
		return nil
	}
	var le *LoginError
	if !errors.As(err, &le) {
		le = &LoginError{Reason: Unavailable, Text: busyText, Err: err}
	}
	if le.Reason == OTPRequired {
		if cred.OTP != "" {
			c.srv.count.loginErrors[OTPRequired].Add(1)
		}
		return le
	}
	c.reg.failed = le
	c.srv.count.loginErrors[le.Reason].Add(1)
	if ctx.Err() == nil {
		level := zerolog.InfoLevel
		if le.Reason == Limited {
			level = zerolog.DebugLevel // repeated attempts must not fill the log
		}
		c.log.WithLevel(level).Stringer("reason", le.Reason).Err(le.Err).Msg("login refused")
	}
	return le
}

// takeSession makes the connection use a session, and tells the client of capabilities that were
// offered before the login but that the session does not support.
func (c *conn) takeSession(ctx context.Context, session Session) {
	before := c.offered()
	session.WakeBy(&c.news)
	c.session, c.user = session, session.User()
	c.has.news, _ = session.(Newscaster)
	c.has.reactions, _ = session.(Reactor)
	c.has.topics, _ = session.(TopicSetter)
	c.has.rooms, _ = session.(RoomKeeper)
	c.has.history, _ = session.(HistoryReader)
	c.has.markers, _ = session.(MarkerKeeper)
	if d, ok := session.(ChannelDater); ok {
		c.has.created, c.has.topicTimes = d.DatesChannels(ctx)
	}
	c.reg.failed = nil
	c.srv.count.logins.Add(1)
	c.offersChanged(before, c.offered())
}

// abilities are the optional interfaces of a session; nil where it lacks one.
type abilities struct {
	news      Newscaster
	reactions Reactor
	topics    TopicSetter
	rooms     RoomKeeper
	history   HistoryReader
	markers   MarkerKeeper
	// created and topicTimes are what a ChannelDater says.
	created, topicTimes bool
}

// features are those that both the chat and the client's session have. Before the login
// they are those of the chat.
func (c *conn) features() Features {
	f := c.set.features
	if c.session != nil {
		f.Reactions = f.Reactions && c.has.reactions != nil
		f.Topics = f.Topics && c.has.topics != nil
		f.Rooms = f.Rooms && c.has.rooms != nil
		f.Created, f.TopicTimes = f.Created && c.has.created, f.TopicTimes && c.has.topicTimes
		f.History = f.History && c.has.history != nil
		f.ReadMarkers = f.ReadMarkers && c.has.markers != nil
	}
	return f
}

// passTimeout is how long a login with PASS may take: passLoginTimeout, or what the
// registration deadline leaves of it.
func (c *conn) passTimeout() time.Duration {
	if d := c.reg.deadline; !d.IsZero() {
		return min(passLoginTimeout, max(time.Until(d)-time.Second, saslLoginTimeout))
	}
	return passLoginTimeout
}

// loginPass logs in with PASS, once NICK and USER are in.
func (c *conn) loginPass(ctx context.Context) error {
	if c.reg.pass == "" {
		return c.noPassword()
	}
	cred := Credentials{Secret: c.reg.pass, Nick: c.reg.rawNick}
	c.reg.pass = "" // one attempt for each PASS
	le := c.login(ctx, cred, c.passTimeout())
	switch {
	case le == nil:
		return c.welcome(ctx)
	case le.Reason == OTPRequired:
		c.awaitOTP(&otpState{cred: cred}, le.Text)
		return nil
	}
	return c.loginFailed(le)
}

// noPassword ends a registration that has no credentials left to try.
func (c *conn) noPassword() error {
	if le := c.reg.failed; le != nil {
		return c.loginFailed(le)
	}
	if !c.logins || !c.srv.logins.available() {
		return c.loginFailed(&LoginError{Reason: Unavailable, Text: busyText})
	}
	c.reply(irc.ERR_PASSWDMISMATCH, loginHelp)
	if c.caps.has(capStandardReplies) {
		c.standardReply("FAIL", "*", "ACCOUNT_REQUIRED", loginHelp)
	}
	return &closing{text: loginHelp, cause: "no password"}
}

// loginFailed ends the connection. 464 is for wrong credentials only: it makes clients ask
// for another password.
func (c *conn) loginFailed(le *LoginError) error {
	if le.Reason == Rejected {
		c.reply(irc.ERR_PASSWDMISMATCH, le.told())
		if le.Hint != "" {
			c.notice(le.Hint)
		}
	} else {
		c.notice(le.told())
	}
	return &closing{text: le.told(), cause: "login refused"}
}

// awaitOTP makes the connection wait for the OTP command and tells the client so, with the
// backend's text.
func (c *conn) awaitOTP(o *otpState, text string) {
	c.reg.otp = o
	soonest := time.Now().Add(otpTime)
	if r := c.reg; !r.extended && !r.deadline.IsZero() && r.deadline.Before(soonest) {
		r.deadline, r.extended = soonest, true
	}
	c.notice(text + ". " + otpHelp)
}

// cmdOTP completes a login with a one-time code. The command is this server's own.
func (c *conn) cmdOTP(ctx context.Context, m *irc.Message) error {
	if c.registered {
		return errorReply(irc.ERR_ALREADYREGISTERED, "You are logged in already")
	}
	o := c.reg.otp
	if o == nil {
		return errorReply(irc.ERR_NOTREGISTERED, "No login waits for a one-time code: log in first")
	}
	o.cred.OTP = m.Param(0)
	timeout := c.passTimeout()
	if o.sasl {
		timeout = saslLoginTimeout
	}
	le := c.login(ctx, o.cred, timeout)
	o.cred.OTP = ""
	switch {
	case le == nil:
		c.reg.otp = nil
		if o.sasl {
			c.saslDone()
		}
		return c.tryRegister(ctx)
	case le.Reason == OTPRequired && c.reg.otpTries+1 < maxOTPTries:
		c.reg.otpTries++
		c.notice("That code was not accepted. " + otpHelp)
		return nil
	case le.Reason == OTPRequired:
		le = &LoginError{Reason: Rejected, Text: "Too many wrong one-time codes"}
	case le.Reason != Rejected:
		// The code could not be checked, so it may be tried again.
		c.notice(le.Text)
		return nil
	}
	c.reg.otp = nil
	if o.sasl {
		c.reply(irc.ERR_SASLFAIL, le.Text)
	}
	return c.loginFailed(le)
}

// saslMechanisms are the SASL mechanisms, separated by commas.
const saslMechanisms = "PLAIN"

// maxSASLFailures is how many logins one connection may fail.
const maxSASLFailures = 5

// saslState is the state of a SASL exchange.
type saslState struct {
	active   bool // a mechanism was accepted, and its message has not arrived yet
	buf      wire.SASLMessage
	failures int
}

// cmdAuthenticate runs SASL (IRCv3 sasl-3.2). It returns only after the login, so that a
// client that sends everything at once is logged in when its CAP END is handled.
func (c *conn) cmdAuthenticate(ctx context.Context, m *irc.Message) error {
	if c.session != nil {
		return errorReply(irc.ERR_SASLALREADY, "You are logged in already")
	}
	arg, s := m.Param(0), &c.reg.sasl
	switch {
	case arg == "*":
		*s = saslState{failures: s.failures}
		c.reg.otp = nil
		c.reply(irc.ERR_SASLABORTED, "SASL authentication aborted")
		return c.tryRegister(ctx)
	case strings.EqualFold(arg, saslMechanisms):
		*s = saslState{failures: s.failures, active: true}
		c.reg.otp = nil // the client starts over
		// Without a source: old ZNC and Pidgin accept no other form.
		c.send(&wire.Line{Command: "AUTHENTICATE", Params: []string{"+"}})
		return nil
	case !s.active:
		c.reply(irc.RPL_SASLMECHS, saslMechanisms, "are available SASL mechanisms")
		return errorReply(irc.ERR_SASLFAIL, "Unknown SASL mechanism")
	}
	done, err := s.buf.Add(arg)
	if err == nil && !done {
		return nil
	}
	var account, password string
	if err == nil {
		account, password, err = wire.DecodePlain(s.buf.String())
	}
	*s = saslState{failures: s.failures}
	if err != nil {
		return saslFailed(arg, err)
	}
	return c.loginSASL(ctx, Credentials{Account: account, Secret: password, Nick: c.reg.rawNick})
}

// saslFailed is the reply to a SASL message that is none; chunk is its last part. None is quoted. One
// that is right is accepted on one line of any length, see wire.SASLMessage.
func saslFailed(chunk string, err error) error {
	fault := "the message is not SASL PLAIN"
	switch {
	case errors.Is(err, wire.ErrSASLTooLong):
		fault = "the message is too long"
	case len(chunk) > wire.SASLChunk:
		return errorReply(irc.ERR_SASLTOOLONG, fmt.Sprintf("SASL message too long: send it in parts of %d bytes", wire.SASLChunk))
	case errors.Is(err, wire.ErrAuthzid):
		fault = "acting for another account is not supported"
	}
	return errorReply(irc.ERR_SASLFAIL, "SASL authentication failed: "+fault)
}

// loginSASL logs in with SASL and tells the client the outcome.
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
	c.reply(irc.ERR_SASLFAIL, le.told())
	if c.reg.sasl.failures++; c.reg.sasl.failures >= maxSASLFailures {
		return &closing{text: "too many failed logins", cause: "too many failed logins"}
	}
	return c.tryRegister(ctx)
}

// saslDone tells the client that SASL has succeeded.
func (c *conn) saslDone() {
	mask := prefixOf(c.user)
	c.reply(irc.RPL_LOGGEDIN, mask, c.user.Account, "You are now logged in as "+c.user.Nick)
	c.reply(irc.RPL_SASLSUCCESS, "SASL authentication successful")
}
