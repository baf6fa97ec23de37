package directus

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// An Account is a logged-in user. It is safe for concurrent use.
type Account struct {
	// Static after construction.
	client *Client
	id     string
	static bool // a static token: never expires, is never refreshed
	log    zerolog.Logger

	// Guarded by mu, which is held over no network call.
	mu      sync.Mutex
	token   token
	refresh string        // refresh token; rotates with every use
	over    error         // why the account is finished; nil while it can be used
	flight  chan struct{} // closed at the end of the refresh that is under way; nil if none is
	failed  time.Time     // when Directus last could not answer a refresh; zero after a success
	failure error         // the error of that refresh
	renewed int           // number of refreshes that succeeded
	checks  int           // number of times the token was renewed or verified, plus one when over is set
	keepers []*errand     // keeping of each open link: rung whenever checks grows
}

// A token is an access token with its times on the local clock.
type token struct {
	value   string
	expires time.Time // the token must not be used from then on; zero: it never expires
	renew   time.Time // a new token should be fetched from then on; zero: never
}

// session is the answer of POST /auth/login and /auth/refresh in mode json.
type session struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	Expires      int64  `json:"expires"` // milliseconds
}

// abandon is how long a login or a refresh continues after its caller has given up.
// Without the answer nobody could log out the session that Directus has just opened.
const abandon = 2 * time.Second

// loginPath is the route of Directus' own login; those of further providers are below it.
const loginPath = "/auth/login"

// Login opens a Directus session with an e-mail address and a password; otp is
// the one-time code of an account with two-factor authentication, else empty.
// It asks once, because Directus suspends an account after some wrong attempts.
//
// A refusal is an *Error with CodeInvalidCredentials (wrong password, unknown or
// inactive user), CodeInvalidOTP (right password, code missing or wrong),
// CodeInvalidPayload (not an e-mail address) or CodeRouteNotFound (that login is off),
// or it is ErrNoUser. ErrUnavailable says nothing about the credentials. The caller ends
// the account with Logout.
func (c *Client) Login(ctx context.Context, email, password, otp string) (*Account, error) {
	return c.LoginWith(ctx, "", email, password, otp)
}

// LoginWith is Login with a provider of Directus' AUTH_PROVIDERS whose driver is ldap or
// local; empty: Directus' own login. name is what that provider knows the user by: for
// ldap a value of its AUTH_…_USER_ATTRIBUTE, else an e-mail address. A Directus user can
// log in with one provider only.
//
// Further refusals are CodeRouteNotFound (no such provider, or none that takes passwords)
// and CodeInvalidProvider (the person is new, and has the e-mail address of another
// user). CodeServiceUnavailable and CodeInvalidProviderConfig are about the directory
// behind the provider; Directus may then have counted the attempt as a wrong password.
func (c *Client) LoginWith(ctx context.Context, provider, name, password, otp string) (*Account, error) {
	body := map[string]string{"email": name, "password": password, "mode": "json"}
	path := loginPath
	if provider != "" {
		path += "/" + url.PathEscape(provider)
		body["identifier"] = name // of ldap; either driver ignores the name of the other's field
	}
	if otp != "" {
		body["otp"] = otp
	}
	started := time.Now()
	s, err := c.authenticate(ctx, path, body)
	if err != nil {
		return nil, fmt.Errorf("log in: %w", err)
	}
	id, err := c.userOf(ctx, s)
	if err != nil {
		c.endSession(ctx, s.RefreshToken)
		return nil, fmt.Errorf("log in: %w", err)
	}
	a := &Account{client: c, id: id, token: s.token(started), refresh: s.RefreshToken, log: c.log.Hook(UserLabel(id))}
	if ctx.Err() != nil { // nobody is left to use it
		c.endSession(ctx, s.RefreshToken)
		return nil, fmt.Errorf("log in: %w", ctx.Err())
	}
	return a, nil
}

// LoginToken returns the account that a static token belongs to, which it asks
// GET /users/me. A refusal is an *Error with CodeInvalidCredentials, or ErrNoUser.
func (c *Client) LoginToken(ctx context.Context, value string) (*Account, error) {
	id, err := c.whoAmI(ctx, value)
	if err != nil {
		return nil, fmt.Errorf("log in by token: %w", err)
	}
	return &Account{
		client: c, id: id, static: true, token: token{value: value},
		log: c.log.Hook(UserLabel(id)),
	}, nil
}

