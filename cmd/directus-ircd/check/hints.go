package check

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"directus-ircd/directus"
)

// ReachHint says what to do about an address at which Directus does not answer. setting names
// the flag or key that holds the address; err is the error of the attempt.
func ReachHint(setting, address string, err error) string {
	u, broken := url.Parse(address)
	if broken != nil {
		u = &url.URL{}
	}
	refusal, refused := errors.AsType[*directus.Error](err)
	// People copy the address of the Directus app from their browser.
	_, _, inApp := strings.Cut(u.Path+"/", "/admin/")
	switch {
	case inApp:
		return "leave out /admin and what follows in " + setting
	case errors.Is(err, http.ErrSchemeMismatch):
		return "write http:// instead of https:// in " + setting
	case u.Scheme == "http" && refused && refusal.Status == http.StatusBadRequest:
		return "write https:// instead of http:// in " + setting + " if the port expects TLS"
	case errors.Is(err, directus.ErrNotDirectus):
		return "check " + setting + ": it must be the address of Directus itself, including the path if a proxy serves it under one"
	default:
		return "check " + setting + ", and that Directus runs and can be reached from this machine"
	}
}

// LoginHint says what to do about a failed login.
func LoginHint(err error) string {
	switch {
	case errors.Is(err, directus.ErrUnavailable):
		return "this says nothing about the credentials: try again when Directus answers"
	case directus.IsCode(err, directus.CodeInvalidOTP):
		return "the account has two-factor authentication: add --otp with a code that is valid now"
	default:
		return "check the credentials, and in Directus that the account is active. Directus suspends an account after 25 wrong passwords"
	}
}
