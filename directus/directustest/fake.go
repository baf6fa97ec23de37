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

	"directus-ircd/directus"
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
//	t.Cleanup(c.Close) // idle connections would outlive a bubble
//	id := f.Insert("messages", kevin, map[string]any{"text": "hi"}) // as from the web app: stored, then an event
//
// Insert, Update, Remove and the like play the other side of the chat. Permissions (Deny, Restrict, ...) are
// effective at once; no open socket notices changes of users (Suspend, SetToken, ...). Faults are Cut, Down,
// Database, Directory, ExpireSockets, HoldEvents, LoseEvents and RepeatEvents, and whatever the hooks OnFrame and OnREST decide.
//
// It is safe for concurrent use. OnFrame and OnREST hooks run without its lock, the others with it.
type Fake struct {
	t        testing.TB
	opts     FakeOptions
	server   *http.Server
	listener *pipeListener
	serving  sync.WaitGroup
	stopping chan struct{} // closed by the cleanup: ends hanging answers
	ahead    atomic.Int64  // how far the clock is ahead of ours, in nanoseconds

	mu          sync.Mutex // guards what follows
	window      window     // of RESTLimit
	admitted    time.Time  // when Nginx last admitted a request
	users       map[string]*FakeUser
	attempts    map[string]int
	sessions    map[string]string // refresh token: user
	access      map[string]grant  // access token
	collections map[string]*collection
	denied      map[permission]bool
	restricted  map[permission]map[string]any
	fields      map[permission][]string // the only fields that a create may hold, or that may be read
	sockets     []*socket
	counts      map[string]int
	onFrame     func(FakeFrame) FrameVerdict
	onREST      func(RESTRequest) RESTVerdict
	onChange    func(FakeChange)
	onStore     func(collection string, item map[string]any)
	noDatabase  bool
	noDirectory bool
	cached      map[string]cachedAnswer // by user and URL
	holding     bool
	losing      bool
	repeating   bool
	held        []func()
}

// FakeOptions configure a Fake. The zero value is a Directus 12 with its
// defaults.
type FakeOptions struct {
	Version        string              // default "12.4.0"
	AccessTTL      time.Duration       // default 15 minutes; whole seconds
	Mode           string              // handshake (default), strict or public
	NoWebSockets   bool                // WEBSOCKETS_ENABLED=false
	Heartbeat      time.Duration       // default 30 s; negative: off
	QueryLimitMax  int                 // 0: none
	LoginStall     time.Duration       // LOGIN_STALL_TIME, default none
	EchoAfterReply bool                // the reply to a create comes before its event, not after it
	Ahead          time.Duration       // how far its clock is ahead of time.Now
	Zone           *time.Location      // its TZ, of DateTime; default UTC
	Cached         bool                // CACHE_ENABLED=true, CACHE_AUTO_PURGE=false: the answer to a GET is repeated for 5 minutes
	RESTLimit      RateLimit           // of the REST calls of all clients together, enforced by 429 with Retry-After
	Nginx          NginxLimit          // of requests, enforced by a proxy in front
	RateLimit      RateLimit           // of the frames of each socket; shown in /server/info
	Providers      []directus.Provider // AUTH_PROVIDERS
	NoDefault      bool                // AUTH_DISABLE_DEFAULT=true
}

// RateLimit allows Points requests in each Duration. The zero value is no limit.
type RateLimit struct {
	Points   int
	Duration time.Duration
}

// NginxLimit plays limit_req of nginx without a burst: it refuses a request that comes less than
// 1/Rate seconds after the one before.
type NginxLimit struct {
	Rate   int  // requests a second; zero: no limit
	Status int  // limit_req_status; zero: 503
	Dated  bool // send a Retry-After with a date that is a second or two ahead
}

// NewFake starts a Fake with an empty collection "messages" (id, text, nonce,
// date_created, user_created) that every user may read, create, update and
// delete. It stops at the end of the test. If EnvVersion or
// EnvDatabase asks for another than the default, the test is skipped, because it would do the same as before.
func NewFake(t testing.TB, opts FakeOptions) *Fake {
	t.Helper()
	database, err := chosenDatabase()
	if err != nil {
		t.Fatal(err)
	}
	if v := os.Getenv(EnvVersion); v != "" && v != localserver.DefaultVersion || database != SQLite {
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
		restricted: map[permission]map[string]any{}, fields: map[permission][]string{},
		counts: map[string]int{}, cached: map[string]cachedAnswer{},
	}
	f.SetClock(opts.Ahead)
	f.collections[usersCollection] = &collection{FakeCollection: FakeCollection{Key: "id"}, name: usersCollection}
	f.AddCollection("messages", FakeCollection{Fields: []string{"text", "nonce"}, Unique: []string{"nonce"}})
	f.server, f.listener = &http.Server{Handler: f.handler(), IdleTimeout: keepAliveTimeout}, newPipeListener()
	f.serve(f.listener)
	t.Cleanup(func() {
		close(f.stopping)
		f.Cut()
		f.listener.Close()
		f.server.Close()
		f.serving.Wait()
		f.mu.Lock()
		sockets := f.sockets
		f.mu.Unlock()
		for _, s := range sockets {
			<-s.finished
		}
	})
	return f
}

// serve serves a listener until the end of the Fake. Down acts only on f.listener.
func (f *Fake) serve(ln net.Listener) {
	f.serving.Go(func() {
		if err := f.server.Serve(ln); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			f.t.Errorf("fake directus: %v", err)
		}
	})
}

// Listen serves the Fake to other processes as well, and returns the address. Down
// does not stop that.
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
func (f *Fake) Dial(ctx context.Context, _, _ string) (net.Conn, error) { return f.listener.dial(ctx) }

// Down breaks every connection and refuses new ones, like a killed process.
// Users, items and refresh tokens stay, as does the validity of access tokens.
func (f *Fake) Down() {
	f.listener.refuse(true)
	f.Cut()
}

// Up ends Down.
func (f *Fake) Up() { f.listener.refuse(false) }

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

// Count is how many requests of a kind there were: "POST /auth/login" and the like,
// "upgrade", or "ws <type> [<action>]".
func (f *Fake) Count(what string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts[what]
}

// Counts returns the number of requests of every kind, as in Count.
func (f *Fake) Counts() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.counts)
}

func (f *Fake) count(what string) { f.locked(func() { f.counts[what]++ }) }

// before reports whether the Fake plays a version below a major one.
func (f *Fake) before(major string) bool {
	own, _, _ := strings.Cut(f.opts.Version, ".")
	return len(own) < len(major) || len(own) == len(major) && own < major
}
