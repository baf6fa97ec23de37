package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"directus-ircd/bridge"
	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

func TestMain(m *testing.M) { directustest.Main(m) }

// stack is the daemon's three packages, put together before a Directus.
type stack struct {
	t       *testing.T
	address string
	cancel  context.CancelCauseFunc
	done    chan error
	backend *bridge.Backend
}

var fields = collection.Fields{Text: "text", Author: "user_created", Date: "date_created", Nonce: "nonce"}

// messages is the channel of the guide.
func messages(where string) collection.Config {
	return collection.Config{Name: "#messages", Collection: where, Backlog: 50, Fields: fields}
}

// start runs the daemon before a Directus; channels may be empty.
func start(t *testing.T, dx *directustest.Server, change func(*bridge.Options), channels ...collection.Config) *stack {
	t.Helper()
	if len(channels) == 0 {
		channels = []collection.Config{messages(dx.Collection)}
	}
	return startAt(t, dx.URL, change, channels...)
}

// startAt runs the daemon before whatever is at an URL.
func startAt(t *testing.T, at string, change func(*bridge.Options), channels ...collection.Config) *stack {
	t.Helper()
	base, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return startOn(t, listener, directus.New(base, directus.Options{Logger: logger(t)}), change, channels...)
}

func logger(t *testing.T) zerolog.Logger {
	return zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.InfoLevel)
}

func startOn(t *testing.T, listener net.Listener, client *directus.Client, change func(*bridge.Options), channels ...collection.Config) *stack {
	t.Helper()
	return startWithin(t, ircd.Limits{}, listener, client, change, channels...)
}

// startWithin is startOn with limits for the clients.
func startWithin(t *testing.T, limits ircd.Limits, listener net.Listener, client *directus.Client, change func(*bridge.Options), channels ...collection.Config) *stack {
	t.Helper()
	opts := bridge.Options{
		Client: client, Channels: channels, NickFields: []string{"first_name", "last_name"},
		LoginAttemptsPerMinute: 10, Logger: logger(t),
	}
	if change != nil {
		change(&opts)
	}
	s := &stack{t: t, done: make(chan error, 1), address: listener.Addr().String()}
	var err error
	if s.backend, err = bridge.New(opts); err != nil {
		t.Fatal(err)
	}
	server := ircd.NewServer(s.backend, ircd.Options{Name: "irc.test", Network: "Test", Version: "test", Started: time.Now(), Limits: limits, Logger: logger(t)})
	ctx, cancel := context.WithCancelCause(context.Background())
	s.cancel = cancel
	go func() { s.done <- server.Serve(ctx, listener, ircd.ListenOptions{}) }()
	t.Cleanup(s.stop)
	return s
}

// stop drains the daemon as SIGTERM does; it may be called twice.
func (s *stack) stop() {
	s.backend.Drain()
	s.cancel(errors.New("server shutting down"))
	if s.done == nil {
		return
	}
	begin := time.Now()
	if err := <-s.done; err != nil {
		s.t.Errorf("serve: %v", err)
	}
	s.done = nil
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if err := s.backend.Close(ctx); err != nil {
		s.t.Errorf("close: %v", err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		s.t.Errorf("draining took %v", took)
	}
}

// connect logs a user in with PASS and returns the client and its nick.
func (s *stack) connect(u directustest.User) (*ircdtest.Client, string) {
	s.t.Helper()
	c := ircdtest.Dial(s.t, s.address)
	c.Name = u.FirstName
	return c, c.LoginPass("guest", u.Email+":"+u.Password)
}

// join logs a user in and enters a channel, past the backlog.
func (s *stack) join(u directustest.User, channel string) (*ircdtest.Client, string) {
	s.t.Helper()
	c, nick := s.connect(u)
	c.Send("JOIN " + channel)
	c.Expect("* 366 " + nick + " " + channel + " *")
	c.Sync()
	return c, nick
}

// ownServer is a Directus that a test may kill. Most of the time such a test waits, so others run beside it.
func ownServer(t *testing.T, opts ...directustest.Option) *directustest.Server {
	t.Helper()
	t.Parallel()
	return directustest.Start(t, opts...)
}

// texts takes the texts of the PRIVMSGs to #messages out of lines.
func texts(lines []string) []string {
	var list []string
	for _, l := range lines {
		if _, text, ok := strings.Cut(l, " PRIVMSG #messages :"); ok {
			list = append(list, text)
		}
	}
	return list
}

func numbered(format string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(format, i)
	}
	return list
}
