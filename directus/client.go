package directus

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// DefaultTimeout is the limit of one REST call and of one realtime request
// when Options.Timeout is zero.
const DefaultTimeout = 10 * time.Second

// UserLabel is a hook that adds a user's id to each log entry, as the field "user". It
// takes less memory than a logger that has the id in its context.
type UserLabel string

// Run implements zerolog.Hook.
func (u UserLabel) Run(e *zerolog.Event, _ zerolog.Level, _ string) { e.Str("user", string(u)) }

// Options of a Client. The zero value is usable.
type Options struct {
	// NetDial opens the connections of REST and of the WebSocket; nil means a net.Dialer,
	// by the proxy that HTTPS_PROXY, HTTP_PROXY and NO_PROXY name when New is called.
	NetDial func(ctx context.Context, network, addr string) (net.Conn, error)
	// TLS says whom to trust and what to present, for REST and the WebSocket; nil means
	// the roots of the system and no certificate. UseTLS replaces it.
	TLS *tls.Config
	// Logger receives the log entries; the zero Logger drops them.
	Logger zerolog.Logger
	// Answered is told of each request over REST or a socket that has left, how it ended,
	// and how long that took. It is called from many goroutines and must not block. nil:
	// nobody is told.
	Answered func(Operation, Outcome, time.Duration)
	// Timeout limits one REST call and one realtime request; 0 means
	// DefaultTimeout.
	Timeout time.Duration
	// MaxAnswer bounds the answer to one REST call, in bytes after long strings were
	// cut; 0 means DefaultMaxAnswer. Beyond it the error is ErrTooLarge.
	MaxAnswer int
	// WallClock is the clock of the machine, which New reads once; nil means time.Now. It
	// stands in for the clock of Directus until that has told the time.
	WallClock func() time.Time
}

// A Client knows where Directus is and holds no credentials. It is safe for
// concurrent use.
type Client struct {
	// Static after construction. clock, searches and pause have locks of their own.
	base     *url.URL
	netDial  dialFunc
	proxy    func(*http.Request) (*url.URL, error) // nil: none
	log      zerolog.Logger
	timeout  time.Duration // of one REST call or realtime request
	most     int           // largest answer, in bytes
	answered func(Operation, Outcome, time.Duration)
	gaps     gaps
	clock    serverClock
	searches searchable
	pause    *pause

	ways atomic.Pointer[ways] // UseTLS replaces it

	mu   sync.Mutex
	info *ServerInfo // guarded by mu; nil until known
}

// New returns a client for the Directus at base. A path in base is kept
// (https://host/directus); user information in it is ignored. New sends nothing.
func New(base *url.URL, opts Options) *Client {
	u := *base
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	c := &Client{base: &u, log: opts.Logger, timeout: opts.Timeout, answered: opts.Answered, clock: newServerClock(opts.WallClock), pause: newPause(), searches: searchable{begun: time.Now()}}
	if c.timeout <= 0 {
		c.timeout = DefaultTimeout
	}
	if c.most = opts.MaxAnswer; c.most <= 0 {
		c.most = DefaultMaxAnswer
	}
	if c.netDial = opts.NetDial; c.netDial == nil {
		c.netDial = (&net.Dialer{Timeout: c.timeout, KeepAlive: 30 * time.Second}).DialContext
		c.proxy = environmentProxy()
	}
	if c.answered == nil {
		c.answered = func(Operation, Outcome, time.Duration) {}
	}
	c.UseTLS(opts.TLS)
	return c
}

// URL is where Directus is, without user information.
func (c *Client) URL() *url.URL {
	u := *c.base
	return &u
}

// Close closes the idle REST connections. It ends neither accounts nor links: see
// Account.Logout and Realtime.Run.
func (c *Client) Close() { c.ways.Load().closeIdle() }

// Ping asks GET /server/ping, which needs no credentials and answers even
// while the database of Directus is down. The error wraps ErrNotDirectus if the answer
// is not that of Directus.
func (c *Client) Ping(ctx context.Context) error {
	var answer string
	err := c.do(ctx, call{method: http.MethodGet, path: "/server/ping", text: &answer, whole: true})
	if refused, ok := errors.AsType[*Error](err); ok && refused.Code == "" && !refused.certificate && refused.Status < 500 && refused.Status != http.StatusTooManyRequests {
		err = fmt.Errorf("%w: %w", ErrNotDirectus, err)
	}
	if err == nil && strings.TrimSpace(answer) != "pong" {
		err = ErrNotDirectus
	}
	if err != nil {
		return fmt.Errorf("ping directus: %w", err)
	}
	return nil
}

// Public reports whether Directus serves a path without a login.
func (c *Client) Public(ctx context.Context, path string) (bool, error) {
	err := c.do(ctx, call{method: http.MethodHead, path: path})
	if refused, ok := errors.AsType[*Error](err); ok && (refused.Status == http.StatusForbidden || refused.Status == http.StatusUnauthorized) {
		return false, nil
	}
	return err == nil, err
}

// TurnedAway reports whether a request was ever turned away for being one too many.
func (c *Client) TurnedAway() bool {
	c.pause.mu.Lock()
	defer c.pause.mu.Unlock()
	return c.pause.until > 0
}

// transportError wraps an error of net/http in ErrUnavailable, or returns the error of
// ctx if that was cancelled. It drops the URL from the error, because the query may hold
// what must not be logged.
func transportError(ctx context.Context, err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
