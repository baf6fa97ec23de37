package simulation

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	irc "gopkg.in/irc.v4"
)

var capsOf = map[kind]string{
	tagged:    "server-time message-tags batch echo-message account-tag labeled-response draft/message-redaction",
	paging:    "server-time message-tags batch echo-message account-tag labeled-response draft/message-redaction draft/chathistory",
	multiline: "server-time message-tags batch echo-message account-tag labeled-response draft/multiline",
}

const (
	reconnection = 3 * time.Second  // how long a client waits until it comes back
	rejection    = 61 * time.Second // and after it was refused
	probePeriod  = 20 * time.Second // how often it sends PING
	// atOnce is how many lines a client may be sent at one moment: several times what the greatest storm
	// is answered. In virtual time a daemon that goes round in circles never gets beyond that moment.
	atOnce = 100_000
)

// stay is a connection of a client.
type stay struct {
	begin, end time.Time
	reason     string
	life       int // of the daemon
}

// visit is the time that a client is in a channel, from a JOIN on.
type visit struct {
	channel     string
	epoch, stay int
	begin, end  time.Time // end is zero as long as it has not ended
	cut         time.Time // when the client was told that it has missed more than is shown; zero: it was not
	expelled    bool      // it ended as the user might not read the channel any more
	back        bool      // the one before it on the same connection ended so: the client goes on from there
}

// A client comes back whenever its connection ends, as long as it is wanted.
type client struct {
	w    *world
	name string
	spec clientSpec
	// number is its place among the clients, and connections are those so far; run owns both.
	number, connections int

	mu         sync.Mutex
	wanted     bool // guarded by mu, as is all that follows
	wish       chan struct{}
	wire       *wire // nil: not connected
	out        chan string
	nick       string
	joined     map[string]int // epoch by channel; kept while it is not in it
	in         map[string]bool
	stays      []stay
	visits     []visit
	stalled    []stay // when it read nothing
	silent     []stay // when it did not answer PING
	sights     []sighting
	glimpses   []seen
	quotations []quotation
	begun      []beginning
	letters    []letter
	refusals   []refusal // that do not say of what
	invited    []invitations
	answers    map[token]answer // to letters with a label
	slowest    time.Duration    // the longest answer to a PING
	probes     int
	log        []string          // the wire, with times
	msgids     []string          // of messages of its own, the latest last
	own        []token           // the same, what they say now
	last       map[string]string // by channel: nothing is missing up to this msgid, for paging clients
	behind     map[string]string // by channel: the newest msgid shown while pages are asked for
	filling    map[string]bool   // pages of the channel are asked for
	missing    map[string]bool   // a page of the channel was refused
	left       map[string]bool   // channels that it does not want to be in
	pages      int
	batches    map[string]batch
	probed     map[string]probe
	storms     int              // of lines that the daemon has not come to the end of
	answering  map[string]token // by the batch that is the answer
	before     *irc.Message     // the last line that it was sent
	moment     time.Time        // at which it was sent the last line
	crowd      int              // how many it was sent at that
	signs      signs
	namings    []naming
}

func newClient(w *world, i int, spec clientSpec) *client {
	return &client{
		w: w, spec: spec, number: i, name: fmt.Sprintf("c%d/p%d/%v%s", i, spec.person, spec.kind, strings.TrimPrefix(spec.device, "device")), wanted: true,
		wish: make(chan struct{}, 1), joined: map[string]int{}, in: map[string]bool{}, last: map[string]string{}, left: map[string]bool{},
		answers: map[token]answer{}, signs: newSigns(),
	}
}

// run keeps the client connected until ctx ends; its caller joins it.
func (c *client) run(ctx context.Context) {
	for ctx.Err() == nil {
		c.mu.Lock()
		wanted := c.wanted
		c.mu.Unlock()
		wait := time.Hour
		if wanted {
			wait = c.live(ctx)
		}
		select {
		case <-ctx.Done():
		case <-c.wish:
		case <-time.After(wait):
		}
	}
}

