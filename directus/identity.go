package directus

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode"
)

// own compares the user that Directus took the account's credentials for with the one
// that the account is of. A static token may be given to another user, and so may all
// else that a session is made of: whoever reads or writes by the account is to be its
// user or nobody. The error is final, and says ErrOtherUser.
func (a *Account) own(id string) error {
	if id == a.id {
		return nil
	}
	return a.finish(ErrOtherUser)
}

// verify asks Directus whether the account still exists, and is of the same user: nil,
// ErrLoggedOut, or an error that says nothing about it.
func (a *Account) verify(ctx context.Context) error {
	_, err := a.me(ctx, []string{"id"})
	return err
}

// prove is verify where the user is not known from a token that Directus signed for
// that user.
func (a *Account) prove(ctx context.Context) error {
	if !a.static {
		return nil
	}
	return a.verify(ctx)
}

// adopt makes sure of the user of a session that came in exchange for the refresh token.
// No session goes on of which that is not known.
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

// finish marks the account as over and returns the error that says so.
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

// userOf is the id of the user that a session is of.
func (c *Client) userOf(ctx context.Context, s session) (string, error) {
	if cl, ok := parseClaims(s.AccessToken); ok && cl.ID != "" {
		return cl.ID, nil
	}
	return c.whoAmI(ctx, s.AccessToken)
}

func (c *Client) whoAmI(ctx context.Context, accessToken string) (string, error) {
	if accessToken == "" || strings.ContainsFunc(accessToken, unicode.IsControl) {
		// No token, and nothing that a header can carry: refused here as there.
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
