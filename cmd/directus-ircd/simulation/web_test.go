package simulation

import (
	"io"
	"net"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// lines carries the lines of an IRC client: a connection, or a WebSocket on one.
type lines interface {
	io.ReadWriteCloser
	SetWriteDeadline(t time.Time) error
}

// webLines are lines of which each is a message of a WebSocket. Its reader owns rest.
type webLines struct {
	*websocket.Conn
	rest []byte
}

// upgradeWire makes a connection a WebSocket.
func upgradeWire(conn net.Conn) (*webLines, error) {
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second)) // a pipe has deadlines
	defer conn.SetDeadline(time.Time{})
	dialer := websocket.Dialer{NetDial: func(string, string) (net.Conn, error) { return conn, nil }}
	ws, _, err := dialer.Dial("ws://irc.test/", nil)
	if err != nil {
		return nil, err
	}
	return &webLines{Conn: ws}, nil
}

func (l *webLines) Read(p []byte) (int, error) {
	if len(l.rest) == 0 {
		_, line, err := l.ReadMessage()
		if err != nil {
			return 0, err
		}
		l.rest = append(line, "\r\n"...)
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

func (l *webLines) Write(p []byte) (int, error) {
	for line := range strings.SplitSeq(strings.TrimRight(string(p), "\r\n"), "\r\n") {
		if err := l.WriteMessage(websocket.TextMessage, []byte(line)); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}
