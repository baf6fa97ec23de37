package directus

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Codes of Directus, as Error.Code carries them.
const (
	CodeAuthFailed            = "AUTH_FAILED"
	CodeAuthTimeout           = "AUTH_TIMEOUT"
	CodeCollectionInactive    = "COLLECTION_INACTIVE"
	CodeContentTooLarge       = "CONTENT_TOO_LARGE"
	CodeFailedValidation      = "FAILED_VALIDATION"
	CodeForbidden             = "FORBIDDEN"
	CodeInternal              = "INTERNAL_SERVER_ERROR"
	CodeInvalidCollection     = "INVALID_COLLECTION"
	CodeInvalidCredentials    = "INVALID_CREDENTIALS"
	CodeInvalidForeignKey     = "INVALID_FOREIGN_KEY"
	CodeInvalidIP             = "INVALID_IP"
	CodeInvalidOTP            = "INVALID_OTP"
	CodeInvalidPayload        = "INVALID_PAYLOAD"
	CodeInvalidProvider       = "INVALID_PROVIDER"
	CodeInvalidProviderConfig = "INVALID_PROVIDER_CONFIG"
	CodeInvalidQuery          = "INVALID_QUERY"
	CodeInvalidToken          = "INVALID_TOKEN"
	CodeLimitExceeded         = "LIMIT_EXCEEDED"
	CodeNotNullViolation      = "NOT_NULL_VIOLATION"
	CodeRecordNotUnique       = "RECORD_NOT_UNIQUE"
	CodeRequestsExceeded      = "REQUESTS_EXCEEDED"
	CodeResourceRestricted    = "RESOURCE_RESTRICTED"
	CodeRouteNotFound         = "ROUTE_NOT_FOUND"
	CodeServiceUnavailable    = "SERVICE_UNAVAILABLE"
	CodeTokenExpired          = "TOKEN_EXPIRED"
	CodeUserSuspended         = "USER_SUSPENDED"
	CodeValueOutOfRange       = "VALUE_OUT_OF_RANGE"
	CodeValueTooLong          = "VALUE_TOO_LONG"
)

var (
	// ErrNotConnected says that a request was certainly not sent.
	ErrNotConnected = errors.New("not connected to directus")
	// ErrUnconfirmed says that a request was sent and no answer came: Directus may
	// have carried it out. Read what is stored before you repeat the request.
	ErrUnconfirmed = errors.New("no answer from directus, perhaps carried out")
	// ErrUnavailable says that Directus could not be reached or could not answer
	// (network error, time-out, 5xx, 429, a locked licence, an answer that is
	// not from Directus). It says nothing about the credentials.
	ErrUnavailable = errors.New("directus is unavailable")
	// ErrNotDirectus says that something other than Directus answers at the address.
	ErrNotDirectus = errors.New("something answers there that is not directus")
	// ErrClientCertificate says that the proxy in front of Directus wants another client
	// certificate than that of Options.TLS, or one at all.
	ErrClientCertificate = errors.New("the proxy in front of directus wants a client certificate that it trusts")
	// ErrTooLarge says that an answer was larger than Options.MaxAnswer or
	// Query.MaxAnswer. Ask for fewer items or fields.
	ErrTooLarge = errors.New("too large an answer")
	// ErrNoUser says that Directus accepts the credentials but that they belong to no
	// user. The token of a share is an example.
	ErrNoUser = errors.New("the credentials are no user's, as a share's token is not: log in as a user")
	// ErrOtherUser is the cause of an ErrLoggedOut when the credentials of the account
	// now belong to another user.
	ErrOtherUser = errors.New("the credentials have become another user's")
	// ErrLoggedOut says that the Directus session of an Account is over for
	// good: the refresh token or the static token was refused (password
	// changed, user suspended or deleted, token replaced) or Logout was called.
	// Only a new Login helps.
	ErrLoggedOut = errors.New("the directus session is over, log in again")
)

// Reasons why a realtime link cannot be opened that only an operator can
// remove. State.Err wraps them, and their text says what to do.
var (
	ErrWebSocketsOff = errors.New("directus serves no WebSocket: " +
		"set WEBSOCKETS_ENABLED=true and WEBSOCKETS_REST_ENABLED=true in its environment and restart it")
	ErrUpgradeUnanswered = errors.New("the WebSocket upgrade got no answer: " +
		"check WEBSOCKETS_REST_PATH, and that a proxy in front of directus passes Upgrade requests")
	ErrUpgradeRefused = errors.New("directus refused the WebSocket upgrade (403): " +
		"check WEBSOCKETS_REST_CONN_LIMIT and, on Directus 12, the state of the licence")
)

