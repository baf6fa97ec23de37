// Package transport brings a client's bytes in and out: plain TCP, TLS, or WebSocket, by
// listeners of its own (WebSocket, Shared) or any other. A WebSocket looks like every
// other connection to its users: each message is one line.
//
// Server.Serve accepts from these listeners and completes the handshakes with Handshake.
// The program makes the listeners. The package imports wire, for how much a line may
// hold, and nothing else of this module; it knows no server and no session.
package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	// wsHandshakeTimeout is how long the HTTP request may take.
	wsHandshakeTimeout = 10 * time.Second
	// sniffTimeout is how long a shared listener waits for the first bytes of a
	// connection. A client that stays silent for longer speaks IRC: browsers send
	// their request at once.
	sniffTimeout = 5 * time.Second
	wsMaxHeader  = 16 << 10
)

// WebSocket turns a listener for TCP or TLS into one for IRC over WebSocket. Its
// connections carry lines like any other: each message is one line, without its end.
//
// Requests of browsers get 403 unless their origin is in allowedOrigins
// ("https://chat.example.com"; "*" allows all) or is the requested host itself. Accept
// returns before the handshakes, which Handshake completes, so that connections count
// towards limits from the start. Closing the listener closes ln and pending handshakes.
func WebSocket(ln net.Listener, allowedOrigins []string) net.Listener {
	return newWebListener(ln, allowedOrigins, false)
}

// Shared is WebSocket for a listener that takes plain IRC too: only connections that
// begin with "GET " are HTTP.
func Shared(ln net.Listener, allowedOrigins []string) net.Listener {
	return newWebListener(ln, allowedOrigins, true)
}

// webListener is a listener whose goroutine serves HTTP; Close joins it.
type webListener struct {
	net.Listener
	shared   bool
	upgrader websocket.Upgrader
	http     *http.Server
	requests *handover // the HTTP server's listener
	serving  sync.WaitGroup
}

