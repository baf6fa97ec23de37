package ircd

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/ircd/ircdtest"
	"directus-ircd/ircd/transport"
)

// On a shared port IRC and WebSocket are told apart by what comes first, with
// TLS and without.
func TestSharedListener(t *testing.T) {
	server, client := testTLS(t)
	for name, test := range map[string]struct {
		scheme    string
		tlsConfig *tls.Config
		wrap      func(net.Listener) net.Listener
	}{
		"plain": {"ws://", nil, func(ln net.Listener) net.Listener { return transport.Shared(ln, nil) }},
		"tls":   {"wss://", client, func(ln net.Listener) net.Listener { return transport.Shared(tls.NewListener(ln, server), nil) }},
	} {
		t.Run(name, func(t *testing.T) {
			address, _ := serveTCP(t, newFakeChat(), test.wrap)
			var c *ircdtest.Client
			if test.tlsConfig != nil {
				c = ircdtest.DialTLS(t, address, test.tlsConfig)
			} else {
				c = ircdtest.Dial(t, address)
			}
			c.LoginPass("alice", "alice@example.com:pw-alice")
			c.Send("QUIT :bye")
			for range 1000 {
				c.Send("PRIVMSG #messages :too late")
			}
			c.Expect("ERROR :Closing link: Quit: bye")

			ws, _, err := dialWS(t, test.scheme+address, nil, test.tlsConfig, wsText)
			if err != nil {
				t.Fatal(err)
			}
			w := ircdtest.New(t, ircdtest.OverWebSocket(ws))
			w.LoginPass("bob", "bob@example.com:pw-bob")
			w.Send("QUIT")
			w.Closed()

			header := http.Header{"Origin": {"https://evil.example"}}
			if _, resp, err := dialWS(t, test.scheme+address, header, test.tlsConfig); err == nil || resp == nil || resp.StatusCode != http.StatusForbidden {
				t.Errorf("a foreign origin: %v, %v", resp, err)
			}
		})
	}
}

// What is neither IRC nor a request for a WebSocket is sent away at once.
func TestSharedListenerRefuses(t *testing.T) {
	address, s := serveTCP(t, newFakeChat(), func(ln net.Listener) net.Listener { return transport.Shared(ln, nil) })
	for first, want := range map[string]string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n":                      "HTTP/1.1 426 ",
		"GET " + strings.Repeat("x", 2*16<<10) + " HTTP/1.1\r\n": "HTTP/1.1 431 ",
		"GET \r\n\r\n":                       "HTTP/1.1 400 ",
		"POST / HTTP/1.1\r\nHost: a\r\n\r\n": "HTTP/1.1 400 ",
		"GETX :y\r\nQUIT\r\n":                ":irc.test ",
		"HEAD / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n":                 "HTTP/1.1 400 ",
		"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03 a TLS handshake\r\nQUIT\r\n": "ERROR :",
	} {
		nc, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(nc, first); err != nil {
			t.Fatal(err)
		}
		if err := nc.SetReadDeadline(time.Now().Add(ircdtest.Timeout)); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(nc)
		if !strings.HasPrefix(string(got), want) || err != nil && !errors.Is(err, net.ErrClosed) && !strings.Contains(err.Error(), "reset by peer") {
			t.Errorf("%.20q: got %q, %v", first, got, err)
		}
		nc.Close()
	}
	if n := s.Stats().Accepted; n != 7 {
		t.Errorf("%d connections were counted", n)
	}
}

// TestHalfRequestsCount: a connection counts before it is a WebSocket, and before
// its TLS handshake, and is given up when those take too long.
func TestHalfRequestsCount(t *testing.T) {
	for name, wrap := range map[string]func(net.Listener) net.Listener{
		"web socket": func(ln net.Listener) net.Listener { return transport.WebSocket(ln, nil) },
		"shared":     func(ln net.Listener) net.Listener { return transport.Shared(ln, nil) },
		"tls":        func(ln net.Listener) net.Listener { return tls.NewListener(ln, &tls.Config{}) },
	} {
		ircdtest.Bubble(t, func(t *testing.T) {
			opts := testOptions(t)
			opts.Limits.Connections = 2
			s := NewServer(newFakeChat(), opts)
			pipes := ircdtest.NewListener()
			ctx, cancel := context.WithCancel(t.Context())
			served := make(chan error)
			go func() { served <- s.Serve(ctx, wrap(pipes), ListenOptions{}) }()
			for range 3 {
				here, there := net.Pipe()
				defer here.Close()
				pipes.Connect(there)
				if name != "tls" {
					if _, err := io.WriteString(here, "GET / HTTP/1.1\r\nHost"); err != nil {
						t.Fatalf("%s: %v", name, err)
					}
				}
				synctest.Wait()
			}
			if st := s.Stats(); st.Connections != 2 || st.Refused != 1 {
				t.Errorf("%s: got %+v", name, st)
			}
			time.Sleep(15 * time.Second)
			if st := s.Stats(); st.Connections != 0 {
				t.Errorf("%s: %d connections are left", name, st.Connections)
			}
			cancel()
			if err := <-served; err != nil {
				t.Error(err)
			}
		})
	}
}

// A connection over the limit is told so in its own language.
func TestSharedListenerLimit(t *testing.T) {
	address, _ := serveTCP(t, newFakeChat(), func(ln net.Listener) net.Listener { return transport.Shared(ln, nil) }, oneOfAnAddress)
	first := ircdtest.Dial(t, address)
	first.LoginPass("alice", "alice@example.com:pw-alice")
	ws, _, err := dialWS(t, "ws://"+address, nil, nil, wsText)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	if _, msg, err := ws.ReadMessage(); err != nil || string(msg) != "ERROR :"+errAddressFull.Error() {
		t.Errorf("got %q, %v", msg, err)
	}
}

// TestListenOptionsSTS: what a client is told depends on the host that it asked
// for.
func TestListenOptionsSTS(t *testing.T) {
	server, client := testTLS(t)
	client = client.Clone()
	client.InsecureSkipVerify, client.ServerName = true, "irc.example.com"
	here, there := net.Pipe()
	defer here.Close()
	defer there.Close()
	secure := tls.Server(here, server)
	go func() { _ = tls.Client(there, client).Handshake() }()
	if err := secure.Handshake(); err != nil {
		t.Fatal(err)
	}
	opts := ListenOptions{STS: func(host string) string { return "for " + host }}
	for _, test := range []struct {
		opts ListenOptions
		nc   net.Conn
		want string
	}{
		{opts, secure, "for irc.example.com"},
		{opts, here, "for "},
		{ListenOptions{}, secure, ""},
	} {
		if got := test.opts.sts(test.nc); got != test.want {
			t.Errorf("%T: got %q, want %q", test.nc, got, test.want)
		}
	}
}
