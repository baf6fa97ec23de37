package directustest

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"directus-ircd/directus/localserver"
)

// Fake is an in-process double of Directus for what a real one cannot be made
// to do on demand. It keeps users and items in memory and speaks the parts of
// REST and of the realtime protocol that package directus uses, with the
// differences between the versions 10, 11 and 12 that matter to a client. It
// listens on in-memory pipes, so it works inside of a testing/synctest bubble,
// where tokens expire and retries happen in no time.
//
// Usage:
//
//	f := directustest.NewFake(t, directustest.FakeOptions{})
//	kevin := f.AddUser(directustest.FakeUser{Email: "kevin@example.com", Password: "secret", FirstName: "Kevin"})
//	c := directus.New(f.URL(), directus.Options{NetDial: f.Dial})
//	t.Cleanup(c.Close)           // idle connections would outlive a bubble
//
// The other side of the chat:
//
//	id := f.Insert("messages", kevin, map[string]any{"text": "hi"}) // as from the web app: stored, then an event
//	f.Update("messages", id, map[string]any{"text": "hello"})
//	f.Remove("messages", id)
//	f.UpdateMany, f.RemoveMany   // the same with several items, which makes one event
//	f.Items("messages")          // everything stored, in the order of storing
//	f.Count("POST /auth/login")  // also "upgrade", "ws auth", "ws items create", "ws pong", ...
//	f.Sockets(); f.Sessions(); f.Subscriptions() // what is open: authenticated sockets, refresh tokens, ...
//
// Faults:
//
//	f.Cut()                      // every socket breaks without a close frame
//	f.Down(); f.Up()             // the process is killed, and started again with the same database
//	f.Database(false)            // requests hang, REST answers 500, authentication fails, pings are answered
//	f.ExpireSockets()            // TOKEN_EXPIRED, then the window in which a socket is somebody else
//	f.OnFrame(hook)              // a verdict on each frame of a client: skip, mute, cut, delay, another reply
//	f.OnREST(hook)               // a verdict on each REST call: refuse, delay, or lose the answer
//	f.OnChange(hook)             // told of everything that is stored
//	f.Send(kevin, frame)         // any frame to the sockets of a user
//	f.HoldEvents(); f.ReleaseEvents(true) // events later, in reverse order
//	f.LoseEvents(true)           // events vanish without a trace
//	f.RepeatEvents(true)         // events come twice
//	f.Allow, f.Deny, f.Restrict, f.CreateOnly, f.ReadOnly // permissions, effective at once
//	f.Suspend, f.SetPassword, f.SetToken  // changes that no open socket notices
//	f.SetClock(-time.Hour)       // its clock is set
//
// It is safe for concurrent use. Hooks run without its lock.
type Fake struct {
	t        testing.TB
	opts     FakeOptions
	server   *http.Server
	serving  sync.WaitGroup
	stopping chan struct{} // closed by the cleanup: ends hanging answers
	ahead    atomic.Int64  // how far the clock is ahead of ours, in nanoseconds

	mu          sync.Mutex // guards what follows
	window      time.Time  // of RESTLimit, when it began
	admitted    time.Time  // by Nginx, the last request
	asked       int        // calls in it
	listener    *pipeListener
	users       map[string]*FakeUser
	attempts    map[string]int
	sessions    map[string]string // refresh token: user
	access      map[string]grant  // access token
	collections map[string]*collection
	denied      map[permission]bool
	restricted  map[permission]map[string]any
	creatable   map[permission][]string // the only fields that a create may hold
	readable    map[permission][]string // the only fields that may be asked for
	sockets     []*socket
	counts      map[string]int
	onFrame     func(FakeFrame) FrameVerdict
	onREST      func(RESTRequest) RESTVerdict
	onChange    func(FakeChange)
	onStore     func(collection string, item map[string]any)
	noDatabase  bool
	cached      map[string]cachedAnswer // by user and URL
	holding     bool
	losing      bool
	repeating   bool
	held        []func()
}

// FakeOptions configure a Fake. The zero value is a Directus 12 with its
// defaults.
type FakeOptions struct {
	Version        string         // default "12.4.0"
	AccessTTL      time.Duration  // default 15 minutes; whole seconds
	Mode           string         // handshake (default), strict or public
	NoWebSockets   bool           // WEBSOCKETS_ENABLED=false
	Heartbeat      time.Duration  // default 30 s; negative: off
	QueryLimitMax  int            // 0: none
	LoginStall     time.Duration  // LOGIN_STALL_TIME, default none
	EchoAfterReply bool           // a create's reply comes before its event, not behind
	Ahead          time.Duration  // how far its clock is ahead of ours
	Zone           *time.Location // its TZ, of DateTime; default UTC
	Cached         bool           // CACHE_ENABLED=true, CACHE_AUTO_PURGE=false: a GET asked before is answered as before, for 5 minutes
	RESTLimit      RateLimit      // of REST calls, enforced on all together: 429 with Retry-After
	Nginx          NginxLimit     // of requests, enforced by a proxy in front
	RateLimit      RateLimit      // told in /server/info and enforced on each socket
}

