package directus

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode"
)

// own compares the user to whom Directus says the account's credentials belong with the
// account's own user. An administrator can give a static token, or a session, to another
// user; the account must then act as its user or not at all. The error is final and wraps
// ErrOtherUser.
func (a *Account) own(id string) error {
	if id == a.id {
		return nil
	}
	return a.finish(ErrOtherUser)
}

// verify asks Directus whether the credentials still belong to the account's user. It
// returns nil, ErrLoggedOut, or an error that says nothing about the account.
func (a *Account) verify(ctx context.Context) error {
	_, err := a.me(ctx, []string{"id"})
	return err
}

// prove is verify for a static token. An access token needs none, because it names its
// user and Directus has signed it.
func (a *Account) prove(ctx context.Context) error {
	if !a.static {
		return nil
	}
	return a.verify(ctx)
}

// adopt checks that a session that came in exchange for the refresh token belongs to the
// account's user. If it does not, or if that cannot be found out, it ends the session and
// the account.
func (a *Account) adopt(ctx context.Context, s session) error {
	id, err := a.client.userOf(ctx, s)
	if err == nil {
		err = a.own(id)
	}
	if err == nil {
		return nil
	}
	a.client.endSession(ctx, s.RefreshToken)
	return a.finish(err)
}

// finish ends the account because of cause, and returns the error that later calls get: an
// ErrLoggedOut with the first cause.
func (a *Account) finish(cause error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over == nil {
		a.over = fmt.Errorf("%w: %w", ErrLoggedOut, cause)
		a.token, a.refresh = token{}, ""
		a.announce()
		a.log.Info().Err(cause).Msg("directus session over")
	}
	return a.over
}

// userOf returns the id of the user to whom a session belongs. It asks Directus only if the
// access token does not say.
func (c *Client) userOf(ctx context.Context, s session) (string, error) {
	if cl, ok := parseClaims(s.AccessToken); ok && cl.ID != "" {
		return cl.ID, nil
	}
	return c.whoAmI(ctx, s.AccessToken)
}

// whoAmI asks Directus for the id of the user to whom an access token or static token
// belongs.
func (c *Client) whoAmI(ctx context.Context, accessToken string) (string, error) {
	if accessToken == "" || strings.ContainsFunc(accessToken, unicode.IsControl) {
		// A header cannot carry it, so it is no token. Directus would say the same.
		return "", &Error{Status: http.StatusUnauthorized, Code: CodeInvalidCredentials, Message: "not a token"}
	}
	var me User
	err := c.do(ctx, call{
		method: http.MethodGet, path: "/users/me", query: url.Values{"fields": {"id"}},
		token: accessToken, out: &me,
	})
	if err != nil {
		return "", err
	}
	if me.ID() == "" {
		return "", ErrNoUser
	}
	return me.ID(), nil
}