// An Error is a refusal by Directus, over REST or over a socket.
type Error struct {
	// Status is the HTTP status; 0 for an error frame of a socket.
	Status int
	// Code is one of the Code constants or another code of Directus. It is empty if
	// the answer did not come from Directus but, for example, from a proxy.
	Code string
	// Message is the text of Directus. It may quote what the user wrote
	// (VALUE_TOO_LONG), so it may be shown to that user but must not be logged.
	Message string
	// Category, Collection and Field are the extensions of the same names, if
	// Directus sent them. Category names a limit or feature of the licence;
	// Collection and Field say where a value was refused.
	Category, Collection, Field string
	// RetryAfter is how long Directus asks to wait; 0 if it did not say.
	RetryAfter time.Duration

	server      string // header Server
	certificate bool   // the answer is about the client certificate
}

// quotable lists the codes whose messages hold only fixed words and names of the
// schema, so that they may be logged.
var quotable = map[string]bool{
	CodeCollectionInactive: true,
	CodeForbidden:          true,
	CodeInvalidCollection:  true,
	CodeLimitExceeded:      true,
	CodeRequestsExceeded:   true,
	CodeResourceRestricted: true,
	CodeRouteNotFound:      true,
	CodeServiceUnavailable: true,
	CodeNotNullViolation:   true,
	"":                     true, // our own words about an answer that is not of Directus
}

// Error names the code and the status. It adds the message only if that cannot quote
// an item, so the result may be logged.
func (e *Error) Error() string {
	var parts []string
	if e.Code != "" {
		parts = append(parts, e.Code)
	}
	if e.Status != 0 {
		parts = append(parts, fmt.Sprintf("(HTTP %d)", e.Status))
	}
	text := strings.Join(parts, " ")
	if quotable[e.Code] && e.Message != "" {
		text += ": " + e.Message
	}
	return text
}

// Is makes errors.Is(err, ErrUnavailable) true for answers that are about the state of
// Directus and not about the request, and errors.Is(err, ErrClientCertificate) for what a
// proxy says about the client certificate.
func (e *Error) Is(target error) bool {
	if target != ErrUnavailable {
		return target == ErrClientCertificate && e.certificate
	}
	switch e.Code {
	case CodeRequestsExceeded, CodeServiceUnavailable, "":
		return true
	case CodeResourceRestricted: // Directus 12, locked licence: POST /auth/login and /auth/refresh
		return e.Category == "login"
	}
	return e.Status >= http.StatusInternalServerError || e.Status == http.StatusTooManyRequests
}

// InDoubt reports whether the answer came from a proxy while Directus may still have got
// the request and carried it out: a proxy that waited in vain answers 502 or 504. A 503 of
// nginx is not in doubt, because nginx sends it without passing the request on.
func (e *Error) InDoubt() bool {
	refused := e.Status >= http.StatusMultipleChoices && e.Status < http.StatusInternalServerError ||
		e.Status == http.StatusServiceUnavailable && strings.HasPrefix(e.server, "nginx")
	return e.Code == "" && !refused
}

// IsCode reports whether err is or wraps an *Error with that code.
func IsCode(err error, code string) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Code == code
}

// An Outcome is how a request has ended, in a word.
type Outcome string

// The outcomes.
const (
	// OutcomeOK: Directus did what it was asked for.
	OutcomeOK Outcome = "ok"
	// OutcomeRefused: Directus answered that it does not do it, as for a wrong password, a
	// token that has expired, or a lack of permission.
	OutcomeRefused Outcome = "refused"
	// OutcomeLimited: Directus, or a proxy, answered that there are too many requests.
	OutcomeLimited Outcome = "limited"
	// OutcomeUnavailable: no answer came in time, or one that is about the state of Directus:
	// see ErrUnavailable.
	OutcomeUnavailable Outcome = "unavailable"
	// OutcomeCanceled: nobody waited for the answer any more.
	OutcomeCanceled Outcome = "canceled"
)

func outcomeOf(err error) Outcome {
	refusal, answered := errors.AsType[*Error](err)
	switch {
	case err == nil:
		return OutcomeOK
	case errors.Is(err, context.Canceled):
		return OutcomeCanceled
	case answered && (refusal.Status == http.StatusTooManyRequests || refusal.Code == CodeRequestsExceeded):
		return OutcomeLimited
	case answered && !errors.Is(err, ErrUnavailable), errors.Is(err, errRejected):
		return OutcomeRefused
	}
	return OutcomeUnavailable
}

// retryAfter is how long Directus asked to wait, according to err; 0 if it did not.
func retryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.RetryAfter
	}
	return 0
}

// isRefusal reports whether err is an answer about the request and not about the
// state of Directus.
func isRefusal(err error) bool {
	_, ok := errors.AsType[*Error](err)
	return ok && !errors.Is(err, ErrUnavailable)
}