// RateLimit is a number of frames in a time; zero: none.
type RateLimit struct {
	Points   int
	Duration time.Duration
}

// NginxLimit is nginx' limit_req without a burst: requests that come sooner than their time are
// turned away.
type NginxLimit struct {
	Rate   int  // a second; zero: none
	Status int  // limit_req_status; 503 unless told otherwise
	Dated  bool // it says in Retry-After, by a date, to come again in a second or two
}

// NewFake starts a Fake with an empty collection "messages" (id, text, nonce,
// date_created, user_created) that every user may read, create, update and
// delete. It stops at the end of the test, which is skipped where EnvVersion asks
// for another Directus than the default: nothing that it does depends on that.
func NewFake(t testing.TB, opts FakeOptions) *Fake {
	t.Helper()
	if v := os.Getenv(EnvVersion); v != "" && v != localserver.DefaultVersion {
		t.Skip("needs no real Directus")
	}
	if opts.Version == "" {
		opts.Version = "12.4.0"
	}
	if opts.AccessTTL == 0 {
		opts.AccessTTL = 15 * time.Minute
	}
	if opts.Mode == "" {
		opts.Mode = "handshake"
	}
	if opts.Heartbeat == 0 {
		opts.Heartbeat = 30 * time.Second
	}
	f := &Fake{
		t: t, opts: opts, stopping: make(chan struct{}),
		users: map[string]*FakeUser{}, attempts: map[string]int{},
		sessions: map[string]string{}, access: map[string]grant{},
		collections: map[string]*collection{}, denied: map[permission]bool{},
		restricted: map[permission]map[string]any{}, creatable: map[permission][]string{},
		readable: map[permission][]string{}, counts: map[string]int{}, cached: map[string]cachedAnswer{},
	}
	f.SetClock(opts.Ahead)
	f.AddCollection("messages", FakeCollection{Fields: []string{"text", "nonce"}, Unique: []string{"nonce"}})
	f.server = &http.Server{Handler: f.handler(), IdleTimeout: keepAliveTimeout}
	f.listener = newPipeListener()
	f.serve(f.listener)
	t.Cleanup(func() {
		close(f.stopping)
		f.Cut()
		f.mu.Lock()
		f.listener.Close()
		f.mu.Unlock()
		f.server.Close()
		f.serving.Wait()
		f.joinSockets()
	})
	return f
}

// serve serves a listener for the life of the Fake; Down only makes its own one refuse.
func (f *Fake) serve(ln net.Listener) {
	f.serving.Go(func() {
		if err := f.server.Serve(ln); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			f.t.Errorf("fake directus: %v", err)
		}
	})
}

// Listen serves the Fake to other processes as well, and returns the address. Down
// does not concern them.
func (f *Fake) Listen() *url.URL {
	f.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.t.Fatal(err)
	}
	f.serve(ln)
	return &url.URL{Scheme: "http", Host: ln.Addr().String()}
}

// URL is the address to give to directus.New, together with Dial.
func (f *Fake) URL() *url.URL { return &url.URL{Scheme: "http", Host: "directus.test"} }

// Dial is a directus.Options.NetDial that reaches the Fake whatever the
// address.
func (f *Fake) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	f.mu.Lock()
	l := f.listener
	f.mu.Unlock()
	return l.dial(ctx)
}

// Down breaks every connection and refuses new ones, like a killed process.
// Users, items and refresh tokens stay, as does the validity of access tokens.
func (f *Fake) Down() {
	f.mu.Lock()
	l := f.listener
	f.mu.Unlock()
	l.refuse(true)
	f.Cut()
}

// Up ends Down.
func (f *Fake) Up() {
	f.mu.Lock()
	l := f.listener
	f.mu.Unlock()
	l.refuse(false)
}

// Sockets is the number of authenticated sockets that are open.
func (f *Fake) Sockets() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, s := range f.sockets {
		if s.user != "" && !s.closed {
			n++
		}
	}
	return n
}

// Subscriptions is the number of subscriptions of all open sockets.
func (f *Fake) Subscriptions() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, s := range f.sockets {
		if !s.closed {
			n += len(s.subs)
		}
	}
	return n
}

// Subscribers are the users with a subscription to a collection on an open socket, in order.
func (f *Fake) Subscribers(collection string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	users := map[string]bool{}
	for _, s := range f.sockets {
		if !s.closed && slices.ContainsFunc(s.subs, func(sub *subscription) bool { return sub.collection == collection }) {
			users[s.user] = true
		}
	}
	return slices.Sorted(maps.Keys(users))
}

// Count is how often something was asked: "POST /auth/login" and the like,
// "upgrade", or "ws <type> [<action>]".
func (f *Fake) Count(what string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts[what]
}

// Counts are all that Count tells of.
func (f *Fake) Counts() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.counts)
}

func (f *Fake) count(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts[what]++
}

// before reports whether the Fake plays a version below a major one.
func (f *Fake) before(major string) bool {
	own, _, _ := strings.Cut(f.opts.Version, ".")
	return len(own) < len(major) || len(own) == len(major) && own < major
}
