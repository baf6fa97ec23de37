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

// attempt is one way to interpret the credentials that a client has given.
type attempt struct {
	name     string // an e-mail address, or what the provider knows the user by; empty: token is set
	password string
	token    string
}

// scheme says what a password belongs to. All passwords go to one provider of Directus: a
// user can log in with one only, and trying several in turn would count wrong passwords
// against people who have done nothing wrong.
type scheme struct {
	provider string // of Directus' AUTH_PROVIDERS; empty: its own login
	template string // makes a name of a nick; empty: a nick is no name
}

// tokenAccount stands for the account where the secret is a token.
const tokenAccount = "token"

// isName reports whether an account, or what stands before the ":" of a PASS, is taken as it
// is, and not for a nick or a part of a password.
func (w scheme) isName(s string) bool {
	return strings.Contains(s, "@") || w.provider != "" && w.template == "" && s != ""
}

// inPass splits PASS name:password. Some clients send that as the SASL password too, with
// the nick as the account; a provider that has names without "@" would leave in doubt what
// such an account is, so that is taken for the name there.
func (w scheme) inPass(cred ircd.Credentials) (name, password string, ok bool) {
	if cred.Account == tokenAccount || w.isName(cred.Account) || w.provider != "" && cred.Account != "" {
		return "", "", false
	}
	name, password, ok = strings.Cut(cred.Secret, ":")
	return name, password, ok && (w.isName(name) || strings.HasPrefix(name, tokenAccount+"/"))
}

// attempts lists the possible interpretations of credentials, in the order to try them. If
// both are possible, a token comes before a password: a wrong token costs nothing, while
// Directus suspends an account after 26 wrong passwords. "token:" marks a token in PASS, as the
// account of that name does with SASL, for one that would be taken for a name and a password.
func (w scheme) attempts(cred ircd.Credentials) []attempt {
	if cred.Account == tokenAccount {
		return []attempt{{token: cred.Secret}}
	}
	if w.isName(cred.Account) {
		return []attempt{{name: cred.Account, password: cred.Secret}}
	}
	var list []attempt
	if token, ok := strings.CutPrefix(cred.Secret, tokenAccount+":"); ok && cred.Account == "" && !strings.Contains(token, " ") {
		list = append(list, attempt{token: token})
	}
	if name, password, ok := w.inPass(cred); ok {
		return append(list, attempt{name: name, password: password})
	}
	if cred.Account == "" && !strings.ContainsAny(cred.Secret, " ") {
		list = append(list, attempt{token: cred.Secret})
	}
	if nick := cmp.Or(cred.Account, cred.Nick); w.template != "" && nick != "" {
		list = append(list, attempt{name: strings.ReplaceAll(w.template, "{nick}", nick), password: cred.Secret})
	}
	return list
}

// account returns the name of the attempt's account for the guard: users of different
// providers are different accounts. It is empty for a token.
func (w scheme) account(a attempt) string {
	if w.provider == "" || a.name == "" {
		return a.name
	}
	return w.provider + " " + a.name
}

// open logs in at Directus, once.
func (w scheme) open(ctx context.Context, client *directus.Client, a attempt, otp string) (*directus.Account, error) {
	if a.token != "" {
		return client.LoginToken(ctx, a.token)
	}
	return client.LoginWith(ctx, w.provider, a.name, a.password, otp)
}

// login tries the interpretations of the credentials until Directus accepts one. The error
// is an *ircd.LoginError or the error of ctx.
func (b *Backend) login(ctx context.Context, w scheme, cred ircd.Credentials, from device) (*session, error) {
	list := w.attempts(cred)
	if len(list) == 0 {
		return nil, &ircd.LoginError{Reason: ircd.Rejected, Text: w.help()}
	}
	var last error
	for i, a := range list {
		s, err := b.try(ctx, w, a, cred, from, i == len(list)-1)
		if err == nil {
			return s, nil
		}
		if le, ok := err.(*ircd.LoginError); ok && le.Reason != ircd.Rejected {
			return nil, err
		}
		last = err
	}
	if _, _, named := w.inPass(cred); cred.Account == "" && !named {
		if le, ok := last.(*ircd.LoginError); ok {
			hinted := *le
			hinted.Hint = w.help()
			last = &hinted
		}
	}
	return nil, last
}