// live is one connection. It returns how long to wait before the next.
func (c *client) live(ctx context.Context) (wait time.Duration) {
	c.connections++
	near, far := newSocket(c.w.scenario.seed, uint64(c.number<<16|c.connections), c.spec.web, &c.w.tries)
	w := newWire(near)
	life, ok := c.w.connect(ctx, far, c.spec.web)
	if !ok {
		near.Close()
		far.Close()
		return reconnection
	}
	c.mu.Lock()
	c.wire, c.out = w, make(chan string, 256)
	c.batches, c.probed, c.storms, c.in = map[string]batch{}, map[string]probe{}, 0, map[string]bool{}
	c.answering, c.signs = map[string]token{}, newSigns()
	c.behind, c.filling, c.missing, c.nick = map[string]string{}, map[string]bool{}, map[string]bool{}, ""
	c.stays = append(c.stays, stay{begin: time.Now(), life: life})
	number, out := len(c.stays)-1, c.out
	c.mu.Unlock()
	stop := context.AfterFunc(ctx, func() { w.Close() })
	defer stop()
	conn, err := c.speak(w)
	var writer sync.WaitGroup
	reason := ""
	if wait = reconnection; err == nil {
		writer.Go(func() { write(conn, out) })
		c.login()
		wait, reason = c.read(conn)
	}
	w.Close()
	c.mu.Lock()
	c.stays[number].end, c.stays[number].reason = time.Now(), reason
	c.leave("", false)
	c.wire = nil
	close(out)
	c.out = nil
	c.mu.Unlock()
	writer.Wait()
	return wait
}

// speak makes a connection what carries the client's lines.
func (c *client) speak(w *wire) (lines, error) {
	if c.spec.web {
		return upgradeWire(w)
	}
	return w, nil
}

// write sends lines.
func write(w lines, out <-chan string) {
	for line := range out {
		// Not for longer than anybody waits: the daemon may have stopped reading.
		w.SetWriteDeadline(time.Now().Add(time.Minute))
		if _, err := w.Write([]byte(line + "\r\n")); err != nil {
			w.Close()
			for range out { // what is left has nowhere to go
			}
			return
		}
	}
}

// send queues lines. It drops them when the client is not connected.
func (c *client) send(lines ...string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sendLocked(lines...)
}

func (c *client) sendLocked(lines ...string) bool {
	for _, line := range lines {
		if c.out == nil {
			return false
		}
		select {
		case c.out <- line:
			c.note("-> " + line)
		default:
			return false
		}
	}
	return true
}

// note writes to the log of the wire. The caller holds mu.
func (c *client) note(line string) {
	c.log = append(c.log, fmt.Sprintf("%s %s", c.w.clock(), line))
}

func (c *client) login() {
	user, secret := c.w.credentials(c.spec.person, c.spec.token)
	if c.spec.device != "" {
		user += "/" + c.spec.device
	}
	if caps, ok := capsOf[c.spec.kind]; ok {
		if c.spec.kind == paging && c.w.scenario.settings.rooms.on {
			c.send("CAP REQ draft/channel-rename") // by itself: where no rooms are configured, it is refused
		}
		c.send("CAP LS 302", "NICK wish", "USER wish 0 * :wish", "CAP REQ :sasl "+caps, "AUTHENTICATE PLAIN",
			"AUTHENTICATE "+base64.StdEncoding.EncodeToString([]byte("\x00"+user+"\x00"+secret)), "CAP END")
		return
	}
	if c.spec.token && c.spec.device == "" {
		c.send("PASS "+secret, "NICK wish", "USER wish 0 * :wish")
		return
	}
	c.send("CAP REQ :sasl", "NICK wish", "USER wish 0 * :wish", "AUTHENTICATE PLAIN",
		"AUTHENTICATE "+base64.StdEncoding.EncodeToString([]byte("\x00"+user+"\x00"+secret)), "CAP END")
}

// read takes lines until the connection ends.
func (c *client) read(w lines) (wait time.Duration, reason string) {
	wait = reconnection
	r := bufio.NewReaderSize(w, 16<<10)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return wait, reason
		}
		line = strings.TrimRight(line, "\r\n")
		m, err := irc.ParseMessage(line)
		if err != nil {
			c.w.fail("%s was sent what is no line: %q", c.name, line)
			continue
		}
		c.mu.Lock()
		c.note("<- " + line)
		if c.w.scenario.settings.rooms.on {
			m = c.identified(m)
		}
		c.glimpse(line, m)
		c.take(m)
		storm := c.isStormed()
		c.mu.Unlock()
		if storm {
			c.w.fail("storm: %s was sent %d lines at one moment, the last: %s", c.name, atOnce, line)
			c.want(false)
			w.Close()
		}
		switch m.Command {
		case "ERROR":
			reason = m.Trailing()
		case "464", "904":
			wait = rejection
			w.Close()
		case "NICK":
			if c.isAnother(m) {
				w.Close()
			}
		}
	}
}

