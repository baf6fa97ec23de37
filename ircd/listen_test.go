package ircd

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"testing"
	"time"

	"directus-ircd/ircd/ircdtest"
	"directus-ircd/ircd/transport"

	"github.com/gorilla/websocket"
)

// The subprotocols of IRC over WebSocket.
const (
	wsText   = "text.ircv3.net"
	wsBinary = "binary.ircv3.net"
)

// serveTCP serves on a real listener until the test ends, with the options of the transcripts but for changes.
func serveTCP(t *testing.T, chat *fakeChat, wrap func(net.Listener) net.Listener, changes ...func(*Options)) (address string, s *Server) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	opts := testOptions(t)
	for _, change := range changes {
		change(&opts)
	}
	s = NewServer(chat, opts)
	ctx, cancel := context.WithCancelCause(t.Context())
	served := make(chan error)
	go func() { served <- s.Serve(ctx, wrap(ln), ListenOptions{}) }()
	t.Cleanup(func() {
		cancel(errors.New("over"))
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return ln.Addr().String(), s
}

func asIs(ln net.Listener) net.Listener { return ln }

func TestTCP(t *testing.T) {
	address, _ := serveTCP(t, newFakeChat(), asIs)
	c := ircdtest.Dial(t, address)
	c.LoginPass("alice", "alice@example.com:pw-alice")
	// The reason of a close arrives, though unread input is waiting.
	c.Send("QUIT :bye")
	for range 1000 {
		c.Send("PRIVMSG #messages :too late")
	}
	c.Expect("ERROR :Closing link: Quit: bye")
}

func testTLS(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}
}

// TestTLS: a client that does not complete its handshake holds nobody up.
func TestTLS(t *testing.T) {
	server, client := testTLS(t)
	address, _ := serveTCP(t, newFakeChat(), func(ln net.Listener) net.Listener { return tls.NewListener(ln, server) })
	silent, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	c := ircdtest.DialTLS(t, address, client)
	c.LoginPass("alice", "alice@example.com:pw-alice")
	c.Send("QUIT")
	c.Expect("ERROR *")
	c.Closed()

	// A client without TLS is told what is wrong.
	plain := ircdtest.Dial(t, address)
	plain.Send("CAP LS 302", "NICK alice")
	expectAll(t, plain.Closed(), []string{"ERROR :" + errNoTLS.Error()})

	// A TLS client on a plain port is not answered with IRC.
	address, _ = serveTCP(t, newFakeChat(), asIs)
	if conn, err := tls.Dial("tcp", address, client); err == nil {
		conn.Close()
		t.Error("a TLS handshake succeeded on a plain port")
	}
}

func dialWS(t *testing.T, url string, header http.Header, tlsConfig *tls.Config, protocols ...string) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	d := websocket.Dialer{Subprotocols: protocols, HandshakeTimeout: ircdtest.Timeout, TLSClientConfig: tlsConfig}
	return d.Dial(url, header)
}

func TestWebSocket(t *testing.T) {
	address, _ := serveTCP(t, newFakeChat(), func(ln net.Listener) net.Listener { return transport.WebSocket(ln, nil) })
	for _, wished := range [][]string{{wsText}, {wsBinary}, {wsText, wsBinary}, {wsBinary, wsText}, {wsBinary, "other"}} {
		ws, _, err := dialWS(t, "ws://"+address, nil, nil, wished...)
		if err != nil {
			t.Fatal(err)
		}
		if got := ws.Subprotocol(); got != wished[0] {
			t.Errorf("of %q got subprotocol %q", wished, got)
		}
		c := ircdtest.New(t, ircdtest.OverWebSocket(ws))
		c.LoginPass("alice", "alice@example.com:pw-alice")
		c.Send("JOIN #messages")
		c.Expect("* 366 *")
		c.Send("QUIT :bye")
		c.Expect("ERROR :Closing link: Quit: bye")
		c.Closed()
	}
}

// TestWebSocketMessages looks at the messages themselves.
func TestWebSocketMessages(t *testing.T) {
	server, client := testTLS(t)
	address, _ := serveTCP(t, newFakeChat(), func(ln net.Listener) net.Listener { return transport.WebSocket(tls.NewListener(ln, server), nil) })
	ws, _, err := dialWS(t, "wss://"+address, nil, client)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	for _, step := range []struct {
		kind       int
		send, want string
	}{
		{websocket.TextMessage, "PING a", ":irc.test PONG irc.test :a"},
		{websocket.TextMessage, "PING b\r\n", ":irc.test PONG irc.test :b"},
		{websocket.BinaryMessage, "PING \xff", ":irc.test PONG irc.test :ÿ"},
		{websocket.TextMessage, "PING " + string(make([]byte, 20000)) + "c", ":irc.test PONG irc.test :c"},
	} {
		if err := ws.WriteMessage(step.kind, []byte(step.send)); err != nil {
			t.Fatal(err)
		}
		kind, msg, err := ws.ReadMessage()
		if err != nil || kind != websocket.TextMessage || string(msg) != step.want {
			t.Errorf("got %d %q, %v; want %q", kind, msg, err, step.want)
		}
	}
	if err := ws.WriteMessage(websocket.TextMessage, []byte("QUIT")); err != nil {
		t.Fatal(err)
	}
	if _, msg, err := ws.ReadMessage(); err != nil || string(msg) != "ERROR :Closing link: Quit" {
		t.Errorf("got %q, %v", msg, err)
	}
	if _, _, err := ws.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		t.Errorf("the end is %v", err)
	}
}

func TestWebSocketOrigin(t *testing.T) {
	allowed := []string{"https://chat.example.com"}
	address, _ := serveTCP(t, newFakeChat(), func(ln net.Listener) net.Listener { return transport.WebSocket(ln, allowed) })
	for origin, want := range map[string]int{
		"":                              http.StatusSwitchingProtocols,
		"https://chat.example.com":      http.StatusSwitchingProtocols,
		"https://CHAT.example.com":      http.StatusSwitchingProtocols,
		"http://" + address:             http.StatusSwitchingProtocols,
		"http://chat.example.com":       http.StatusForbidden,
		"https://evil.example":          http.StatusForbidden,
		"https://chat.example.com.evil": http.StatusForbidden,
		"null":                          http.StatusForbidden,
	} {
		header := http.Header{}
		if origin != "" {
			header.Set("Origin", origin)
		}
		ws, resp, err := dialWS(t, "ws://"+address, header, nil, wsText)
		if resp == nil || resp.StatusCode != want {
			t.Errorf("origin %q: got %v, %v", origin, resp, err)
		}
		if err == nil {
			ws.Close()
		}
	}
	resp, err := http.Get("http://" + address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("got %s %q", resp.Status, body)
	}
}

// oneOfAnAddress lets an address have a single connection.
func oneOfAnAddress(o *Options) { o.Limits.ConnectionsPerAddress = 1 }