// try makes one login attempt, unless the guard refuses it. If the credentials have several
// interpretations, a refused token counts as a failed login only if it is the last of them.
func (b *Backend) try(ctx context.Context, w scheme, a attempt, cred ircd.Credentials, from device, last bool) (*session, error) {
	name, secret := w.account(a), a.password+a.token+"\x00"+cred.OTP
	if err := b.guard.Refuses(cred.Remote, name, secret); err != nil {
		return nil, err
	}
	came := time.Now()
	known := func() *session {
		if cred.OTP != "" {
			return nil
		}
		return b.join(ctx, b.guard.NewTicket(name, secret).Hash, a.token != "", from, came)
	}
	if s := known(); s != nil {
		return s, nil
	}
	// Wait at the gate before guard.Begin, which limits the logins under way from one
	// address. Otherwise it would refuse many clients behind one gateway, which all come
	// back at once after a restart.
	leave, err := b.plan.Load().gate.Enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	ctx = directus.Ahead(ctx)   // bounded by the gate
	if s := known(); s != nil { // another client of the user has logged in meanwhile
		return s, nil
	}
	ticket, err := b.guard.Begin(cred.Remote, name, secret)
	if err != nil {
		return nil, err
	}
	account, err := w.open(ctx, b.opts.Client, a, cred.OTP)
	if err == nil {
		ticket.Accepted()
		return b.admit(ctx, account, ticket.Hash, from)
	}
	refusal := w.loginError(err)
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

// isUncounted reports that a login failed before Directus checked the password. After any
// other failure the password may have been checked, and the attempt counts as a failed one
// until the next success.
func isUncounted(err error) bool {
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
		return true
	}
	answer, ok := errors.AsType[*directus.Error](err)
	return ok && answer.Status != http.StatusGatewayTimeout && answer.Code != directus.CodeResourceRestricted
}

// device is what a client calls itself in its login, behind the account.
type device struct {
	name string // empty: none was given, and what the client has received is not kept
	bot  bool   // the client is a program, which must not take old messages for new ones
}

// maxDevice is the longest name of a device, in bytes, and inDevice the characters that it may have.
const (
	maxDevice = 32
	inDevice  = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
)

// botDevice marks the login of a bot, which has no name then. A name may follow, after a "-".
const botDevice = "bot"

// deviceOf cuts the name of a device off the account in credentials, be it the SASL account
// or what stands in front of a password. The error is an *ircd.LoginError.
func (w scheme) deviceOf(cred ircd.Credentials) (ircd.Credentials, device, error) {
	var inAccount, inSecret string
	var err error
	if cred.Account, inAccount, err = cutDevice(cred.Account); err != nil {
		return cred, device{}, err
	}
	if name, password, ok := w.inPass(cred); ok {
		if name, inSecret, err = cutDevice(name); err != nil {
			return cred, device{}, err
		}
		if cred.Secret = name + ":" + password; name == tokenAccount && inSecret != "" {
			cred.Account, cred.Secret = name, password
		}
	}
	return cred, marked(cmp.Or(inAccount, inSecret)), nil
}

// marked is the device of a name, which may be the mark of a bot.
func marked(name string) device {
	mark, more, named := strings.Cut(name, "-")
	if !strings.EqualFold(mark, botDevice) || named && more == "" {
		return device{name: name}
	}
	if !named {
		name = ""
	}
	return device{name: name, bot: true}
}

// CutDevice cuts what follows the account off a login, as in kevin@example.com/laptop: the
// name of a device, or the mark of a bot. The error is an *ircd.LoginError. The check command
// calls it.
func CutDevice(login string) (account, name string, bot bool, err error) {
	account, name, err = cutDevice(login)
	d := marked(name)
	return account, d.name, d.bot, err
}

// cutDevice cuts the name of a device off an account. It follows the first "/"; in an e-mail
// address, the first "/" after the "@". The error is an *ircd.LoginError.
func cutDevice(login string) (account, name string, err error) {
	at := strings.LastIndexByte(login, '@') + 1
	i := strings.IndexByte(login[at:], '/')
	if i < 0 {
		return login, "", nil
	}
	account, name = login[:at+i], login[at+i+1:]
	if len(name) == 0 || len(name) > maxDevice || strings.ContainsFunc(name, func(r rune) bool { return !strings.ContainsRune(inDevice, r) }) {
		return "", "", &ircd.LoginError{Reason: ircd.Rejected, Text: fmt.Sprintf(
			"The name of your device, after the /, must be 1 to %d letters, digits, dots, hyphens and underscores", maxDevice)}
	}
	return account, name, nil
}

// rejoinTime is how long a password that Directus has accepted lets further clients join the
// user's member without a login. Directus ends the member's session when the password, the
// e-mail address or the status changes, but not when a second factor is switched on, and so
// there is a limit. A token has no second factor, and no limit: to renew its session is to ask
// whose it is, as a login does.
const rejoinTime = 5 * time.Minute

// join adds a session to the member that has logged in with the same secret, be it a token or a
// password that Directus has accepted within rejoinTime. It renews the member's Directus session instead of checking the password: that
// costs Directus a twentieth, and fails if the password was changed. Of several clients at
// once (came is when this one came) one renewal serves all. join returns nil if the client
// has to log in.
func (b *Backend) join(ctx context.Context, secret guard.SecretHash, token bool, from device, came time.Time) *session {
	m, accepted := b.recent(secret, token)
	if m == nil || !accepted.After(came) && m.checkLately(ctx) != nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.members[m.person.ID] != m || m.IsOver() {
		return nil // the member was closed meanwhile
	}
	return b.sessionOf(m, from)
}

// recent finds a member by a secret that Directus has accepted, within rejoinTime unless it is a
// token, and when it did; nil if there is none.
func (b *Backend) recent(secret guard.SecretHash, token bool) (m *member, accepted time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.members {
		if m.secret == secret && (token || time.Since(m.accepted) < rejoinTime) && !m.IsOver() {
			return m, m.accepted
		}
	}
	return nil, time.Time{}
}
