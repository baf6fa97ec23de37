package ircd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// The subprotocols of IRC over WebSocket (https://ircv3.net/specs/extensions/websocket).
const (
	wsText   = "text.ircv3.net"
	wsBinary = "binary.ircv3.net"
)

const (
	// wsHandshakeTimeout is how long the HTTP request may take.
	wsHandshakeTimeout = 10 * time.Second
	// wsMaxMessage ends a connection with status 1009. Lines over the limit of
	// IRC but below this one are answered with 417.
	wsMaxMessage = 64 << 10
	wsMaxHeader  = 16 << 10
)

// WebSocketListener turns a listener for TCP or TLS into one for IRC over
// WebSocket, whose connections carry lines like any other: one message is one
// line without its end. Requests of browsers are refused with 403 unless their
// origin is one of allowedOrigins ("https://chat.example.com"; "*" is any) or
// the host that they ask. Closing the listener closes ln and the requests that
// are not connections yet.
func WebSocketListener(ln net.Listener, allowedOrigins []string) net.Listener {
	l := &wsListener{ln: ln, conns: make(chan net.Conn), done: make(chan struct{})}
	l.upgrader = websocket.Upgrader{
		HandshakeTimeout: wsHandshakeTimeout,
		Subprotocols:     []string{wsText, wsBinary},
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
		// It would log the addresses of clients.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	l.http.SetKeepAlivesEnabled(false)
	l.serving.Go(func() {
		l.err = l.http.Serve(ln)
		l.once.Do(func() { close(l.done) })
	})
	return l
}

// wsListener is a listener whose goroutine serves HTTP; Close joins it.
type wsListener struct {
	ln       net.Listener
	http     *http.Server
	upgrader websocket.Upgrader
	conns    chan net.Conn // from the requests to Accept
	done     chan struct{} // closed when no more come
	once     sync.Once     // closes done
	serving  sync.WaitGroup
	err      error // why Serve ended; read after serving
}

func (l *wsListener) Accept() (net.Conn, error) {
	select {
	case nc := <-l.conns:
		return nc, nil
	case <-l.done:
		l.serving.Wait()
		if errors.Is(l.err, http.ErrServerClosed) {
			return nil, net.ErrClosed
		}
		return nil, fmt.Errorf("%w: %w", net.ErrClosed, l.err)
	}
}

func (l *wsListener) Close() error {
	err := l.http.Close()
	l.once.Do(func() { close(l.done) })
	l.serving.Wait()
	return err
}

func (l *wsListener) Addr() net.Addr { return l.ln.Addr() }

// ServeHTTP makes a request a connection. The connection belongs to whoever
// accepts it.
func (l *wsListener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !websocket.IsWebSocketUpgrade(r) {
		http.Error(w, "this is IRC over WebSocket: connect with an IRC client", http.StatusUpgradeRequired)
		return
	}
	ws, err := l.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	select {
	case l.conns <- newWSConn(ws):
	case <-l.done:
		ws.Close()
	}
}

// originAllowed protects people against web pages that use their browser to
// reach this server. Clients that are no browsers send no origin.
func originAllowed(r *http.Request, allowed []string) bool {
	origin := r.Header.Get("Origin")
	if origin == "" || slices.Contains(allowed, "*") {
		return true
	}
	if slices.ContainsFunc(allowed, func(a string) bool { return strings.EqualFold(strings.TrimRight(a, "/"), origin) }) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}

// wsConn is a WebSocket as a stream of lines. As with any gorilla connection,
// one goroutine reads and one writes.
type wsConn struct {
	ws   *websocket.Conn
	kind int // of the messages written

	in  []byte // owned by the reader: what is left of a message
	out []byte // owned by the writer: the beginning of a line
}

func newWSConn(ws *websocket.Conn) *wsConn {
	ws.SetReadLimit(wsMaxMessage)
	kind := websocket.TextMessage
	if ws.Subprotocol() == wsBinary {
		kind = websocket.BinaryMessage
	}
	return &wsConn{ws: ws, kind: kind}
}

// Read returns the client's messages, each as a line.
func (c *wsConn) Read(p []byte) (int, error) {
	for len(c.in) == 0 {
		_, msg, err := c.ws.ReadMessage()
		if err != nil {
			return 0, wsError(err)
		}
		if msg = bytes.TrimRight(msg, "\r\n"); len(msg) > 0 {
			c.in = append(msg, '\r', '\n')
		}
	}
	n := copy(p, c.in)
	c.in = c.in[n:]
	return n, nil
}

// wsError makes the close of a WebSocket the end of a stream, whatever reason
// the client gave: its words are not for the log.
func wsError(err error) error {
	var end *websocket.CloseError
	if errors.As(err, &end) {
		return io.EOF
	}
	return err
}

// Write sends each line as a message.
func (c *wsConn) Write(p []byte) (int, error) {
	n := len(p)
	for {
		text, rest, whole := bytes.Cut(p, []byte("\n"))
		if !whole {
			c.out = append(c.out, p...)
			return n, nil
		}
		if len(c.out) > 0 {
			text = append(c.out, text...)
			c.out = nil
		}
		if err := c.ws.WriteMessage(c.kind, bytes.TrimSuffix(text, []byte("\r"))); err != nil {
			return n - len(p), err
		}
		p = rest
	}
}

// CloseWrite tells the client that nothing more comes. Its answer ends Read.
func (c *wsConn) CloseWrite() error {
	bye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	return c.ws.WriteControl(websocket.CloseMessage, bye, time.Now().Add(lingerTimeout))
}

func (c *wsConn) Close() error                       { return c.ws.Close() }
func (c *wsConn) LocalAddr() net.Addr                { return c.ws.LocalAddr() }
func (c *wsConn) RemoteAddr() net.Addr               { return c.ws.RemoteAddr() }
func (c *wsConn) SetReadDeadline(t time.Time) error  { return c.ws.SetReadDeadline(t) }
func (c *wsConn) SetWriteDeadline(t time.Time) error { return c.ws.SetWriteDeadline(t) }

func (c *wsConn) SetDeadline(t time.Time) error {
	return errors.Join(c.ws.SetReadDeadline(t), c.ws.SetWriteDeadline(t))
}
