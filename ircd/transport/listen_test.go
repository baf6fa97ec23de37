package transport

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/ircd/ircdtest"
)

// TestWebSocketClose: closing a listener ends the handshakes that are under way,
// and the connections that nobody accepted.
func TestWebSocketClose(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := WebSocket(ln, nil)
	shaking, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer shaking.Close()
	nc, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- Handshake(t.Context(), nc) }()
	if _, err := io.WriteString(shaking, "GET / HTTP/1.1\r\n"); err != nil {
		t.Fatal(err)
	}
	waiting, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer waiting.Close()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, errNoWebSocket) && !errors.Is(err, net.ErrClosed) {
		t.Errorf("the handshake ended with %v", err)
	}
	nc.Close()
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
	for _, c := range []net.Conn{shaking, waiting} {
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("a connection stayed open")
		}
	}
}

// A client that waits, or sends its first bytes one by one, speaks IRC; what it
// sent meanwhile is not lost.
func TestSharedListenerPatience(t *testing.T) {
	for _, first := range []string{"", "G", "GE", "GET", "N", "NICK x\r\n"} {
		ircdtest.Bubble(t, func(t *testing.T) {
			here, there := net.Pipe()
			defer there.Close()
			c := &sniffedConn{Conn: here}
			go func() {
				for i := range first {
					if _, err := there.Write([]byte{first[i]}); err != nil {
						return // all the rest is read elsewhere
					}
				}
			}()
			start := time.Now()
			isHTTP, err := c.isHTTP(t.Context())
			if isHTTP || err != nil {
				t.Errorf("%q: got %v, %v", first, isHTTP, err)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("%q took %v", first, took)
			}
			got := make([]byte, 64)
			n := 0
			if len(c.head) > 0 {
				if n, err = c.Read(got); err != nil || !strings.HasPrefix(first, string(got[:n])) {
					t.Errorf("%q: read %q, %v", first, got[:n], err)
				}
			}
			here.Close()
			synctest.Wait()
		})
	}
}

// The end of the server does not wait for a client that is silent.
func TestSharedListenerStop(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		here, there := net.Pipe()
		defer there.Close()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		if _, err := (&sniffedConn{Conn: here}).isHTTP(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("it took %v", took)
		}
		here.Close()
	})
}
