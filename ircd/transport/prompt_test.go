package transport

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"testing"
	"time"
)

// pair is a connection over a socket, over TLS if asked for. The client reads with io.ReadFull.
func pair(t *testing.T, secure bool) (server, client net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if client, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	// A small window, so that little is sent to who does not read.
	if err := errors.Join(client.(*net.TCPConn).SetReadBuffer(8<<10), server.(*net.TCPConn).SetWriteBuffer(8<<10)); err != nil {
		t.Fatal(err)
	}
	if secure {
		web := httptest.NewTLSServer(nil)
		t.Cleanup(web.Close)
		client = tls.Client(client, &tls.Config{InsecureSkipVerify: true})
		server = tls.Server(server, web.TLS)
		go client.(*tls.Conn).Handshake()
		if err := Handshake(t.Context(), server); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { server.Close(); client.Close() })
	return &sniffedConn{Conn: server}, client
}

// TestPromptDoesNotWait: to a client that does not read, what fits is written at once and no
// more; what follows a write that has timed out, or one that has come through, is written again
// when the client reads. Nothing is lost or doubled.
func TestPromptDoesNotWait(t *testing.T) {
	for name, secure := range map[string]bool{"tcp": false, "tls": true} {
		t.Run(name, func(t *testing.T) {
			server, client := pair(t, secure)
			w := NewPrompt(server, time.Minute)
			line := bytes.Repeat([]byte("a line "), 50)
			sent, start := 0, time.Now()
			for {
				n, err := w.TryWrite(line)
				if err != nil {
					t.Fatal(err)
				}
				if sent += n; n < len(line) {
					break
				}
			}
			if sent < len(line) || time.Since(start) > time.Minute {
				t.Fatalf("%d bytes after %v", sent, time.Since(start))
			}
			if !secure { // after a timeout TLS does not go on
				if err := w.WriteBy(line[sent%len(line):][:1], time.Now().Add(time.Millisecond)); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Fatalf("a write to who does not read: %v", err)
				}
			}
			if _, err := io.ReadFull(client, make([]byte, sent)); err != nil {
				t.Fatal(err)
			}
			if err := w.WriteBy([]byte("b"), time.Now().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			if n, err := w.TryWrite([]byte("c")); n != 1 || err != nil {
				t.Fatalf("%d bytes are taken of who reads again, %v", n, err)
			}
			rest := make([]byte, 2)
			if _, err := io.ReadFull(client, rest); err != nil || string(rest) != "bc" {
				t.Fatalf("then came %q, %v", rest, err)
			}
		})
	}
}

// TestPromptOfAnything: a connection that cannot tell what it takes is left to those who wait.
func TestPromptOfAnything(t *testing.T) {
	here, there := net.Pipe()
	defer here.Close()
	defer there.Close()
	w := NewPrompt(here, time.Second)
	if n, err := w.TryWrite([]byte("a")); w.CanTry() || n != 0 || err != nil {
		t.Errorf("%d bytes are taken, %v", n, err)
	}
}
