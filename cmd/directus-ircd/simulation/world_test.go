package simulation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
	"directus-ircd/ircd/transport"

	"github.com/rs/zerolog"
)

const (
	// recheck is directus.recheck of the daemon.
	recheck = time.Minute
	// merge is edits.merge of the daemon.
	merge = 5 * time.Second
	// settling is how long the world rests at the end before it is judged: longer than the daemon's reading of all that it
	// may have missed takes.
	settling = 15 * time.Minute
)

// person is a Directus user. Its fields are owned by the world's goroutine, but for the credentials.
type person struct {
	id, email string
	password  string // guarded by the world's mu
	token     string // guarded by the world's mu
}

// world is one run of a scenario, inside of a bubble.
type world struct {
	t         testing.TB
	scenario  scenario
	start     time.Time
	fake      *directustest.Fake
	wires     *wires
	chronicle *chronicle
	book      *book
	people    []*person
	clients   []*client
	directory string // of the daemon's state
	tending   sync.WaitGroup

	// Owned by the world's goroutine.
	spec      []channelSpec // as configured
	own       bool          // every user reads with subscriptions of their own
	shared    bool          // some did not, at one time
	faults    map[string]int
	deeds     map[string]int
	disorders []stay            // see disorder
	rest      time.Time         // from when on nothing happens
	lives     int               // of the daemon so far
	wrecked   []int             // the lives at whose end, or behind it, the daemon's state was lost
	restarts  []time.Time       // when each life was ended
	renamed   bool              // names, or who may read them, have changed
	fileless  bool              // the daemon could not open its file, and keeps in memory what it would have there
	reloads   []time.Time       // of the configuration
	touched   map[string]string // by collection: the key of the item that was changed last
	spells    spells
	verdict   verdict

	mu       sync.Mutex
	daemon   *daemon  // nil: there is none; guarded by mu
	names    []string // of the channels as configured; guarded by mu
	full     bool     // the disk is; guarded by mu
	waited   int      // how often it was looked at what waits; guarded by mu
	resting  bool     // nobody asks for anything by themselves; guarded by mu
	failures []string // guarded by mu
	log      []string // of the daemon; guarded by mu
}

// daemon is one life of what is tested.
type daemon struct {
	life    int // its number, from 1 on
	client  *directus.Client
	backend *bridge.Backend
	server  *ircd.Server
	ln, web *ircdtest.Listener // of plain IRC, and of IRC over WebSocket
	stop    context.CancelCauseFunc
	serving sync.WaitGroup
}

// clock is the time since the world's beginning, for logs.
func (w *world) clock() string { return fmt.Sprintf("%9.3f", time.Since(w.start).Seconds()) }

// fail notes a broken promise.
func (w *world) fail(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failures = append(w.failures, fmt.Sprintf(format, args...))
}

// Write takes the daemon's log.
func (w *world) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	line := strings.TrimSpace(string(p))
	w.log = append(w.log, w.clock()+" "+line)
	if strings.Contains(line, "panic") {
		w.failures = append(w.failures, "panic: "+line)
	}
	return len(p), nil
}

// newWorld builds what the scenario says. It runs inside of a bubble.
func newWorld(t testing.TB, s scenario) *world {
	w := &world{
		t: t, scenario: s, start: time.Now(), chronicle: newChronicle(s.settings.people, s.settings.directus.Ahead), book: newBook(),
		verdict: verdict{}, faults: map[string]int{}, deeds: map[string]int{}, own: s.settings.ownFeeds, touched: map[string]string{},
	}
	w.fake = directustest.NewFake(t, s.settings.directus)
	fields := []string{"text", "nonce", "room", "status", "level", "reply"}
	for name, uuids := range map[string]bool{"messages": s.settings.uuidKeys, "other": !s.settings.uuidKeys} {
		w.fake.AddCollection(name, directustest.FakeCollection{
			Key: s.settings.keyName, Fields: fields, Unique: []string{"nonce"}, UUIDKey: uuids, Relations: map[string]string{"reply": name},
			Dates: s.settings.dates,
		})
	}
	w.fake.AddCollection("private", directustest.FakeCollection{
		Fields: []string{"text", "nonce", "recipient"}, Unique: []string{"nonce"}, Relations: map[string]string{"recipient": "directus_users"},
	})
	w.fake.AddCollection("reactions", directustest.FakeCollection{Fields: []string{"message", "emoji"}, Relations: map[string]string{"message": "messages"}})
	w.fake.OnChange(w.chronicle.note)
	w.fake.OnStore(w.giveKey)
	w.haunt()
	for i := range s.settings.people {
		p := &person{email: fmt.Sprintf("p%d@example.com", i), password: fmt.Sprintf("password %d", i), token: fmt.Sprintf("token-%d", i)}
		p.id = w.fake.AddUser(directustest.FakeUser{
			ID: fmt.Sprintf("%08d-0000-4000-8000-%012d", i+1, i+1), Email: p.email, Password: p.password, Token: p.token,
			FirstName: firstNames[(i+int(s.seed%97))%len(firstNames)],
		})
		w.people = append(w.people, p)
		w.fake.Restrict(p.id, "private", map[string]any{"_or": []any{
			map[string]any{"recipient": map[string]any{"_eq": p.id}}, map[string]any{"user_created": map[string]any{"_eq": p.id}},
		}})
	}
	for i := range s.settings.ruled {
		for _, collection := range []string{"messages", "other"} {
			w.rule(len(w.people)-1-i%len(w.people), collection)
		}
	}
	for _, ch := range s.settings.channels {
		if !ch.late {
			w.spec = append(w.spec, ch)
		}
	}
	w.wires = &wires{dial: w.fake.Dial}
	w.directory = t.TempDir()
	w.startDaemon()
	for i, spec := range s.settings.clients {
		w.clients = append(w.clients, newClient(w, i, spec))
	}
	return w
}

