package directus_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
)

// Node closes a connection that was idle for 5 s. A request that reaches it on such a connection afterwards, as the path was
// slow, gets no answer, and whether it was carried out cannot be known: so a change never takes a connection that may be closed.
func TestChangeOnAnIdleConnection(t *testing.T) {
	const keepAlive, stall = 5 * time.Second, 3 * time.Second
	for _, method := range []string{http.MethodPost, "SEARCH", http.MethodGet} {
		for idle := time.Duration(0); idle < keepAlive+time.Second; idle += 250 * time.Millisecond {
			t.Run(method+" "+idle.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					path := newSlowPath()
					server := &http.Server{IdleTimeout: keepAlive, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
						_, _ = io.WriteString(w, `{"data":{"id":"1","access_token":"a","refresh_token":"b","expires":900000}}`)
					})}
					go func() { _ = server.Serve(path) }()
					client := directus.New(&url.URL{Scheme: "http", Host: "directus.test"}, directus.Options{NetDial: path.dial})
					defer server.Close()
					defer client.Close()
					account, err := client.Login(t.Context(), "ada@example.com", "secret", "")
					must(t, err)
					ask := func() error {
						return account.Do(t.Context(), method, "/items/messages", nil, map[string]any{"text": "hello"}, nil)
					}
					must(t, ask())
					time.Sleep(idle)
					path.stall(stall)
					if err := ask(); err != nil {
						t.Errorf("after %v: %v", idle, err)
					}
				})
			})
		}
	}
}

// slowPath is a network on which what a client sends can be held up. It is the listener at its far end.
type slowPath struct {
	incoming chan net.Conn
	closed   chan struct{}
	once     sync.Once

	mu    sync.Mutex
	until time.Time // nothing arrives before; guarded by mu
}

func newSlowPath() *slowPath {
	return &slowPath{incoming: make(chan net.Conn), closed: make(chan struct{})}
}

func (p *slowPath) stall(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until = time.Now().Add(d)
}

func (p *slowPath) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.incoming <- &slowConn{Conn: far, path: p}:
		return near, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *slowPath) Accept() (net.Conn, error) {
	select {
	case c := <-p.incoming:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *slowPath) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *slowPath) Addr() net.Addr { return &net.TCPAddr{} }

// slowConn is the server's end of a connection: what has left the client waits in it.
type slowConn struct {
	net.Conn
	path *slowPath

	mu       sync.Mutex
	deadline time.Time // of reading; guarded by mu
	waiting  []byte    // by the goroutine that reads
}

func (c *slowConn) SetReadDeadline(at time.Time) error {
	c.mu.Lock()
	c.deadline = at
	c.mu.Unlock()
	return c.Conn.SetReadDeadline(at)
}

func (c *slowConn) Read(b []byte) (int, error) {
	if len(c.waiting) == 0 {
		n, err := c.Conn.Read(b)
		if err != nil {
			return n, err
		}
		c.waiting = append(c.waiting, b[:n]...)
	}
	c.path.mu.Lock()
	held := time.Until(c.path.until)
	c.path.mu.Unlock()
	c.mu.Lock()
	left := time.Until(c.deadline)
	limited := !c.deadline.IsZero() && left < held
	c.mu.Unlock()
	if limited {
		time.Sleep(left)
		return 0, os.ErrDeadlineExceeded
	}
	time.Sleep(held)
	n := copy(b, c.waiting)
	c.waiting = c.waiting[n:]
	return n, nil
}

// A link on demand opens no socket before somebody wants it, and is then kept up. That the
// account is over it notices all the while.
func TestLinkOnDemand(t *testing.T) {
	for name, want := range map[string]func(r *rig, l *directus.Realtime){
		"a subscription": func(_ *rig, l *directus.Realtime) { l.Subscribe("messages", directus.SubscriptionQuery{}) },
		"who waits":      func(r *rig, l *directus.Realtime) { must(r.t, l.Ready(r.t.Context())) },
		"Want":           func(_ *rig, l *directus.Realtime) { l.Want() },
		"nobody":         nil,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, directustest.FakeOptions{}, func(r *rig) {
				a := r.login()
				l := a.Realtime(directus.RealtimeOptions{OnDemand: true})
				over := make(chan error, 1)
				go func() { over <- l.Run(r.t.Context()) }()
				time.Sleep(time.Hour)
				if n := r.fake.Count("GET /websocket"); n != 0 || !l.State().Since.IsZero() {
					t.Errorf("%d sockets that nobody wants: %+v", n, l.State())
				}
				if want != nil {
					want(r, l)
					time.Sleep(time.Minute)
					r.fake.Cut()
					time.Sleep(time.Minute)
					if n := r.fake.Count("GET /websocket"); n != 2 || !l.State().Up {
						t.Errorf("%d sockets, one of which was cut: %+v", n, l.State())
					}
				}
				r.fake.SetPassword(r.kevin, "another")
				if err := a.Check(r.t.Context()); !errors.Is(err, directus.ErrLoggedOut) {
					t.Errorf("check: %v", err)
				}
				if err := <-over; !errors.Is(err, directus.ErrLoggedOut) {
					t.Errorf("Run: %v", err)
				}
			})
		})
	}
}
