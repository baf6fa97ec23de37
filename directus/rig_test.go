package directus_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
)

// Credentials of the users of a rig. The test at the end of each rig looks for
// them in the log.
const (
	kevinEmail    = "kevin@example.com"
	kevinPassword = "correct horse"
	kevinToken    = "static-token-of-kevin"
)

// A rig is a fake Directus, a client of it and a user.
type rig struct {
	t     *testing.T
	fake  *directustest.Fake
	kevin string
	*directus.Client
	logged *syncBuffer
}

type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// bubble runs a test on a rig in a bubble, where time passes as soon as all
// wait for it.
func bubble(t *testing.T, opts directustest.FakeOptions, test func(*rig)) {
	t.Helper()
	inBubble(t, func(t *testing.T) { test(newRig(t, opts)) })
}

// inBubble is synctest.Test on one processor: with more the race detector
// itself may crash when timers of one bubble fire together
// (https://go.dev/issue/78156).
func inBubble(t *testing.T, test func(*testing.T)) {
	t.Helper()
	procs := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(procs)
	synctest.Test(t, test)
}

func newRig(t *testing.T, opts directustest.FakeOptions) *rig {
	t.Helper()
	r := &rig{t: t, fake: directustest.NewFake(t, opts), logged: &syncBuffer{}}
	r.kevin = r.fake.AddUser(directustest.FakeUser{
		Email: kevinEmail, Password: kevinPassword, Token: kevinToken, FirstName: "Kevin", LastName: "Spacetime",
	})
	r.Client = directus.New(r.fake.URL(), directus.Options{
		NetDial: r.fake.Dial, Logger: zerolog.New(r.logged).Level(zerolog.TraceLevel),
	})
	t.Cleanup(func() {
		r.Client.Close()
		for _, secret := range []string{kevinEmail, kevinPassword, kevinToken, "eyJ", "secret text"} {
			if strings.Contains(r.logged.String(), secret) {
				t.Errorf("the log holds %q:\n%s", secret, r.logged)
			}
		}
		if t.Failed() {
			t.Logf("log:\n%s", r.logged)
		}
	})
	return r
}

// login opens a session and closes it at the end of the test.
func (r *rig) login() *directus.Account {
	r.t.Helper()
	a, err := r.Login(r.t.Context(), kevinEmail, kevinPassword, "")
	if err != nil {
		r.t.Fatalf("log in: %v", err)
	}
	return a
}

// A live is a Realtime that runs, and what it said.
type live struct {
	*directus.Realtime
	t      *testing.T
	stop   context.CancelFunc
	ended  chan struct{}
	err    error // of Run, after ended
	mu     sync.Mutex
	states []directus.State
}

// run starts a link and stops it at the end of the test.
func run(t *testing.T, a *directus.Account) *live {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	l := &live{t: t, stop: stop, ended: make(chan struct{})}
	l.Realtime = a.Realtime(directus.RealtimeOptions{OnState: func(s directus.State) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.states = append(l.states, s)
	}})
	go func() {
		defer close(l.ended)
		l.err = l.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-l.ended
		if !errors.Is(l.err, context.Canceled) && !errors.Is(l.err, directus.ErrLoggedOut) {
			t.Errorf("Run returned %v", l.err)
		}
	})
	return l
}

// up waits for the link.
func (l *live) up() {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := l.Ready(ctx); err != nil {
		l.t.Fatalf("link is not ready: %v (state %+v)", err, l.State())
	}
}

func (l *live) history() []directus.State {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]directus.State(nil), l.states...)
}

// end waits for Run to return by itself.
func (l *live) end(within time.Duration) error {
	l.t.Helper()
	select {
	case <-l.ended:
		return l.err
	case <-time.After(within):
		l.t.Fatalf("Run has not returned within %v", within)
		return nil
	}
}

// patience is how long a test waits for what must happen. In a bubble it is
// free.
const patience = 40 * time.Second

// A tail reads a subscription as the bridge does.
type tail struct {
	t      *testing.T
	sub    *directus.Subscription
	events []directus.Event
	gaps   int
}

func follow(t *testing.T, r *directus.Realtime, collection string, kinds ...directus.EventKind) *tail {
	t.Helper()
	return &tail{t: t, sub: r.Subscribe(collection, directus.SubscriptionQuery{
		Fields: []string{"id", "text", "user_created.id"}, Events: kinds,
	})}
}

// until drains until a condition holds.
func (tl *tail) until(what string, holds func() bool) {
	tl.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		events, gap := tl.sub.Drain()
		tl.events = append(tl.events, events...)
		if gap {
			tl.gaps++
		}
		if holds() {
			return
		}
		select {
		case <-tl.sub.Wake():
		case <-deadline.C:
			tl.t.Fatalf("%s: still waiting; texts %q, %d gaps, active %t, err %v",
				what, tl.texts(), tl.gaps, tl.sub.Active(), tl.sub.Err())
		}
	}
}

// active waits for the first catch-up point.
func (tl *tail) active() {
	tl.t.Helper()
	tl.until("subscription", func() bool { return tl.sub.Active() && tl.gaps > 0 })
}

// texts of the created and updated items, in the order of arrival.
func (tl *tail) texts() []string {
	var texts []string
	for _, e := range tl.events {
		for _, raw := range e.Items {
			texts = append(texts, textOf(tl.t, raw))
		}
	}
	return texts
}

func textOf(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	var item struct {
		Text string `json:"text"`
	}
	if err := json.Unmarshal(raw, &item); err != nil {
		t.Fatalf("item: %v", err)
	}
	return item.Text
}

func create(t *testing.T, r *directus.Realtime, text string) error {
	t.Helper()
	_, err := r.Create(context.Background(), "messages", map[string]any{"text": text}, []string{"id", "text"})
	return err
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func numbered(n int) []string {
	var s []string
	for i := range n {
		s = append(s, fmt.Sprintf("m%03d", i))
	}
	return s
}
