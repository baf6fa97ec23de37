package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
	"directus-ircd/directus/setup"
)

const (
	// accessTTL is the life of an access token: many end in every run.
	accessTTL = 8 * time.Second
	// shortRefreshTTL is shorter than what the daemon waits before it uses a refresh token of accessTTL.
	shortRefreshTTL = "1s"
	longRefreshTTL  = "7d"
	// recheck is how long a permission that was taken away may count.
	recheck = 10 * time.Second
)

// The channels, by the collections that they show. The last one is quiet: what is written there while nobody listens is
// found by reading alone, as nothing comes behind it.
var (
	channels = []string{"#messages", "#staff", "#quiet"}
	busy     = channels[:2]
	quiet    = channels[2]
)

// channelOf is the channel of what a writer says all the time.
func channelOf(k key) string { return busy[k.n%len(busy)] }

// marked is the channel whose messages carry a nonce, so that what became of them can always be found out.
const marked = "#messages"

func collectionOf(channel string) string { return strings.TrimPrefix(channel, "#") }

// world is everything that a run is made of.
type world struct {
	t       *testing.T
	dx      *directustest.Server
	proxy   *directustest.Proxy
	daemons []*daemon
	random  *rand.Rand // of the script alone
	begun   time.Time
	book    *book

	people  []*person
	writers []*ircWriter
	directs []*directWriter
	quiet   *directWriter     // used by the script
	victor  directustest.User // writes what others change; used by the script
	pairs   []*pair
	readers []*reader
	givenUp bool // messages did not come: the rest of the script is not worth waiting for. Owned by the script
	// hidden is the writer whose messages in #messages the guest may not read either; empty where this Directus knows no
	// such rule.
	hidden string

	ctx     context.Context // of all clients
	writing context.Context // of all writers; they end in good order
	stop    context.CancelFunc
	wg      sync.WaitGroup // the clients
	blamed  int            // broken promises; owned by judge

	mu    sync.Mutex
	notes *os.File // guarded by mu
}

// backlog is how many messages a client is shown that comes, and a device at most that comes back.
const backlog = 10000

// newWorld starts Directus, the way to it and the daemons, and makes the people: those of one daemon share feeds, and
// those of the other have their own.
func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	w := &world{t: t, random: rand.New(rand.NewPCG(seed, 0)), begun: time.Now(), book: newBook()}
	var err error
	if w.notes, err = os.Create(filepath.Join(t.ArtifactDir(), "notes.log")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.notes.Close() })
	w.dx = directustest.Start(t, directustest.Env("ACCESS_TOKEN_TTL", accessTTL.String()), directustest.Cached(),
		directustest.Env("WEBSOCKETS_HEARTBEAT_PERIOD", "5"), directustest.Env("REFRESH_TOKEN_TTL", longRefreshTTL))
	w.proxy = directustest.NewProxy(t, w.dx.URL)
	for _, channel := range channels[1:] {
		if _, err := setup.Run(t.Context(), w.dx.Admin(), setup.Options{Collection: collectionOf(channel)}); err != nil {
			t.Fatal(err)
		}
	}
	w.addRooms()
	w.addFlow()
	w.makeGuests()
	program, most := build(t, t.TempDir()), strconv.Itoa(backlog)
	for _, of := range []struct {
		feeds           string
		people          []string
		pair, namesakes [2]string
	}{
		{"shared", []string{"Ada", "Bob", "Carol", "Dave", "Eve"}, [2]string{"Max", "Moe"}, [2]string{"Zoe", "Zoé"}},
		{"own", []string{"Fay", "Gus", "Hal", "Ivy", "Joe"}, [2]string{"Ned", "Nat"}, [2]string{}},
	} {
		d := newDaemon(t, program, of.feeds, `
directus: {url: "`+w.proxy.URL+`", share_feeds: `+strconv.FormatBool(of.feeds == "shared")+`, recheck: `+recheck.String()+`}
channels:
  - {name: "#messages", collection: messages, backlog: `+most+`, fields: {nonce: nonce}}
  - {name: "#staff", collection: staff, backlog: `+most+`, filter: {room: {_eq: `+roomOfStaff+`}}, set: {room: `+roomOfStaff+`}}
  - {name: "#quiet", collection: quiet, backlog: `+most+`}
resume: {directory: "`+t.TempDir()+`"}
limits: {lines_per_second: 0, login_attempts_per_minute: 0, send_queue: 2MiB}
`)
		d.shares = of.feeds == "shared"
		w.daemons = append(w.daemons, d)
		w.populate(d, of.people)
		w.addPair(d, of.pair)
		if of.namesakes[0] != "" {
			w.addNamesakes(d, of.namesakes)
		}
	}
	for i, send := range []func(context.Context, *directWriter, string, map[string]string) error{byREST, byREST, byWebSocket, byWebSocket} {
		name := []string{"rest", "restless", "socket", "sockets"}[i]
		w.directs = append(w.directs, &directWriter{world: w, name: name, user: w.dx.CreateUser(name, ""), send: send})
	}
	w.victor = w.dx.CreateUser(subjectAuthor, "")
	w.quiet = &directWriter{world: w, name: "quiet", user: w.dx.CreateUser("quiet", ""), send: byREST}
	return w
}

