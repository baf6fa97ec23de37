package simulation

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

const (
	// recheck is directus.recheck of the daemon.
	recheck = time.Minute
	// merge is edits.merge of the daemon.
	merge = 5 * time.Second
	// settling is how long the world rests at the end before it is judged: longer than the daemon's reading of all that it
	// may have missed takes.
	settling = lateness + 2*time.Minute
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
	reversals []stay            // in which events come in reverse
	rest      time.Time         // from when on nothing happens
	lives     int               // of the daemon so far
	wrecked   []int             // the lives at whose end, or behind it, the daemon's state was lost
	restarts  []time.Time       // when each life was ended
	renamed   bool              // names, or who may read them, have changed
	fileless  bool              // the daemon could not open its file, and keeps in memory what it would have there
	reloads   []time.Time       // of the configuration
	touched   map[string]string // by collection: the key of the item that was changed last
	spells    spells
	roomless  bool // the configuration has no rooms at the moment
	named     int  // how many rooms were called something
	verdict   verdict
	tries     tries

	mu       sync.Mutex
	daemon   *daemon  // nil: there is none; guarded by mu
	names    []string // of the channels as configured; guarded by mu
	full     bool     // the disk is; guarded by mu
	waited   int      // how often it was looked at what waits; guarded by mu
	mended   bool     // no step follows; guarded by mu
	resting  bool     // nobody asks for anything by themselves; guarded by mu
	failures []string // guarded by mu
	log      []string // of the daemon; guarded by mu
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
	w.fake.OnStore(func(collection string, item map[string]any) {
		w.giveKey(collection, item)
		w.furnished(collection, item)
	})
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
	w.addRooms()
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
	if id, room := strings.CutPrefix(name, "#room:"); room {
		return w.scenario.settings.roomSpec(id), true
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
	a, ok := acts[s.name]
	if !ok {
		a = roomActs[s.name]
	}
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
	w.mu.Lock()
	w.mended = true
	w.mu.Unlock()
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
