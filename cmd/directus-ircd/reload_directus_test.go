package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// Every section of the configuration changes, one reload after the other, while people
// write: nobody is disconnected, and everybody has each message once.
func TestReloadUnderTraffic(t *testing.T) {
	s := directustest.Shared(t)
	ada, bob, kevin := s.CreateUser("Ada", ""), s.CreateUser("Bob", ""), s.CreateUser("Kevin", "")
	cert, key := ircdtest.WriteCertificate(t, t.TempDir(), 1, time.Hour)
	plain, secure, added := freeAddress(t), freeAddress(t), freeAddress(t)
	texts := configurations{
		base:  "directus: {url: \"" + s.URL + "\"}\nlog: {format: json, level: debug}\n",
		from:  s.Collection,
		two:   "listen:\n  - {address: \"" + plain + "\", websocket: shared}\n  - {address: \"" + secure + "\", tls: {cert: " + cert + ", key: " + key + "}}\n",
		added: added,
	}
	file := writeConfig(t, texts.base+texts.channel("")+texts.two)
	p := startProcess(t, file, 2, false)

	old, modern, writer := record(t, plain, secure, kevin, bob)
	web, _, err := websocket.DefaultDialer.Dial("ws://"+plain, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer web.Close()
	stop := keepWriting(t, s, ada, writer)
	both := func(pattern string) func() { return func() { old.read(pattern); modern.read(pattern) } }
	then := map[int]func(){
		0: both("* 005 * NETWORK=NewNet *"),
		2: both("* 366 * #dev *"),
		3: func() { greet(t, added) },
		5: func() {
			old.read("* KICK #dev * :This channel is not configured any more")
			refused(t, plain)
		},
	}
	for i, text := range texts.inTurn() {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		p.signal(syscall.SIGHUP)
		p.waitLog("reloaded the configuration", i)
		if then[i] != nil {
			then[i]()
		}
	}
	rest, irc := stop()
	for _, c := range []*recorder{old, modern} { // Directus may not have answered the last one yet
		c.readOnce(fmt.Sprintf("* PRIVMSG #messages :irc %d.", irc-1))
	}
	s.AddMessage(ada, "the end")
	if err := web.WriteMessage(websocket.TextMessage, []byte("PING x")); err != nil {
		t.Error("the WebSocket: ", err)
	}
	if n := p.countLog("these changes need a restart to take effect"); n > 0 {
		t.Error("a restart was asked for")
	}
	t.Logf("%d messages by REST, %d by IRC", rest, irc)
	for _, c := range []*recorder{old, modern, writer} {
		said := map[string]int{"rest": rest, "irc": irc}
		if c == writer {
			said["irc"] = 0 // its own
		}
		c.read("* PRIVMSG #messages :the end")
		c.wasShown(said)
	}
}

// configurations have parts in common.
type configurations struct {
	base, two   string // the beginning, and the listeners
	from, added string // the collection, and the address of a third listener
}

func (c configurations) channel(rest string) string {
	return "channels:\n  - {name: \"#messages\", collection: " + c.from + ", backlog: 0, fields: {nonce: nonce}" + rest + "}\n"
}

// inTurn are the configurations that are taken one after the other.
func (c configurations) inTurn() []string {
	limits := "limits: {lines_per_second: 20, burst: 60, send_queue: 2MiB, connections: 100, connections_per_address: 0}\n"
	server := "server: {motd: \"Good morning\", network: NewNet, line_length: 2048, admin: [Ask Ada]}\n"
	dev := "  - {name: \"#dev\", collection: " + c.from + ", filter: {text: {_contains: never said}}}\n"
	three := c.two + "  - {address: \"" + c.added + "\"}\nmetrics: {address: \"127.0.0.1:0\"}\n"
	return []string{
		c.base + server + c.channel("") + c.two,
		c.base + server + limits + c.channel("") + c.two,
		c.base + server + limits + c.channel("") + dev + c.two,
		c.base + limits + c.channel(", topic: New topic, format: markdown") + dev + three,
		c.base + limits + c.channel(", topic: New topic, filter: {text: {_ncontains: never}}") + dev + three + "edits: {delete_notice: false}\nnick: [last_name, first_name]\n",
		c.base + limits + c.channel("") + "listen: [{address: \"" + c.added + "\"}]\nlogin: {email_template: \"{nick}@example.com\"}\n",
		c.base + c.channel("") + strings.Replace(c.two, ", websocket: shared", "", 1),
	}
}

// record logs in two who read, with an old client and a modern one, and one who writes.
func record(t *testing.T, plain, secure string, reading, writing directustest.User) (old, modern, writer *recorder) {
	t.Helper()
	old = &recorder{t: t, Client: ircdtest.Dial(t, plain)}
	old.Name = "old"
	old.LoginPass("kevin", reading.Email+":"+reading.Password)
	modern = &recorder{t: t, Client: ircdtest.DialTLS(t, secure, &tls.Config{InsecureSkipVerify: true})}
	modern.Name = "modern"
	modern.LoginSASL("kevin", reading.Email, reading.Password, "server-time", "message-tags", "batch", "draft/chathistory", "echo-message")
	writer = &recorder{t: t, Client: ircdtest.Dial(t, plain)}
	writer.Name = "writer"
	writer.LoginPass("bob", writing.Email+":"+writing.Password)
	for _, r := range []*recorder{old, modern, writer} {
		r.read("* 366 * #messages *")
	}
	return old, modern, writer
}

// keepWriting writes by REST and over IRC until stop, which returns how many messages.
func keepWriting(t *testing.T, s *directustest.Server, author directustest.User, writer *recorder) (stop func() (rest, irc int)) {
	ctx, cancel := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	rest, irc := 0, 0
	writing.Go(func() {
		for ; ctx.Err() == nil; rest++ {
			s.AddMessage(author, fmt.Sprintf("rest %d.", rest))
		}
	})
	writing.Go(func() {
		pace := time.NewTicker(150 * time.Millisecond) // as people do
		defer pace.Stop()
		for ; ctx.Err() == nil; irc++ {
			writer.Send(fmt.Sprintf("PRIVMSG #messages :irc %d.", irc))
			select {
			case <-pace.C:
			case <-ctx.Done():
			}
		}
	})
	return func() (int, int) {
		cancel()
		writing.Wait()
		return rest, irc
	}
}

// refused wants nobody to listen at an address.
func refused(t *testing.T, address string) {
	t.Helper()
	if nc, err := net.Dial("tcp", address); err == nil {
		nc.Close()
		t.Errorf("somebody listens at %s, where nothing is configured", address)
	}
}

func greet(t *testing.T, address string) {
	t.Helper()
	c := ircdtest.Dial(t, address)
	c.Send("CAP LS 302")
	c.Expect("* CAP * LS *")
	c.Close()
}

// recorder keeps every line.
type recorder struct {
	t *testing.T
	*ircdtest.Client
	lines []string
}

// read takes lines until one matches.
func (r *recorder) read(pattern string) {
	for line := ""; !ircdtest.Match(pattern, line); r.lines = append(r.lines, line) {
		line = r.ExpectNext("*")
	}
}

// readOnce takes lines until one matches, unless one did already.
func (r *recorder) readOnce(pattern string) {
	if !slices.ContainsFunc(r.lines, func(line string) bool { return ircdtest.Match(pattern, line) }) {
		r.read(pattern)
	}
}

// wasShown wants each message once: so many of each kind, which are counted from 0.
func (r *recorder) wasShown(said map[string]int) {
	r.lines = append(r.lines, r.Sync()...)
	seen := strings.Join(r.lines, "\n")
	for kind, n := range said {
		for i := range n {
			if shown := strings.Count(seen, fmt.Sprintf("#messages :%s %d.", kind, i)); shown != 1 {
				r.t.Errorf("%s was shown \"%s %d\" %d times", r.Name, kind, i, shown)
			}
		}
	}
	if strings.Contains(seen, " 404 ") {
		r.t.Errorf("%s: a message was refused", r.Name)
	}
}
