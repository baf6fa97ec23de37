package check

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"directus-ircd/directus"
)

// ReachHint says what to do about an address at which Directus does not answer. setting is
// what holds the address, err why Directus does not answer there.
func ReachHint(setting, address string, err error) string {
	u, broken := url.Parse(address)
	if broken != nil {
		u = &url.URL{}
	}
	refusal, refused := errors.AsType[*directus.Error](err)
	// Someone who opens Directus in a browser copies the address of its app.
	_, _, inApp := strings.Cut(u.Path+"/", "/admin/")
	switch {
	case inApp:
		return "leave out /admin and what follows in " + setting
	case errors.Is(err, http.ErrSchemeMismatch):
		return "write http:// instead of https:// in " + setting
	case u.Scheme == "http" && refused && refusal.Status == http.StatusBadRequest:
		return "write https:// instead of http:// in " + setting + " if TLS is spoken there"
	case errors.Is(err, directus.ErrNotDirectus):
		return "check " + setting + ": it must be the address of Directus itself, with the path under which a proxy serves it, if any"
	default:
		return "check " + setting + ", and that Directus runs and can be reached from here"
	}
}

// LoginHint says what to do about a login that did not succeed.
func LoginHint(err error) string {
	switch {
	case errors.Is(err, directus.ErrUnavailable):
		return "nothing is wrong with the credentials: try again when Directus answers"
	case directus.IsCode(err, directus.CodeInvalidOTP):
		return "the account has two-factor authentication: add --otp with a code that is valid now"
	default:
		return "check the credentials; a suspended or invited account is refused in the same way. Directus suspends an account after 25 wrong passwords"
	}
}
