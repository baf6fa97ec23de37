package transport

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// The subprotocols of IRC over WebSocket (https://ircv3.net/specs/extensions/websocket).
const (
	wsText   = "text.ircv3.net"
	wsBinary = "binary.ircv3.net"
)

// wsMaxMessage is the longest message; a longer one closes the WebSocket with status
// 1009. Shorter ones over the limit for IRC lines are answered with 417.
const wsMaxMessage = 64 << 10

// wsControlTimeout is how long a pong or a close may take to be written.
const wsControlTimeout = time.Second

// wsPongPause is the minimum time between two pongs.
const wsPongPause = time.Second

// originAllowed keeps foreign web pages from connecting through the browser of somebody
// who visits them. Clients other than browsers send no origin.
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

// subprotocol is the header that agrees on the subprotocol which the client likes best. One
// that names none of ours gets no header, and text.
func subprotocol(r *http.Request) http.Header {
	for _, name := range websocket.Subprotocols(r) {
		if name == wsText || name == wsBinary {
			return http.Header{"Sec-Websocket-Protocol": {name}}
		}
	}
	return nil
}

// wsConn is a WebSocket as a stream of lines. As with any gorilla connection,
// one goroutine reads and one writes.
type wsConn struct {
	*websocket.Conn
	kind int       // of the messages written
	http *httpConn // that carries it

	in  []byte // owned by the reader: what is left of a message
	out []byte // owned by the writer: the beginning of a line
}

func newWSConn(ws *websocket.Conn) *wsConn {
	ws.SetReadLimit(wsMaxMessage)
	var ponged time.Time // owned by the reader
	ws.SetPingHandler(func(data string) error {
		if time.Since(ponged) < wsPongPause {
			return nil // not every ping needs a pong (RFC 6455, 5.5.3)
		}
		ponged = time.Now()
		// Read returns errors of the connection.
		_ = ws.WriteControl(websocket.PongMessage, []byte(data), ponged.Add(wsControlTimeout))
		return nil
	})
	kind := websocket.TextMessage
	if ws.Subprotocol() == wsBinary {
		kind = websocket.BinaryMessage
	}
	return &wsConn{Conn: ws, kind: kind}
}

// Read returns the client's messages, each as a line.
func (c *wsConn) Read(p []byte) (int, error) {
	for len(c.in) == 0 {
		_, msg, err := c.ReadMessage()
		if err != nil {
			return 0, wsError(err)
		}
		// Blank messages become blank lines, whose bytes count.
		c.in = append(bytes.TrimRight(msg, "\r\n"), '\r', '\n')
	}
	n := copy(p, c.in)
	c.in = c.in[n:]
	return n, nil
}

// wsError turns the close of a WebSocket into io.EOF and drops the client's reason, which
// must not get into the log.
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
		if err := c.WriteMessage(c.kind, bytes.TrimSuffix(text, []byte("\r"))); err != nil {
			return n - len(p), err
		}
		p = rest
	}
}

// CloseWrite sends a close frame. The client's close ends Read.
func (c *wsConn) CloseWrite() error {
	bye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	return c.WriteControl(websocket.CloseMessage, bye, time.Now().Add(wsControlTimeout))
}

func (c *wsConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}
