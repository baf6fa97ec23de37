package directus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/rs/zerolog"
)

// DefaultTimeout is the limit of one REST call and of one realtime request
// when Options.Timeout is zero.
const DefaultTimeout = 10 * time.Second

// readBuffer is the size of the read buffer that each socket keeps, in bytes. Larger
// frames are read in several pieces.
const readBuffer = 512

// UserLabel is a hook that adds a user's id to each log entry, as the field "user". It
// takes less memory than a logger that has the id in its context.
type UserLabel string

// Run implements zerolog.Hook.
func (u UserLabel) Run(e *zerolog.Event, _ zerolog.Level, _ string) { e.Str("user", string(u)) }

// Options of a Client. The zero value is usable.
type Options struct {
	// HTTPClient makes the REST calls; nil means a client that New makes, with limits
	// on times and connections. Its redirect policy is replaced: a redirect is an
	// error that names the new address. The TLS configuration and the proxy of
	// its *http.Transport are used for the WebSocket too.
	HTTPClient *http.Client
	// NetDial opens the connections of the WebSocket and, unless HTTPClient is
	// set, those of REST; nil means a net.Dialer. With NetDial no proxy of the
	// environment is used.
	NetDial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Logger receives the log entries; the zero Logger drops them.
	Logger zerolog.Logger
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
	http     *http.Client // for calls that only read
	changing *http.Client // for calls that change something; see briefIdle
	dialer   websocket.Dialer
	log      zerolog.Logger
	timeout  time.Duration // of one REST call or realtime request
	most     int           // largest answer, in bytes
	clock    serverClock
	searches searchable
	pause    *pause

	mu   sync.Mutex
	info *ServerInfo // guarded by mu; nil until known
}

// New returns a client for the Directus at base. A path in base is kept
// (https://host/directus); user information in it is ignored. New sends nothing.
func New(base *url.URL, opts Options) *Client {
	u := *base
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	c := &Client{base: &u, log: opts.Logger, timeout: opts.Timeout, clock: newServerClock(opts.WallClock), pause: newPause(), searches: searchable{begun: time.Now()}}
	if c.timeout <= 0 {
		c.timeout = DefaultTimeout
	}
	if c.most = opts.MaxAnswer; c.most <= 0 {
		c.most = DefaultMaxAnswer
	}
	proxy := http.ProxyFromEnvironment
	dial := opts.NetDial
	if dial == nil {
		dial = (&net.Dialer{Timeout: c.timeout, KeepAlive: 30 * time.Second}).DialContext
	} else {
		proxy = nil
	}
	c.dialer = websocket.Dialer{
		NetDialContext:   dial,
		Proxy:            proxy,
		HandshakeTimeout: c.timeout,
		ReadBufferSize:   readBuffer,
		WriteBufferPool:  &sync.Pool{},
	}
	if opts.HTTPClient != nil {
		own := *opts.HTTPClient
		c.http = &own
		if t, ok := own.Transport.(*http.Transport); ok {
			c.dialer.TLSClientConfig, c.dialer.Proxy = t.TLSClientConfig, t.Proxy
		}
	} else {
		c.http = &http.Client{Transport: &http.Transport{
			DialContext:           dial,
			Proxy:                 proxy,
			TLSHandshakeTimeout:   c.timeout,
			ResponseHeaderTimeout: c.timeout,
			ExpectContinueTimeout: time.Second,
			IdleConnTimeout:       90 * time.Second,
			MaxIdleConnsPerHost:   16,
			MaxConnsPerHost:       64, // after a restart of Directus all users ask at once
			ForceAttemptHTTP2:     true,
		}}
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.changing = briefly(c.http)
	return c
}

// URL is where Directus is, without user information.
func (c *Client) URL() *url.URL {
	u := *c.base
	return &u
}

// Close closes the idle REST connections. It ends neither accounts nor links: see
// Account.Logout and Realtime.Run.
func (c *Client) Close() {
	c.http.CloseIdleConnections()
	c.changing.CloseIdleConnections()
}

// briefIdle is how long a connection may be idle before a change is no longer sent on it. Node.js, and so Directus, closes a
// connection after 5 s without a request. A change that reaches a closed connection gets no answer, and net/http does not
// repeat it, because it repeats only requests that change nothing.
const briefIdle = time.Second

// briefly returns a copy of kept with connections of its own, which it closes when they were idle for briefIdle. A transport
// that is not an *http.Transport is used as it is.
func briefly(kept *http.Client) *http.Client {
	brief := *kept
	if t, ok := kept.Transport.(*http.Transport); ok {
		t = t.Clone()
		t.IdleConnTimeout = briefIdle
		brief.Transport = t
	}
	return &brief
}

// Ping asks GET /server/ping, which needs no credentials and answers even
// while the database of Directus is down. The error wraps ErrNotDirectus if the answer
// is not that of Directus.
func (c *Client) Ping(ctx context.Context) error {
	var answer string
	err := c.do(ctx, call{method: http.MethodGet, path: "/server/ping", text: &answer, whole: true})
	if refused, ok := errors.AsType[*Error](err); ok && refused.Code == "" && refused.Status < 500 && refused.Status != http.StatusTooManyRequests {
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