// authenticate posts to a route that opens or renews a session. It goes on for
// abandon after the end of ctx: if nobody read the answer, a new session would stay
// open on the server, and the rotated refresh token of an old one would be lost.
func (c *Client) authenticate(ctx context.Context, path string, body any) (session, error) {
	if err := ctx.Err(); err != nil {
		return session{}, err
	}
	outer := ctx
	ctx, cancel := context.WithCancel(context.WithoutCancel(outer))
	defer cancel()
	stop := context.AfterFunc(outer, func() { time.AfterFunc(abandon, cancel) })
	defer stop()
	var s session
	if err := c.do(ctx, call{method: http.MethodPost, path: path, body: body, out: &s}); err != nil {
		if outer.Err() != nil {
			return session{}, outer.Err()
		}
		return session{}, err
	}
	if s.AccessToken == "" || s.RefreshToken == "" {
		return session{}, &Error{Status: http.StatusOK, Message: "the answer holds no session: check the URL of directus"}
	}
	return s, nil
}

// endSession ends the session of a refresh token. It takes at most abandon and works
// after the end of ctx too. A failure is only logged.
func (c *Client) endSession(ctx context.Context, refreshToken string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abandon)
	defer cancel()
	if err := c.logout(ctx, refreshToken); err != nil {
		c.log.Warn().Err(err).Msg("end an abandoned directus session")
	}
}

func (c *Client) logout(ctx context.Context, refreshToken string) error {
	return c.do(ctx, call{
		method: http.MethodPost, path: "/auth/logout",
		body: map[string]string{"refresh_token": refreshToken, "mode": "json"},
	})
}

// ID is the user's id, constant for the life of the account.
func (a *Account) ID() string { return a.id }

// Logout ends the Directus session; for a static token it only ends the
// account. Every later call of the account fails with ErrLoggedOut. Directus
// cannot revoke the access token, so the caller must stop the account's Realtime too.
func (a *Account) Logout(ctx context.Context) error {
	for {
		a.mu.Lock()
		if a.over != nil {
			a.mu.Unlock()
			return nil
		}
		flight := a.flight
		if flight == nil || ctx.Err() != nil {
			break
		}
		a.mu.Unlock()
		select { // the refresh rotates the token that is to be ended
		case <-flight:
		case <-ctx.Done(): // then the refresh itself ends the session
		}
	}
	refreshToken, running := a.refresh, a.flight != nil
	a.over = ErrLoggedOut
	a.token, a.refresh = token{}, ""
	a.mu.Unlock()
	if a.static || running {
		return nil
	}
	if err := a.client.logout(ctx, refreshToken); err != nil {
		return fmt.Errorf("log out: %w", err)
	}
	return nil
}

// Do makes a REST call as the user; use it for routes that have no method here. path
// is relative to the base URL ("/collections/messages"). query and body may be nil.
// out, unless nil, receives the "data" member of the answer, with strings cut at
// MaxString. If Directus refuses the token, Do renews it and repeats the call once.
func (a *Account) Do(ctx context.Context, method, path string, query url.Values, body, out any) error {
	return a.call(ctx, call{method: method, path: path, query: query, body: body, out: out})
}

func (a *Account) call(ctx context.Context, k call) error {
	if k.changes() { // who is stored as the author cannot be corrected later
		if err := a.prove(ctx); err != nil {
			return err
		}
	}
	for repeated := false; ; repeated = true {
		t, err := a.current(ctx)
		if err != nil {
			return err
		}
		k.token = t.value
		if err = a.client.do(ctx, k); err == nil || !refusesToken(err) {
			return err
		}
		if a.static {
			return a.finish(err)
		}
		if repeated {
			return err
		}
		a.invalidate(t.value)
	}
}

// refusesToken reports whether err is a refusal of the bearer token as such.
func refusesToken(err error) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return false
	}
	switch e.Code {
	case CodeTokenExpired, CodeInvalidToken, CodeUserSuspended:
		return true
	}
	return e.Status == http.StatusUnauthorized && e.Code == CodeInvalidCredentials
}
