package clients

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/directus/localserver/needs"
	"directus-ircd/directus/setup"
)

var only = flag.String("clients.run", "", "only clients whose names match this regular expression")

const (
	// patience is how long anything may take until it is shown: a client may wait before it connects again.
	patience = 90 * time.Second
	// drawn is how long a window may take until it is drawn.
	drawn = 10 * time.Second
)

// Real clients, side by side, show what happens in a channel once, and nothing odd.
func TestClients(t *testing.T) {
	directustest.SkipShort(t)
	w := newWorld(t)
	for _, s := range steps {
		began := time.Now()
		s.play(w, s.name)
		w.clients = slices.DeleteFunc(w.clients, func(c *client) bool { return w.wrong[c][s.name] != nil })
		t.Logf("%s: %.1f s", s.name, time.Since(began).Seconds())
	}
	w.print()
}

// past is what a bot would answer to a question of the backlog.
const past = "answered too late."

// world is what the clients have in common.
type world struct {
	t       *testing.T
	dx      *directustest.Server
	daemon  *daemon
	ada     directustest.User // writes over the API of Directus
	clients []*client         // that take part
	all     []*client

	mu    sync.Mutex
	wrong map[*client]map[string]error // guarded by mu: by step
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, wrong: map[*client]map[string]error{}}
	w.dx = directustest.Start(t, directustest.Setup(setup.Options{Edit: true, Private: true, PrivateReadable: true}))
	w.ada = w.dx.CreateUser("Ada", "")
	w.daemon = newDaemon(t, `
directus: {url: "`+w.dx.URL+`"}
server: {name: irc.example.com, network: Chat, motd: "Good morning"}
channels: [{name: "#messages", collection: messages, fields: {nonce: nonce}, topic: "All of us"}]
private: {collection: private_messages}
limits: {login_attempts_per_minute: 0}
log: {level: debug}
`)
	for i := range 3 {
		w.say(fmt.Sprintf("backlog %d.", i))
	}
	w.say("@lower " + strings.ToUpper(past))
	chosen := regexp.MustCompile(*only)
	for _, k := range kinds {
		if needs.Package(strings.Fields(k.pkg)[0]).Gone() {
			t.Logf("this release of Debian no longer has %s", k.name)
			continue
		}
		if chosen.MatchString(k.name) {
			c := newClient(t, k, w.dx.CreateUser(k.name, ""), w.daemon)
			w.clients = append(w.clients, c)
			w.wrong[c] = map[string]error{}
		}
	}
	w.all = slices.Clone(w.clients)
	return w
}

// say stores a message of Ada, as a web page does.
func (w *world) say(text string) (id string) {
	w.t.Helper()
	return w.dx.AddMessage(w.ada, text)
}

// each does something with all clients at once, and notes what went wrong.
func (w *world) each(step string, do func(c *client) error) {
	var wg sync.WaitGroup
	for _, c := range w.clients {
		wg.Go(func() { w.note(c, step, do(c)) })
	}
	wg.Wait()
}

func (w *world) note(c *client, step string, err error) {
	if err == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrong[c][step] = errors.Join(w.wrong[c][step], err)
	w.t.Errorf("%s: %s: %v", c.name, step, err)
	if c.screen != nil {
		w.t.Logf("%s shows:\n%s", c.name, emptyLines.ReplaceAllString(c.screen.text(), "\n"))
	}
}

var emptyLines = regexp.MustCompile(`\n[\n ]*\n`)

// awaitStored wants one item with a text. It is called on the goroutine of the test.
func (w *world) awaitStored(collection, text string) error {
	w.t.Helper()
	err := await(patience, nil, func() error {
		if w.stored(collection, text) == 0 {
			return fmt.Errorf("%q is not stored", text)
		}
		return nil
	})
	if n := w.stored(collection, text); n > 1 {
		err = fmt.Errorf("%q is stored %d times", text, n)
	}
	return err
}

// stored counts the items of a collection that have a text.
func (w *world) stored(collection, text string) int {
	w.t.Helper()
	var items []map[string]any
	w.dx.Do(http.MethodGet, "/items/"+collection, map[string][]string{"filter[text][_eq]": {text}, "limit": {"-1"}}, nil, &items)
	return len(items)
}
