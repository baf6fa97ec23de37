package directus

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/net/http/httpproxy"
)

// ways are all the ways to Directus, with one TLS configuration. Static after construction.
type ways struct {
	reading  *http.Client // for calls that only read
	changing *http.Client // for calls that change something; see briefIdle
	dialer   websocket.Dialer
}

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

const (
	// readBuffer is the size of the read buffer that each socket keeps, in bytes. Larger
	// frames are read in several pieces.
	readBuffer = 512
	// keptIdle is how long a connection for calls that only read is kept without a call.
	keptIdle = 90 * time.Second
	// briefIdle is how long a connection may be idle before a change is no longer sent on
	// it. Node.js, and so Directus, closes a connection after 5 s without a request. A
	// change that reaches a closed connection gets no answer, and net/http does not repeat
	// it, because it repeats only requests that change nothing.
	briefIdle = time.Second
)

// UseTLS replaces Options.TLS for the connections that are opened from now on. Calls that
// are under way and open sockets keep theirs. It may be called by any goroutine.
func (c *Client) UseTLS(config *tls.Config) {
	next := &ways{
		reading: c.httpClient(config, keptIdle), changing: c.httpClient(config, briefIdle),
		dialer: websocket.Dialer{
			NetDialContext:   c.netDial,
			Proxy:            c.proxy,
			HandshakeTimeout: c.timeout,
			ReadBufferSize:   readBuffer,
			WriteBufferPool:  &sync.Pool{},
			TLSClientConfig:  config.Clone(),
		},
	}
	if last := c.ways.Swap(next); last != nil {
		last.closeIdle()
	}
}

// httpClient makes a client with connections of its own. To it a redirect is an answer.
func (c *Client) httpClient(config *tls.Config, idle time.Duration) *http.Client {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:           c.netDial,
			Proxy:                 c.proxy,
			TLSClientConfig:       config.Clone(), // a transport adds its protocols to it
			TLSHandshakeTimeout:   c.timeout,
			ResponseHeaderTimeout: c.timeout,
			ExpectContinueTimeout: time.Second,
			IdleConnTimeout:       idle,
			MaxIdleConnsPerHost:   16,
			MaxConnsPerHost:       64, // after a restart of Directus all users ask at once
			ForceAttemptHTTP2:     true,
		},
	}
}

func (w *ways) closeIdle() {
	w.reading.CloseIdleConnections()
	w.changing.CloseIdleConnections()
}

// environmentProxy finds the proxy for a request in the environment as it is now. It names
// none for localhost and loopback addresses, even if the environment does.
func environmentProxy() func(*http.Request) (*url.URL, error) {
	find := httpproxy.FromEnvironment().ProxyFunc()
	return func(r *http.Request) (*url.URL, error) {
		proxy, err := find(r.URL)
		switch {
		case err != nil: // it may quote a password
			return nil, errProxy
		case proxy != nil && proxy.Scheme != "http" && proxy.Scheme != "socks5":
			return nil, errProxy
		}
		return proxy, nil
	}
}

var errProxy = errors.New("HTTPS_PROXY or HTTP_PROXY is not the address of a proxy: " +
	"write http://host:port or socks5://host:port")

// ProxyFor is the proxy by which requests to an address go, without its credentials; empty if
// they go directly.
func ProxyFor(address *url.URL) string {
	proxy, err := httpproxy.FromEnvironment().ProxyFunc()(address)
	if err != nil || proxy == nil {
		return ""
	}
	return proxy.Scheme + "://" + proxy.Host
}
