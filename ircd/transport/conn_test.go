package transport

import (
	"crypto/tls"
	"net"
	"net/http/httptest"
	"testing"
)

// TestServerName: the host that a client asked for is known behind whatever carries its
// lines, and a WebSocket is told from all else.
func TestServerName(t *testing.T) {
	srv := httptest.NewTLSServer(nil)
	defer srv.Close()
	here, there := net.Pipe()
	defer here.Close()
	defer there.Close()
	secure := tls.Server(here, srv.TLS)
	go func() {
		_ = tls.Client(there, &tls.Config{InsecureSkipVerify: true, ServerName: "irc.example.com"}).Handshake()
	}()
	if err := Handshake(t.Context(), secure); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		nc   net.Conn
		name string
		web  bool
	}{
		{secure, "irc.example.com", false},
		{&webConn{Conn: &sniffedConn{Conn: secure}, accepted: secure}, "irc.example.com", false},
		{&webConn{Conn: &wsConn{}, accepted: secure}, "irc.example.com", true},
		{here, "", false},
	} {
		if got := ServerName(test.nc); got != test.name {
			t.Errorf("%T: got %q, want %q", test.nc, got, test.name)
		}
		if got := IsWebSocket(test.nc); got != test.web {
			t.Errorf("%T: a WebSocket: %v", test.nc, got)
		}
	}
}