// options are those of the bridge as the world wants them now.
func (w *world) options(client *directus.Client) bridge.Options {
	w.shared = w.shared || !w.own && w.scenario.settings.directus.Version[:2] != "10" // which does not say what may be read
	opts := bridge.Options{
		Client: client, NickFields: []string{"first_name"}, Recheck: recheck, OwnFeeds: w.own, LoginsAtOnce: 4,
		Edits:  collection.Edits{Show: true, Merge: w.scenario.settings.merge, MaxAge: 24 * time.Hour},
		Logger: zerolog.New(w).Level(zerolog.InfoLevel),
	}
	for _, ch := range w.spec {
		c := collection.Config{
			Name: ch.name, Collection: ch.collection, Backlog: ch.backlog, AutoJoin: ch.autoJoin, Corrections: ch.corrections,
			Format: w.scenario.settings.formats[ch.collection],
			Fields: collection.Fields{
				ID: w.scenario.settings.keyName, Text: "text", Author: "user_created", Date: "date_created", Nonce: "nonce", Reply: "reply",
			},
		}
		if ch.room != "" {
			c.Filter, c.Set = map[string]any{"room": map[string]any{"_eq": ch.room}}, map[string]any{"room": ch.room}
		}
		if ch.softDelete {
			c.SoftDelete = &collection.SoftDelete{Field: "status", Values: []string{"deleted"}}
		}
		if ch.reactions && ch.collection == "messages" {
			c.Reactions = &collection.Reactions{Collection: "reactions", Message: "message", Text: "emoji", Author: "user_created", Date: "date_created"}
		}
		opts.Channels = append(opts.Channels, c)
	}
	if w.scenario.settings.private {
		opts.Private = &collection.Private{Collection: "private", Backlog: 10, Fields: collection.Fields{
			Text: "text", Author: "user_created", Date: "date_created", Nonce: "nonce", Recipient: "recipient",
		}}
	}
	return opts
}

// startDaemon starts a life of the daemon.
func (w *world) startDaemon() {
	d := &daemon{life: w.lives + 1, ln: ircdtest.NewListener(), web: ircdtest.NewListener()}
	d.client = directus.New(w.fake.URL(), directus.Options{
		NetDial: w.wires.Dial, Logger: zerolog.New(w).Level(zerolog.InfoLevel), WallClock: w.wallClock(d.life),
	})
	opts := w.options(d.client)
	w.openState(&opts)
	w.lives = d.life
	var err error
	if d.backend, err = bridge.New(opts); err != nil {
		w.t.Fatal(err)
	}
	pace := 20.0
	if w.scenario.settings.hasty {
		pace = 2000.0
	}
	d.server = ircd.NewServer(d.backend, ircd.Options{
		Name: "irc.test", DeleteNotices: true, Location: time.UTC, Logger: zerolog.New(w).Level(zerolog.InfoLevel),
		Limits: ircd.Limits{
			RegistrationTimeout: time.Minute, LinesPerSecond: pace, Burst: int(2.5 * pace), PingTimeout: 4 * time.Minute, ChannelsPerClient: 50, SendQueue: w.scenario.settings.sendQueue,
		},
	})
	ctx, stop := context.WithCancelCause(context.Background())
	d.stop = stop
	for _, ln := range []net.Listener{d.ln, transport.WebSocket(d.web, nil)} {
		d.serving.Go(func() {
			if err := d.server.Serve(ctx, ln, ircd.ListenOptions{}); err != nil && !errors.Is(err, net.ErrClosed) {
				w.fail("serve: %v", err)
			}
		})
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.daemon, w.names = d, w.channelNames()
}

const clockSet = "daemon's clock set" // the name of the fault in reports

// wallClocks are by how much the daemon's machine is ahead of its time at the starts of the daemon, one after the other: the
// clock was set while the daemon did not run. While it runs, setting it changes nothing: see doc.go.
var wallClocks = []time.Duration{0, 90 * time.Second, -10 * time.Minute, 24 * time.Hour, -5 * time.Second, -24 * time.Hour, time.Hour, 0}

// wallClock is what the daemon reads in a life.
func (w *world) wallClock(life int) func() time.Time {
	ahead := wallClocks[(int(w.scenario.seed%8)*(life-1))%len(wallClocks)]
	if life > 1 && ahead != 0 {
		w.faults[clockSet]++
	}
	return func() time.Time { return time.Now().Add(ahead) }
}

func (w *world) channelNames() (names []string) {
	for _, ch := range w.spec {
		names = append(names, ch.name)
	}
	return names
}

// wanted are the names of the channels that clients want to be in: those that are configured.
func (w *world) wanted() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.resting {
		return nil
	}
	return w.names
}

