package check

import (
	"crypto/x509"
	"errors"
	"net"
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
	case trustHint(err) != "":
		return trustHint(err)
	case errors.Is(err, http.ErrSchemeMismatch):
		return "write http:// instead of https:// in " + setting
	case u.Scheme == "http" && refused && refusal.Status == http.StatusBadRequest:
		return "write https:// instead of http:// in " + setting + " if the port expects TLS"
	case refused && refusal.Status == http.StatusNetworkAuthenticationRequired:
		return "log in to this network first, whose portal answers in place of Directus, or check " + setting
	case refused && refusal.Code == "" && refusal.Status >= 300 && refusal.Status < 400:
		return "write the address that it redirects to in " + setting + ", if it is that of Directus; log in to this network first if it is that of a portal"
	case refused && refusal.Code == "" && refusal.Status >= 502 && refusal.Status <= 504:
		return "look whether Directus runs, and at which address the proxy expects it: the proxy in front of Directus answers, but Directus does not. Check " + setting
	case errors.Is(err, directus.ErrNotDirectus):
		return "check " + setting + ": it must be the address of Directus itself, including the path if a proxy serves it under one"
	case directus.ProxyFor(u) != "":
		return "check " + setting + ", and that the proxy " + directus.ProxyFor(u) + " (HTTPS_PROXY or HTTP_PROXY) runs and reaches Directus; to go without it, name the host in NO_PROXY"
	default:
		return "check " + setting + ", and that Directus runs and can be reached from this machine"
	}
}

// trustHint says what to do if one side does not accept the certificate of the other; it is
// empty for any other error. The keys are those of directus in the configuration, the flags
// those of setup.
func trustHint(err error) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var alert *net.OpError
	switch {
	case errors.As(err, &unknown):
		return "name the PEM file of the authority that signed the certificate of Directus in directus.ca (setup: --ca)"
	case errors.As(err, &name):
		return "use a host name that the certificate of Directus is for, or get a certificate for this one"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "renew the certificate of Directus, or set the clock of this machine if that is wrong"
	case errors.As(err, &alert) && alert.Op == "remote error", errors.Is(err, directus.ErrClientCertificate):
		return "set directus.client_certificate (setup: --client-cert, --client-key) to a certificate that the proxy in front of Directus accepts"
	}
	return ""
}

// LoginHint says what to do about a failed login.
func LoginHint(err error) string {
	switch {
	case directus.IsCode(err, directus.CodeInvalidProviderConfig), directus.IsCode(err, directus.CodeServiceUnavailable) && strings.Contains(err.Error(), `"ldap"`):
		return "look into the log of Directus: the directory (LDAP) does not let it ask about this user. This says nothing about the credentials"
	case directus.IsCode(err, directus.CodeInvalidProvider):
		return "correct the e-mail address in the directory (LDAP) or in Directus: another user of Directus has that of this person"
	case directus.IsCode(err, directus.CodeRouteNotFound):
		return "set login.provider to one of Directus that takes passwords, or use --token"
	case errors.Is(err, directus.ErrUnavailable):
		return "this says nothing about the credentials: try again when Directus answers"
	case directus.IsCode(err, directus.CodeInvalidOTP):
		return "the account has two-factor authentication: add --otp with a code that is valid now"
	default:
		return "check the credentials, and in Directus that the account is active. Directus suspends an account after 25 wrong passwords"
	}
}
