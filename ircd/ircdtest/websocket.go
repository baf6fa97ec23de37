package ircdtest

import (
	"net"
	"strings"

	"github.com/gorilla/websocket"
)

// OverWebSocket makes a WebSocket a connection for New: each line that is written is
// a message of the kind that the subprotocol asks for, and each message that comes is
// a line.
func OverWebSocket(ws *websocket.Conn) net.Conn {
	kind := websocket.TextMessage
	if strings.HasPrefix(ws.Subprotocol(), "binary.") {
		kind = websocket.BinaryMessage
	}
	return &webSocket{Conn: ws.NetConn(), ws: ws, kind: kind}
}

// webSocket is used by one goroutine that reads and one that writes.
type webSocket struct {
	net.Conn
	ws   *websocket.Conn
	kind int
	in   []byte // owned by the reader: what is left of a message
}

func (c *webSocket) Read(p []byte) (int, error) {
	if len(c.in) == 0 {
		_, msg, err := c.ws.ReadMessage()
		if err != nil {
			return 0, err
		}
		c.in = append(msg, "\r\n"...)
	}
	n := copy(p, c.in)
	c.in = c.in[n:]
	return n, nil
}

func (c *webSocket) Write(p []byte) (int, error) {
	for l := range strings.Lines(string(p)) {
		if err := c.ws.WriteMessage(c.kind, []byte(strings.TrimRight(l, "\r\n"))); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// Frame is a WebSocket frame as clients send it, masked with zeros.
func Frame(head byte, payload string) string {
	switch n := len(payload); {
	case n < 126:
		return string([]byte{head, 0x80 | byte(n), 0, 0, 0, 0}) + payload
	case n < 1<<16:
		return string([]byte{head, 0x80 | 126, byte(n >> 8), byte(n), 0, 0, 0, 0}) + payload
	default:
		return string([]byte{head, 0x80 | 127, 0, 0, 0, 0, 0, byte(n >> 16), byte(n >> 8), byte(n), 0, 0, 0, 0}) + payload
	}
}

// The first bytes of frames (RFC 6455, 5.2): what they are, and whether more fragments
// follow.
const (
	TextFrame    = 0x81
	TextFragment = 0x01
	MoreFragment = 0x00
	LastFragment = 0x80
	PingFrame    = 0x89
	PongFrame    = 0x8a
)