// stopDaemon ends a life of the daemon as SIGTERM does.
func (w *world) stopDaemon() {
	w.mu.Lock()
	d := w.daemon
	w.daemon = nil
	w.restarts = append(w.restarts, time.Now())
	w.mu.Unlock()
	w.forgets()
	begin := time.Now()
	d.backend.Drain()
	d.stop(errors.New("the server is restarting"))
	d.serving.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = d.backend.Close(ctx) // sessions that are left open in Directus expire there
	d.client.Close()
	if took := time.Since(begin); took > 5*time.Second {
		w.fail("the daemon took %v to stop", took)
	}
}

// connect hands the far end of a connection to the daemon and returns which life of it that is; false if there is none.
func (w *world) connect(ctx context.Context, far net.Conn, web bool) (life int, ok bool) {
	w.mu.Lock()
	d := w.daemon
	w.mu.Unlock()
	if d == nil {
		return 0, false
	}
	w.judgeQueues(d)
	if web {
		d.web.Connect(far)
	} else {
		d.ln.Connect(far)
	}
	return d.life, ctx.Err() == nil
}

// credentials are what a client of somebody logs in with: an account and its secret.
func (w *world) credentials(i int, token bool) (account, secret string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.people[i]
	if token {
		return "token", p.token
	}
	return p.email, p.password
}

// channel is a channel of the scenario, configured or not.
func (w *world) channel(name string) (channelSpec, bool) {
	for _, ch := range w.scenario.settings.channels {
		if strings.EqualFold(ch.name, name) {
			return ch, true
		}
	}
	return channelSpec{}, false
}

// run carries the scenario out and judges it. It returns what is broken.
func (w *world) run() {
	ctx, stop := context.WithCancel(context.Background())
	var clients sync.WaitGroup
	for _, c := range w.clients {
		clients.Go(func() { c.run(ctx) })
		w.tending.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case <-time.After(probePeriod):
					c.tend()
				}
			}
		})
	}
	time.Sleep(10 * time.Second)
	for _, s := range w.scenario.steps {
		w.act(s)
		time.Sleep(s.pause)
	}
	w.mend()
	time.Sleep(settling)
	synctest.Wait()
	w.mu.Lock()
	w.resting = true
	w.mu.Unlock()
	w.judgeQuiet()
	w.judgeMemory(func() {
		stop()
		clients.Wait()
		w.tending.Wait()
		w.stopDaemon()
	})
	w.judge()
}

// act carries out a step.
func (w *world) act(s step) {
	a := acts[s.name]
	if a.do == nil || !a.do(w, s) {
		return
	}
	if a.fault {
		w.faults[s.name]++
	} else {
		w.deeds[s.name]++
	}
}

// mend ends all faults, and brings back who is away.
func (w *world) mend() {
	w.healthy()
	for _, c := range w.clients {
		c.want(true)
	}
}

// simulate runs a scenario in a bubble of its own and returns the world as it was in the end.
func simulate(t *testing.T, s scenario) (w *world) {
	cryptotest.SetGlobalRandom(t, s.seed)
	ircdtest.Bubble(t, func(t *testing.T) {
		w = newWorld(t, s)
		w.run()
	})
	return w
}

var _ io.Writer = (*world)(nil)

// wreck makes a file of the daemon's state useless while it is down.
func (w *world) wreck() error {
	w.mu.Lock()
	full := w.full
	w.mu.Unlock()
	w.fillDisk(false) // that is what the daemon meets, not the one who wrecks
	defer w.fillDisk(full)
	return os.WriteFile(w.directory+"/resume.db", []byte("no database"), 0o600)
}
