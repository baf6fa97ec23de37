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

// readBuffer is what each socket keeps to read into; larger frames are read in
// several pieces.
const readBuffer = 512

// UserLabel is a hook that tells in each entry of a log of whom it is, by the id. It
// takes less memory than a logger with the same in its context.
type UserLabel string

// Run implements zerolog.Hook.
func (u UserLabel) Run(e *zerolog.Event, _ zerolog.Level, _ string) { e.Str("user", string(u)) }

// Options of a Client. The zero value is usable.
type Options struct {
	// HTTPClient makes the REST calls; nil means one of our own with limits on
	// times and connections. Its redirect policy is replaced: a redirect is an
	// error that names the new address. The TLS configuration and the proxy of
	// its *http.Transport serve the WebSocket too.
	HTTPClient *http.Client
	// NetDial opens the connections of the WebSocket and, unless HTTPClient is
	// set, those of REST; nil means a net.Dialer. With NetDial no proxy of the
	// environment is used.
	NetDial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Logger receives what is worth knowing; the zero Logger writes nowhere.
	Logger zerolog.Logger
	// Timeout limits one REST call and one realtime request; 0 means
	// DefaultTimeout.
	Timeout time.Duration
	// MaxAnswer bounds what is kept of the answer to one REST call, in bytes; 0 means
	// DefaultMaxAnswer.
	MaxAnswer int
}

// A Client knows where Directus is and holds no credentials. It is safe for
// concurrent use.
type Client struct {
	// Static after construction, but for clock and searches, which guard themselves.
	base     *url.URL
	http     *http.Client // asks
	changing *http.Client // changes
	dialer   websocket.Dialer
	log      zerolog.Logger
	timeout  time.Duration
	most     int // bytes of an answer
	clock    serverClock
	searches searchable // atomic
	pause    *pause     // guards itself

	mu   sync.Mutex
	info *ServerInfo // guarded by mu; nil until known
}

// New returns a client for the Directus at base, whose path, if any, is kept
// (https://host/directus). User information in base is ignored. Nothing is
// sent yet.
func New(base *url.URL, opts Options) *Client {
	u := *base
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	c := &Client{base: &u, log: opts.Logger, timeout: opts.Timeout, clock: newServerClock(), pause: newPause(), searches: searchable{begun: time.Now()}}
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
			MaxConnsPerHost:       64, // a restart makes every user ask at once
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

// Close closes the idle REST connections. Accounts and links are closed by
// their own methods.
func (c *Client) Close() {
	c.http.CloseIdleConnections()
	c.changing.CloseIdleConnections()
}

// briefIdle is how long a connection that nothing was asked on may still carry a change. Node, and so Directus, closes one
// that was idle for 5 s: a change that arrives behind that, on a slow path, gets no answer, and net/http repeats only what
// changes nothing.
const briefIdle = time.Second

// briefly returns a client with connections of its own, which are not kept for longer than briefIdle. A transport that is
// not one of net/http keeps them as it will.
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
// while the database of Directus is down. The error wraps ErrNotDirectus where another
// answer comes than that of Directus.
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

// transportError turns an error of net/http into ours: without the URL, whose
// query may hold what must not be logged, and marked as unavailability unless
// the caller itself gave up.
func transportError(ctx context.Context, err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
