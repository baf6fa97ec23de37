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
	// sniffTimeout is how long the first bytes of a connection are awaited on a
	// listener that has to tell by them what it is. A client that is silent for
	// longer speaks IRC: browsers speak at once.
	sniffTimeout = 5 * time.Second
	wsMaxHeader  = 16 << 10
)

// WebSocket turns a listener for TCP or TLS into one for IRC over
// WebSocket, whose connections carry lines like any other: one message is one
// line without its end. Requests of browsers are refused with 403 unless their
// origin is one of allowedOrigins ("https://chat.example.com"; "*" is any) or
// the host that they ask. The handshakes are made by Serve, after it has counted
// the connection. Closing the listener closes ln and the requests that are not
// connections yet.
func WebSocket(ln net.Listener, allowedOrigins []string) net.Listener {
	return newWebListener(ln, allowedOrigins, false)
}

// Shared is a WebSocketListener that takes IRC as well: a connection
// that begins with "GET " is HTTP.
func Shared(ln net.Listener, allowedOrigins []string) net.Listener {
	return newWebListener(ln, allowedOrigins, true)
}

// webListener is a listener whose goroutine serves HTTP; Close joins it.
type webListener struct {
	net.Listener
	shared   bool
	upgrader websocket.Upgrader
	http     *http.Server
	requests *handover // what the HTTP server accepts
	serving  sync.WaitGroup
}

func newWebListener(ln net.Listener, allowedOrigins []string, shared bool) *webListener {
	l := &webListener{Listener: ln, shared: shared}
	l.requests = &handover{addr: ln.Addr(), conns: make(chan net.Conn), done: make(chan struct{})}
	l.upgrader = websocket.Upgrader{
		HandshakeTimeout: wsHandshakeTimeout,
		Subprotocols:     []string{TextProtocol, BinaryProtocol},
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
		// It would log the addresses of clients.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	l.http.SetKeepAlivesEnabled(false)
	l.serving.Go(func() {
		_ = l.http.Serve(l.requests) // it ends with Close, or not at all
	})
	return l
}

// Accept returns a connection that is not known yet for what it is: its
// HandshakeContext finds out.
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

// ServeHTTP makes a request a WebSocket. It belongs to the connection from which
// the request came.
func (l *webListener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !websocket.IsWebSocketUpgrade(r) {
		http.Error(w, "this is IRC over WebSocket: connect with an IRC client", http.StatusUpgradeRequired)
		return
	}
	ws, err := l.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	h := r.Context().Value(requestKey{}).(*httpConn)
	c := newWSConn(ws)
	c.http = h
	h.upgraded <- c
}

var errNoWebSocket = errors.New("the HTTP request did not become a WebSocket")

// upgrade has HTTP served on a connection until it is a WebSocket.
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
	// Conn is the connection as accepted, and behind HandshakeContext what
	// carries the lines. Nothing else is called while HandshakeContext runs.
	net.Conn
	accepted net.Conn
	listener *webListener
}

// HandshakeContext completes the handshakes of TLS and WebSocket, as far as the
// client makes them.
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

// Meter has wait called for what comes beside lines, by whoever calls Read from then
// on. It is called before the first Read.
func (c *webConn) Meter(wait func(n int)) {
	if ws, ok := c.Conn.(*wsConn); ok {
		ws.http.meter = &frameMeter{wait: wait}
	}
}

// sniffedConn is a connection of which the first bytes were read already.
type sniffedConn struct {
	net.Conn
	head []byte // owned by the reader
}

// isHTTP reads the first bytes, up to the one that tells.
func (c *sniffedConn) isHTTP(ctx context.Context) (bool, error) {
	const request = "GET "
	if err := c.SetReadDeadline(time.Now().Add(sniffTimeout)); err != nil {
		return false, err
	}
	stop := context.AfterFunc(ctx, func() {
		_ = c.SetReadDeadline(time.Now()) // a connection that cannot is closed
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

// CloseWrite tells the other side that nothing more comes.
func CloseWrite(nc net.Conn) error {
	if half, ok := nc.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// requestKey is the key under which a request's context holds its *httpConn.
type requestKey struct{}

// httpConn is a connection in the hands of the HTTP server, and later of a WebSocket.
type httpConn struct {
	net.Conn
	meter    *frameMeter  // nil in the hands of the HTTP server; owned by the reader
	upgraded chan *wsConn // takes the one WebSocket that it may become
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

// keptError keeps a timeout what it is through the WebSocket above, which puts a text in the
// place of each net.Error that calls itself temporary.
func keptError(err error) error {
	if _, ok := err.(net.Error); ok { // not one that wraps it, which is left alone
		return fmt.Errorf("%w", err)
	}
	return err
}

func (c *httpConn) CloseWrite() error { return CloseWrite(c.Conn) }

// handover is a listener for connections that were accepted elsewhere.
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