func newWebListener(ln net.Listener, allowedOrigins []string, shared bool) *webListener {
	l := &webListener{Listener: ln, shared: shared}
	l.requests = &handover{addr: ln.Addr(), conns: make(chan net.Conn), done: make(chan struct{})}
	l.upgrader = websocket.Upgrader{
		HandshakeTimeout: wsHandshakeTimeout,
		ReadBufferSize:   1 << 10,
		WriteBufferSize:  4 << 10,
		WriteBufferPool:  new(sync.Pool),
		CheckOrigin:      func(r *http.Request) bool { return originAllowed(r, allowedOrigins) },
	}
	l.http = &http.Server{
		Handler:           l,
		ReadHeaderTimeout: wsHandshakeTimeout,
		WriteTimeout:      wsHandshakeTimeout,
		MaxHeaderBytes:    wsMaxHeader,
		ConnContext: func(ctx context.Context, nc net.Conn) context.Context {
			return context.WithValue(ctx, requestKey{}, nc)
		},
		// Its messages contain addresses of clients.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	l.http.SetKeepAlivesEnabled(false)
	l.serving.Go(func() {
		_ = l.http.Serve(l.requests) // returns only after Close
	})
	return l
}

// Accept returns a connection whose protocol is not known before its HandshakeContext
// returns.
func (l *webListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &webConn{Conn: nc, accepted: nc, listener: l}, nil
}

func (l *webListener) Close() error {
	err := l.Listener.Close()
	l.http.Close()
	l.serving.Wait()
	return err
}

// ServeHTTP upgrades a request to a WebSocket and hands that to the connection which the
// request came from.
func (l *webListener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !websocket.IsWebSocketUpgrade(r) {
		http.Error(w, "this is IRC over WebSocket: connect with an IRC client", http.StatusUpgradeRequired)
		return
	}
	ws, err := l.upgrader.Upgrade(w, r, subprotocol(r))
	if err != nil {
		return // Upgrade has sent the error
	}
	h := r.Context().Value(requestKey{}).(*httpConn)
	c := newWSConn(ws)
	c.http = h
	h.upgraded <- c
}

var errNoWebSocket = errors.New("the HTTP request did not become a WebSocket")

// upgrade hands a connection to the HTTP server and waits until it is a WebSocket.
func (l *webListener) upgrade(ctx context.Context, nc net.Conn) (*wsConn, error) {
	h := &httpConn{Conn: nc, upgraded: make(chan *wsConn, 1), closed: make(chan struct{})}
	select {
	case l.requests.conns <- h:
	case <-l.requests.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	select {
	case ws := <-h.upgraded:
		return ws, nil
	case <-h.closed:
		return nil, errNoWebSocket
	case <-ctx.Done():
		h.Close()
		return nil, context.Cause(ctx)
	}
}

// webConn is a connection of a webListener.
type webConn struct {
	// Conn is the accepted connection and, once HandshakeContext has returned, the one
	// that carries lines. No other method may be called while HandshakeContext runs.
	net.Conn
	accepted net.Conn
	listener *webListener
}

// HandshakeContext completes the TLS and WebSocket handshakes, where there are any.
func (c *webConn) HandshakeContext(ctx context.Context) error {
	if err := Handshake(ctx, c.accepted); err != nil {
		return err
	}
	sniffed := &sniffedConn{Conn: c.accepted}
	if c.listener.shared {
		switch isHTTP, err := sniffed.isHTTP(ctx); {
		case err != nil:
			return err
		case !isHTTP:
			c.Conn = sniffed
			return nil
		}
	}
	ws, err := c.listener.upgrade(ctx, sniffed)
	if err != nil {
		return err
	}
	c.Conn = ws
	return nil
}

func (c *webConn) CloseWrite() error { return CloseWrite(c.Conn) }

// NetConn is the layer below, see NewPrompt.
func (c *webConn) NetConn() net.Conn { return c.Conn }

// Meter makes Read call wait(n) for what arrives in WebSocket frames without being a
// line, where n is how many lines it counts for. It is called before the first Read.
func (c *webConn) Meter(wait func(n int)) {
	if ws, ok := c.Conn.(*wsConn); ok {
		ws.http.meter = &frameMeter{wait: wait}
	}
}

// sniffedConn is a connection whose first bytes were read ahead.
type sniffedConn struct {
	net.Conn
	head []byte // owned by the reader
}

// isHTTP reads the first bytes, as many as it takes to tell HTTP from IRC.
func (c *sniffedConn) isHTTP(ctx context.Context) (bool, error) {
	const request = "GET "
	if err := c.SetReadDeadline(time.Now().Add(sniffTimeout)); err != nil {
		return false, err
	}
	stop := context.AfterFunc(ctx, func() {
		_ = c.SetReadDeadline(time.Now()) // fails only on a closed connection
	})
	defer stop()
	var buf [len(request)]byte
	for late := false; !late && len(c.head) < len(request) && strings.HasPrefix(request, string(c.head)); {
		n, err := c.Conn.Read(buf[len(c.head):])
		c.head = append(c.head, buf[len(c.head):len(c.head)+n]...)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return false, context.Cause(ctx)
		case errors.Is(err, os.ErrDeadlineExceeded):
			late = true
		default:
			return false, err
		}
	}
	if !stop() {
		return false, context.Cause(ctx)
	}
	return string(c.head) == request, c.SetReadDeadline(time.Time{})
}

func (c *sniffedConn) Read(p []byte) (int, error) {
	if len(c.head) > 0 {
		n := copy(p, c.head)
		c.head = c.head[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

func (c *sniffedConn) CloseWrite() error { return CloseWrite(c.Conn) }

// NetConn is the layer below, see NewPrompt.
func (c *sniffedConn) NetConn() net.Conn { return c.Conn }

// CloseWrite closes the sending side of a connection, where that is possible by itself.
func CloseWrite(nc net.Conn) error {
	if half, ok := nc.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// requestKey is the key under which a request's context holds its *httpConn.
type requestKey struct{}

// httpConn is a connection that the HTTP server owns until it becomes a WebSocket.
type httpConn struct {
	net.Conn
	meter    *frameMeter  // nil before the upgrade; owned by the reader
	upgraded chan *wsConn // gets the WebSocket that it becomes; cap 1
	closed   chan struct{}
	once     sync.Once // closes closed
}

func (c *httpConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

func (c *httpConn) Read(p []byte) (int, error) {
	if c.meter == nil {
		return c.Conn.Read(p)
	}
	c.meter.pay()
	n, err := c.Conn.Read(p)
	c.meter.count(p[:n])
	return n, keptError(err)
}

func (c *httpConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	return n, keptError(err)
}

// keptError wraps network errors, so that a timeout stays recognizable: the WebSocket
// library replaces each bare net.Error that is temporary by one without a cause.
func keptError(err error) error {
	if _, ok := err.(net.Error); ok { // an error that wraps one is safe already
		return fmt.Errorf("%w", err)
	}
	return err
}

func (c *httpConn) CloseWrite() error { return CloseWrite(c.Conn) }

// NetConn is the layer below, see NewPrompt.
func (c *httpConn) NetConn() net.Conn { return c.Conn }

// handover is a listener whose connections were accepted elsewhere.
type handover struct {
	addr  net.Addr
	conns chan net.Conn
	done  chan struct{} // closed by Close
	once  sync.Once
}

func (h *handover) Accept() (net.Conn, error) {
	select {
	case nc := <-h.conns:
		return nc, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

func (h *handover) Close() error {
	h.once.Do(func() { close(h.done) })
	return nil
}

func (h *handover) Addr() net.Addr { return h.addr }
