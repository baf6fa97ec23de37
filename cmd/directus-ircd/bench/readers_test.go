package bench

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sync/errgroup"
)

const (
	// patience is how long a step may take before the benchmark gives up.
	patience = 5 * time.Minute
	// atOnce is how many readers log in at the same time.
	atOnce = 64
	// mark stands in each measured message in front of its number.
	mark = "measured-"
)

// tally counts who has what. It is made for a number of readers and messages.
type tally struct {
	readers int64
	counts  []atomic.Int64
	last    []chan time.Time // by message: when the last reader had it; cap 1
}

func newTally(readers, messages int) *tally {
	t := &tally{readers: int64(readers), counts: make([]atomic.Int64, messages), last: make([]chan time.Time, messages)}
	for i := range t.last {
		t.last[i] = make(chan time.Time, 1)
	}
	return t
}

// text is that of a message.
func text(n int) string {
	return fmt.Sprintf("%s%06d and so on, as long as a message is on average", mark, n)
}

// see counts the messages in what a reader has got.
func (t *tally) see(data []byte) {
	for {
		_, rest, ok := bytes.Cut(data, []byte(mark))
		if !ok {
			return
		}
		n := 0
		for _, digit := range rest[:6] {
			n = 10*n + int(digit-'0')
		}
		if n < len(t.counts) && t.counts[n].Add(1) == t.readers {
			t.last[n] <- time.Now()
		}
		data = rest
	}
}

// wait waits until the last reader has a message, and returns when that was.
func (t *tally) wait(tb testing.TB, n int) time.Time {
	tb.Helper()
	select {
	case at := <-t.last[n]:
		return at
	case <-time.After(patience):
		tb.Fatalf("%d of %d readers have message %d", t.counts[n].Load(), t.readers, n)
	}
	return time.Time{}
}

// readers are connections that only read. A tally is told of what they get.
type readers struct {
	tb    testing.TB
	tally atomic.Pointer[tally]
	wg    sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn // guarded by mu
}

// A connect opens a reader's connection and says how to go on reading it.
type connect func(token string) (conn net.Conn, read func(seen func([]byte)) error, err error)

// startReaders connects a reader for each token and returns when all of them are ready for messages.
func startReaders(tb testing.TB, tokens []string, open connect) *readers {
	tb.Helper()
	r := &readers{tb: tb}
	tb.Cleanup(r.close)
	var group errgroup.Group
	group.SetLimit(atOnce)
	for _, token := range tokens {
		group.Go(func() error {
			conn, read, err := open(token)
			if conn != nil {
				r.mu.Lock()
				r.conns = append(r.conns, conn)
				r.mu.Unlock()
			}
			if err != nil {
				return err
			}
			r.wg.Go(func() { r.run(read) })
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		tb.Fatal(err)
	}
	return r
}

// watch begins to count.
func (r *readers) watch(messages int) *tally {
	t := newTally(len(r.conns), messages)
	r.tally.Store(t)
	return t
}

func (r *readers) run(read func(func([]byte)) error) {
	err := read(func(data []byte) {
		if t := r.tally.Load(); t != nil {
			t.see(data)
		}
	})
	if err != nil && !errors.Is(err, net.ErrClosed) {
		r.tb.Errorf("a reader: %v", err)
	}
}

func (r *readers) close() {
	r.mu.Lock()
	for _, conn := range r.conns {
		conn.Close()
	}
	r.conns = nil
	r.mu.Unlock()
	r.wg.Wait()
}

// flat are the fields of a message as they are stored, which Directus reads most cheaply, and named those that a line on
// IRC is made of: a page that shows who has written a message asks for them.
var (
	flat  = []string{"id", "text", "user_created", "date_created"}
	named = []string{"id", "text", "user_created.id", "user_created.first_name", "date_created"}
)

// socketReader reads Directus itself, as a web app does.
func socketReader(address string, fields []string) connect {
	return func(token string) (net.Conn, func(func([]byte)) error, error) {
		ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(address, "http")+"/websocket", nil)
		if err != nil {
			return nil, nil, err
		}
		for _, step := range []struct {
			frame map[string]any
			want  string
		}{
			{map[string]any{"type": "auth", "access_token": token}, `"ok"`},
			{map[string]any{"type": "subscribe", "collection": collection, "event": "create",
				"query": map[string]any{"fields": fields}}, `"init"`},
		} {
			if err := ws.WriteJSON(step.frame); err != nil {
				return ws.NetConn(), nil, err
			}
			if _, data, err := ws.ReadMessage(); err != nil || !bytes.Contains(data, []byte(step.want)) {
				return ws.NetConn(), nil, fmt.Errorf("%v was answered with %s, %v", step.frame["type"], data, err)
			}
		}
		return ws.NetConn(), func(seen func([]byte)) error {
			for {
				_, data, err := ws.ReadMessage()
				if err != nil {
					return err
				}
				if bytes.HasPrefix(data, []byte(`{"type":"ping"`)) {
					if err := ws.WriteJSON(map[string]any{"type": "pong"}); err != nil {
						return err
					}
				}
				seen(data)
			}
		}, nil
	}
}

// ircReader reads from the daemon, as a client with the usual capabilities does.
func ircReader(address string) connect {
	return ircReaderOn(func() (net.Conn, error) { return net.Dial("tcp", address) })
}

// dial connects, over TLS if secure.
func dial(address string, secure bool) (net.Conn, error) {
	if secure {
		return tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true}) // it measures, and trusts itself
	}
	return net.Dial("tcp", address)
}

// below is what carries a connection. To close that is to end it without a goodbye of TLS, which would be answered.
func below(conn net.Conn) net.Conn {
	if secure, ok := conn.(*tls.Conn); ok {
		return secure.NetConn()
	}
	return conn
}

// secureReader is ircReader over TLS.
func secureReader(address string) connect {
	open := ircReaderOn(func() (net.Conn, error) { return dial(address, true) })
	return func(token string) (net.Conn, func(func([]byte)) error, error) {
		conn, read, err := open(token)
		if conn != nil {
			conn = below(conn)
		}
		return conn, read, err
	}
}

func ircReaderOn(dial func() (net.Conn, error)) connect {
	return ircReaderWith("server-time message-tags batch draft/chathistory", dial)
}

func ircReaderWith(capabilities string, dial func() (net.Conn, error)) connect {
	return func(token string) (net.Conn, func(func([]byte)) error, error) {
		conn, err := dial()
		if err != nil {
			return nil, nil, err
		}
		fmt.Fprintf(conn, "CAP REQ :%s\r\nPASS %s\r\nNICK reader\r\nUSER reader 0 * :Reader\r\nCAP END\r\n", capabilities, token)
		in := bufio.NewReaderSize(conn, 8<<10)
		for {
			line, err := in.ReadSlice('\n')
			switch {
			case err != nil:
				return conn, nil, err
			case bytes.HasPrefix(line, []byte("ERROR")):
				return conn, nil, fmt.Errorf("the daemon says %s", line)
			case bytes.Contains(line, []byte(" 366 ")):
				return conn, func(seen func([]byte)) error { return readIRC(conn, in, seen) }, nil
			}
		}
	}
}

func readIRC(conn net.Conn, in *bufio.Reader, seen func([]byte)) error {
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if rest, ok := bytes.CutPrefix(line, []byte("PING ")); ok {
			if _, err := fmt.Fprintf(conn, "PONG %s", rest); err != nil {
				return err
			}
		}
		seen(line)
	}
}