// populate makes the people of a daemon, by their first names, and their clients.
func (w *world) populate(d *daemon, names []string) {
	w.t.Helper()
	var people []*person
	for _, name := range names {
		people = append(people, newPerson(d, w.dx.CreateUser(name, ""), true))
	}
	w.people = append(w.people, people...)
	guest := people[4]
	guest.staff = false
	w.dx.UpdateUser(guest.user, map[string]any{"role": guestRole})

	w.addWriter(people[0], true, capsOf[tagged])
	w.addWriter(people[1], false, nil)
	naysayer := w.addWriter(people[2], true, capsOf[tagged])
	naysayer.name, naysayer.pace = naysay+d.name, slowPace
	w.addReader("plain", people[1], plain)
	w.addReader("tagged", people[0], tagged)
	w.addReader("paging", people[2], paging)
	w.addReader("device", people[3], plain).device = "/laptop"
	w.addReader("tagdevice", people[3], tagged).device = "/phone"
	w.addReader("guest", guest, plain)
	w.addReader("tagguest", guest, tagged)
	w.addReader("pageguest", guest, paging)
}

func (w *world) addWriter(p *person, echo bool, caps []string) *ircWriter {
	name := strings.ToLower(p.user.FirstName)
	x := &ircWriter{client: client{world: w, name: name, person: p, caps: caps}, echo: echo, pace: pace}
	w.writers = append(w.writers, x)
	return x
}

// guests are those of people who may not read everything.
func (w *world) guests() (list []*person) {
	for _, p := range w.people {
		if !p.staff {
			list = append(list, p)
		}
	}
	return list
}

func (w *world) addReader(name string, p *person, s style) *reader {
	mine := channels
	if !p.staff {
		mine = channels[:1]
	}
	r := &reader{
		client: client{world: w, name: name + " of " + p.daemon.name, person: p, caps: capsOf[s]}, style: s, channels: mine, seen: map[key]bool{}, told: map[string]bool{},
	}
	w.readers = append(w.readers, r)
	return r
}

// guestRole is that of the guests: they may read #messages and no more, and where this Directus knows such rules, not
// even all of that.
const (
	guestRole   = "5e6f7a01-0000-4000-8000-000000000001"
	guestPolicy = "5e6f7a01-0000-4000-8000-000000000002"
)

func (w *world) makeGuests() {
	w.t.Helper()
	w.dx.Do(http.MethodPost, "/roles", nil, map[string]any{"id": guestRole, "name": "Guests"}, nil)
	w.dx.Do(http.MethodPost, "/policies", nil, map[string]any{"id": guestPolicy, "name": "Guests", "app_access": false, "admin_access": false}, nil)
	w.dx.Do(http.MethodPost, "/access", nil, map[string]any{"role": guestRole, "policy": guestPolicy}, nil)
	rule := map[string]any{"policy": guestPolicy, "collection": "messages", "action": "read", "fields": []string{"*"},
		"permissions": map[string]any{"text": map[string]any{"_nstarts_with": "restless/"}}}
	switch err := w.dx.Admin().Do(w.t.Context(), http.MethodPost, "/permissions", nil, rule, nil); {
	case err == nil:
		w.hidden = "restless"
	case directus.IsCode(err, "RESOURCE_RESTRICTED"):
		delete(rule, "permissions")
		w.dx.Do(http.MethodPost, "/permissions", nil, rule, nil)
	default:
		w.t.Fatal(err)
	}
	w.dx.Do(http.MethodPost, "/permissions", nil, map[string]any{"policy": guestPolicy, "collection": "directus_users", "action": "read", "fields": []string{"*"}}, nil)
}

// mayRead tells whether a person may read a message in a channel.
func (w *world) mayRead(p *person, k key, channel string) bool {
	return k.writer != attic && (p.staff || channel == "#messages" && k.writer != w.hidden)
}

// start lets everybody in. The clients end with ctx, the writers when finish is called.
func (w *world) start(ctx context.Context) {
	w.ctx = ctx
	w.writing, w.stop = context.WithCancel(ctx)
	for _, r := range w.readers {
		w.wg.Go(func() { r.run(ctx) })
	}
	for _, d := range w.directs {
		w.wg.Go(func() { d.run(ctx) })
	}
	for _, x := range w.writers {
		w.wg.Go(func() { x.run(ctx) })
	}
	w.wg.Go(func() { w.fillAttic(ctx) })
}

func (w *world) since() time.Duration { return time.Since(w.begun).Round(time.Millisecond) }
func (w *world) clients() (list []*client) {
	for _, r := range w.readers {
		list = append(list, &r.client)
	}
	for _, x := range w.writers {
		list = append(list, &x.client)
	}
	return list
}

// note writes into a file what may explain a failure.
func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fmt.Fprintf(w.notes, "%v %s\n", w.since(), fmt.Sprintf(format, args...))
}

// tell notes and logs.
func (w *world) tell(format string, args ...any) {
	w.t.Helper()
	w.note(format, args...)
	w.t.Logf("%8v %s", w.since(), fmt.Sprintf(format, args...))
}

// blameNow is fail for a broken promise that is found before the end. What is before the colon says which.
func (w *world) blameNow(format string, args ...any) {
	w.t.Helper()
	kind, _, _ := strings.Cut(format, ":")
	w.book.do(func() { w.book.broken[kind]++ })
	w.fail(format, args...)
}

// fail notes what breaks a promise.
func (w *world) fail(format string, args ...any) {
	w.t.Helper()
	w.note(format, args...)
	w.t.Errorf("%v %s", w.since(), fmt.Sprintf(format, args...))
}