// isStormed counts a line, and reports that it is one too many. The caller holds mu.
func (c *client) isStormed() bool {
	if now := time.Now(); !now.Equal(c.moment) {
		c.moment, c.crowd = now, 0
	}
	c.crowd++
	return c.crowd == atOnce
}

// isAnother reports whether the client, whose token was moved while it logged in, hears under its first nick that it is somebody
// else.
func (c *client) isAnother(m *irc.Message) bool {
	return m.Prefix != nil && m.Prefix.Name == "wish" && m.Prefix.User != c.w.people[c.spec.person].id[:8]
}

// stalledSince reports whether the client has not read all the time since a moment.
func (c *client) stalledSince(t time.Time) bool {
	for _, s := range c.stalled {
		if s.end.After(t) {
			return true
		}
	}
	return false
}

// ask asks for what is behind the newest message that is known.
func (c *client) ask(channel string) {
	c.filling[channel] = true
	if id := c.last[channel]; id != "" {
		c.sendLocked(fmt.Sprintf("CHATHISTORY AFTER %s msgid=%s %d", c.calledLocked(channel), id, c.spec.page))
		return
	}
	c.sendLocked(fmt.Sprintf("CHATHISTORY LATEST %s * %d", c.calledLocked(channel), c.spec.page))
}

// part leaves a channel for good.
func (c *client) part(channel string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.in[channel] {
		return false
	}
	c.left[channel] = true
	return c.sendLocked("PART " + c.calledLocked(channel))
}

// leave notes that the client is in a channel no more, or in none, if that has no name. expelled says that it was taken out.
func (c *client) leave(channel string, expelled bool) {
	for i := range c.visits {
		if v := &c.visits[i]; v.end.IsZero() && (channel == "" || v.channel == channel) {
			v.end, v.expelled = time.Now(), expelled
		}
	}
}

// tend does every now and then what a client does by itself: it sends a PING whose answer is timed, asks again for pages
// that were refused, and joins what it wants to be in.
func (c *client) tend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.nick == "" || c.out == nil {
		return
	}
	c.probes++
	name := "probe" + strconv.Itoa(c.probes)
	if c.sendLocked("PING :" + name) {
		c.probed[name] = probe{time.Now(), c.storms > 0}
	}
	for _, channel := range slices.Sorted(maps.Keys(c.missing)) {
		if delete(c.missing, channel); c.in[channel] { // else it asks when it is back in it
			c.ask(channel)
		}
	}
	for _, channel := range c.w.wanted(c.probes) {
		if !c.in[channel] && !c.left[channel] {
			c.sendLocked("JOIN " + channel)
		}
	}
	if c.w.looksForRooms(c.probes) {
		c.sendLocked("LIST")
	}
}

// isSilentAt reports whether the client does not answer PING at a moment. The caller holds mu.
func (c *client) isSilentAt(t time.Time) bool {
	return slices.ContainsFunc(c.silent, func(s stay) bool { return !t.Before(s.begin) && t.Before(s.end) })
}

// leavesUnproven reports whether the client has not answered some PING of a connection before a moment: the daemon asks no
// further then, until its next regular PING is answered.
func (c *client) leavesUnproven(connection int, end time.Time) bool {
	return slices.ContainsFunc(c.silent, func(s stay) bool { return s.end.After(c.stays[connection].begin) && s.begin.Before(end) })
}

// loseSight keeps the client from reading for a while.
func (c *client) loseSight(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wire != nil {
		until := time.Now().Add(d)
		c.wire.stopReading(until)
		c.stalled = append(c.stalled, stay{begin: time.Now(), end: until.Add(time.Second)})
	}
}

// want connects or disconnects the client.
func (c *client) want(wanted bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wanted = wanted
	if !wanted && c.wire != nil {
		c.sendLocked("QUIT :later")
	}
	select {
	case c.wish <- struct{}{}:
	default:
	}
}
