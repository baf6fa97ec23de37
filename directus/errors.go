package directus

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Codes of Directus, as Error.Code carries them.
const (
	CodeAuthFailed         = "AUTH_FAILED"
	CodeAuthTimeout        = "AUTH_TIMEOUT"
	CodeCollectionInactive = "COLLECTION_INACTIVE"
	CodeContentTooLarge    = "CONTENT_TOO_LARGE"
	CodeFailedValidation   = "FAILED_VALIDATION"
	CodeForbidden          = "FORBIDDEN"
	CodeInternal           = "INTERNAL_SERVER_ERROR"
	CodeInvalidCollection  = "INVALID_COLLECTION"
	CodeInvalidCredentials = "INVALID_CREDENTIALS"
	CodeInvalidForeignKey  = "INVALID_FOREIGN_KEY"
	CodeInvalidIP          = "INVALID_IP"
	CodeInvalidOTP         = "INVALID_OTP"
	CodeInvalidPayload     = "INVALID_PAYLOAD"
	CodeInvalidProvider    = "INVALID_PROVIDER"
	CodeInvalidQuery       = "INVALID_QUERY"
	CodeInvalidToken       = "INVALID_TOKEN"
	CodeLimitExceeded      = "LIMIT_EXCEEDED"
	CodeNotNullViolation   = "NOT_NULL_VIOLATION"
	CodeRecordNotUnique    = "RECORD_NOT_UNIQUE"
	CodeRequestsExceeded   = "REQUESTS_EXCEEDED"
	CodeResourceRestricted = "RESOURCE_RESTRICTED"
	CodeRouteNotFound      = "ROUTE_NOT_FOUND"
	CodeServiceUnavailable = "SERVICE_UNAVAILABLE"
	CodeTokenExpired       = "TOKEN_EXPIRED"
	CodeUserSuspended      = "USER_SUSPENDED"
	CodeValueOutOfRange    = "VALUE_OUT_OF_RANGE"
	CodeValueTooLong       = "VALUE_TOO_LONG"
)

var (
	// ErrNotConnected says that a request surely did not reach Directus.
	ErrNotConnected = errors.New("not connected to directus")
	// ErrUnconfirmed says that a request was sent and no answer came: it was
	// perhaps carried out. Look before asking again.
	ErrUnconfirmed = errors.New("no answer from directus, perhaps carried out")
	// ErrUnavailable says that Directus could not be asked or could not answer
	// (network error, time-out, 5xx, 429, a locked licence, an answer that is
	// not from Directus). Nothing is said about the credentials.
	ErrUnavailable = errors.New("directus is unavailable")
	// ErrNotDirectus says that something else than Directus answers at the address.
	ErrNotDirectus = errors.New("something answers there that is not directus")
	// ErrTooLarge says that an answer was larger than Options.MaxAnswer: ask for less
	// at once.
	ErrTooLarge = errors.New("too large an answer")
	// ErrNoUser says that Directus takes the credentials and knows no user by them, as
	// by the token of a share.
	ErrNoUser = errors.New("the credentials are no user's, as a share's token is not: log in as a user")
	// ErrOtherUser is the cause of an ErrLoggedOut: what the account logged in with is
	// another user's by now.
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
	// Code is one of the Code constants or another one of Directus; empty if
	// the answer was not one of Directus (of a proxy, for example).
	Code string
	// Message is the text of Directus. It may quote what the user wrote
	// (VALUE_TOO_LONG), so it may be told to that user but not be logged.
	Message string
	// Category, Collection and Field are the extensions of the same names, if
	// Directus sent them: the limit or feature of the licence, and the place
	// of a violation.
	Category, Collection, Field string
	// RetryAfter is the time to wait, if Directus said one.
	RetryAfter time.Duration

	server string // header Server
}

// quotable lists the codes whose messages are made of names of the schema and
// fixed words only, so that they may stand in a log.
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

// Error names the code, and the message only where it cannot quote an item.
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

// Is makes errors.Is(err, ErrUnavailable) true for refusals that say something
// about the state of Directus and nothing about the request.
func (e *Error) Is(target error) bool {
	if target != ErrUnavailable {
		return false
	}
	switch e.Code {
	case CodeRequestsExceeded, CodeServiceUnavailable, "":
		return true
	case CodeResourceRestricted: // Directus 12, locked licence: POST /auth/login and /auth/refresh
		return e.Category == "login"
	}
	return e.Status >= http.StatusInternalServerError || e.Status == http.StatusTooManyRequests
}

// InDoubt reports an answer that is not one of Directus, to a request that Directus may
// have got all the same, and carry out: a proxy that waited in vain says so by a 502 or a
// 504. What nginx answers by a 503 it has not passed on.
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

// retryAfter is the wait that Directus asked for in err, or 0.
func retryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.RetryAfter
	}
	return 0
}

// isRefusal reports whether err is an answer of Directus that is about the
// request and not about the state of Directus.
func isRefusal(err error) bool {
	_, ok := errors.AsType[*Error](err)
	return ok && !errors.Is(err, ErrUnavailable)
}
