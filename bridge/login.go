package bridge

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"directus-ircd/directus"
	"directus-ircd/ircd"
)

// attempt is one way to read what a client gave to log in.
type attempt struct {
	email    string // empty: secret is a static token
	password string
	token    string
}

// attempts lists the readings of the credentials, in the order to try them.
// A token is tried first where both are possible: asking about a wrong one
// costs nothing, while 26 wrong passwords suspend an account.
func attempts(cred ircd.Credentials, emailTemplate string) []attempt {
	if cred.Account != "" {
		if cred.Account == "token" {
			return []attempt{{token: cred.Secret}}
		}
		if strings.Contains(cred.Account, "@") {
			return []attempt{{email: cred.Account, password: cred.Secret}}
		}
	}
	// PASS email:password. Some clients send the same under SASL, with the nick
	// as the account.
	if email, password, ok := strings.Cut(cred.Secret, ":"); ok && strings.Contains(email, "@") {
		return []attempt{{email: email, password: password}}
	}
	var list []attempt
	if cred.Account == "" && !strings.ContainsAny(cred.Secret, " ") {
		list = append(list, attempt{token: cred.Secret})
	}
	name := cred.Account
	if name == "" {
		name = cred.Nick
	}
	if emailTemplate != "" && name != "" {
		list = append(list, attempt{email: strings.ReplaceAll(emailTemplate, "{nick}", name), password: cred.Secret})
	}
	return list
}

// login asks Directus, once for each reading that was not refused before.
func (b *Backend) login(ctx context.Context, cred ircd.Credentials, device string) (*session, error) {
	list := attempts(cred, b.plan.Load().EmailTemplate)
	if len(list) == 0 {
		return nil, &ircd.LoginError{Reason: ircd.Rejected, Text: "Log in with PASS email:password or PASS token, or by SASL PLAIN with your e-mail as the account"}
	}
	var last error
	for i, a := range list {
		s, err := b.try(ctx, a, cred, device, i == len(list)-1)
		if err == nil {
			return s, nil
		}
		if le, ok := err.(*ircd.LoginError); ok && le.Reason != ircd.Rejected {
			return nil, err
		}
		last = err
	}
	return nil, last
}

// try makes one login attempt, unless it is known to be in vain. Only the last
// reading of the credentials counts as a failure.
func (b *Backend) try(ctx context.Context, a attempt, cred ircd.Credentials, device string, last bool) (*session, error) {
	secret := a.password + a.token + "\x00" + cred.OTP
	if err := b.guard.Refuses(cred.Remote, a.email, secret); err != nil {
		return nil, err
	}
	came := time.Now()
	known := func() *session {
		if cred.OTP != "" {
			return nil
		}
		return b.join(ctx, b.guard.NewTicket(a.email, secret).Hash, device, came)
	}
	if s := known(); s != nil {
		return s, nil
	}
	// Before anything counts as under way: of many who come from one address, as
	// from a gateway after a restart, the others wait.
	leave, err := b.plan.Load().gate.Enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	if s := known(); s != nil { // another of the user's clients was in front
		return s, nil
	}
	ticket, err := b.guard.Begin(cred.Remote, a.email, secret)
	if err != nil {
		return nil, err
	}
	var account *directus.Account
	if a.token != "" {
		account, err = b.opts.Client.LoginToken(ctx, a.token)
	} else {
		account, err = b.opts.Client.Login(ctx, a.email, a.password, cred.OTP)
	}
	if err == nil {
		ticket.Accepted()
		return b.admit(ctx, account, ticket.Hash, device)
	}
	refusal := loginError(err)
	switch {
	case refusal.Reason == ircd.Rejected && (last || a.token == ""):
		ticket.Refused()
	case refusal.Reason == ircd.OTPRequired:
		ticket.Incomplete(cred.OTP != "")
	case refusal.Reason == ircd.Rejected || isUncounted(err):
		ticket.Unknown()
	default:
		ticket.Lost()
	}
	return nil, refusal
}

// isUncounted tells a failure that came before Directus looked at the password from one
// that may have come later, and then counts as a wrong one until the next success.
func isUncounted(err error) bool {
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		return true
	}
	var answer *directus.Error
	return errors.As(err, &answer) && answer.Status != http.StatusGatewayTimeout && answer.Code != directus.CodeResourceRestricted
}
