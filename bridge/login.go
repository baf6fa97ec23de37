package bridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"directus-ircd/bridge/guard"
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

// maxDevice is the length of a device's name.
const maxDevice = 32

// deviceOf takes the name of a device off what a client gave to log in, wherever the
// account stands there: as that of SASL, or with an e-mail address in front of the
// password.
func deviceOf(cred ircd.Credentials) (ircd.Credentials, string, error) {
	var device, inSecret string
	var err error
	if cred.Account, device, err = cutDevice(cred.Account); err != nil {
		return cred, "", err
	}
	if email, password, ok := strings.Cut(cred.Secret, ":"); ok && strings.Contains(email, "@") && !strings.Contains(cred.Account, "@") && cred.Account != "token" {
		if email, inSecret, err = cutDevice(email); err != nil {
			return cred, "", err
		}
		cred.Secret = email + ":" + password
	}
	return cred, cmp.Or(device, inSecret), nil
}

// cutDevice takes the name of a device off a login: it stands behind the first
// "/" that cannot belong to the login itself, which of an e-mail address is one
// behind the "@". The error is an *ircd.LoginError.
func cutDevice(login string) (account, device string, err error) {
	at := strings.LastIndexByte(login, '@') + 1
	i := strings.IndexByte(login[at:], '/')
	if i < 0 {
		return login, "", nil
	}
	account, device = login[:at+i], login[at+i+1:]
	if len(device) == 0 || len(device) > maxDevice || strings.ContainsFunc(device, isForeignToDevice) {
		return "", "", &ircd.LoginError{Reason: ircd.Rejected, Text: fmt.Sprintf(
			"What stands behind the / is the name of your device: 1 to %d letters, digits, dots, hyphens and underscores", maxDevice)}
	}
	return account, device, nil
}

func isForeignToDevice(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '.', r == '_', r == '-':
		return false
	}
	return true
}

// rejoinTime is how long a password counts as right that Directus has accepted, as
// long as the session holds that it was accepted for. It is not for ever: Directus
// ends that session when the password, the e-mail address or the status changes, but
// not when a second factor is switched on.
const rejoinTime = 5 * time.Minute

// join makes a session of a member that is there, for a secret that the member has
// logged in with a moment ago. To check a password costs Directus twenty times what
// it costs to renew the session, which fails if the password has been changed. Of
// clients that come at once the first is asked about for all. nil: log in as everybody
// does.
func (b *Backend) join(ctx context.Context, secret guard.SecretHash, device string, came time.Time) *session {
	m, accepted := b.recent(secret)
	if m == nil || !accepted.After(came) && m.checkLately(ctx) != nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.members[m.person.ID] != m || m.IsOver() {
		return nil // its last session has left meanwhile
	}
	return b.sessionOf(m, device)
}

// recent finds the member that has logged in with a secret a moment ago, and when
// Directus accepted that.
func (b *Backend) recent(secret guard.SecretHash) (m *member, accepted time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.members {
		if m.secret == secret && time.Since(m.accepted) < rejoinTime && !m.IsOver() {
			return m, m.accepted
		}
	}
	return nil, time.Time{}
}
