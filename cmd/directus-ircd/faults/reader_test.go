package faults

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	irc "gopkg.in/irc.v4"
)

// style is what a reader's client knows.
type style int

const (
	// plain knows no capability: the backlog comes as lines with the time in front.
	plain style = iota
	// tagged gets the backlog in a batch.
	tagged
	// paging asks for what it missed itself, by msgid.
	paging
)

var capsOf = map[style][]string{
	tagged: {"server-time", "message-tags", "batch", "echo-message"},
	paging: {"server-time", "message-tags", "batch", "echo-message", "draft/chathistory"},
}

// rejoinPeriod is how often a reader asks again for what was refused.
const rejoinPeriod = time.Second

// pageSize is how many messages a paging reader asks for at once.
const pageSize = 100

// reader is a client that notes what it is shown.
type reader struct {
	client
	style    style
	channels []string // that it may read

	// Owned by run.
	pages   int
	batches map[string]page // by the reference of their open batch
	last    map[string]mark // by channel: nothing is missing up to here
	live    map[string]mark // by channel: the newest message shown live while pages are asked for
	filling map[string]bool // pages of the channel are asked for
	asked   map[string]bool // by channel: a page was asked for and has not come
	// missing is what to try again, by channel.
	missing map[string]func(channel string) error

	// Guarded by the book's mu.
	stays []stay // by connection
	seen  map[key]bool
	told  map[string]bool // by channel: that Directus could not give all of the past in time
	no    []string        // the last refusals, with their times
}

// stay is what a reader was shown on one connection.
type stay struct {
	sightings []sighting
	end       time.Time
	unread    bool // it was closed, with this reason, as the rest of a backlog could not be read
}

// page is an answer about the past, while it comes.
type page struct {
	number  int // of this reader, from 1
	channel string
	filled  bool // there are messages in it
}

// mark is a place in the history, as a client knows it.
type mark struct{ time, msgid string }

// run reads until ctx ends.
func (r *reader) run(ctx context.Context) {
	r.last = map[string]mark{}
	r.keep(ctx, func(c *connection) error { return r.serve(ctx, c) })
}

func (r *reader) serve(ctx context.Context, c *connection) error {
	r.batches, r.missing = map[string]page{}, map[string]func(string) error{}
	r.live, r.filling, r.asked = map[string]mark{}, map[string]bool{}, map[string]bool{}
	r.world.book.do(func() {
		if r.stays = append(r.stays, stay{}); r.device != "" && len(r.stays) > 1 {
			r.world.book.ordeals[resumed]++
		}
	})
	defer func() { r.world.book.do(func() { r.stays[len(r.stays)-1].end = c.end() }) }()
	again := time.NewTicker(rejoinPeriod)
	defer again.Stop()
	for {
		select {
		case m, open := <-c.lines:
			if !open {
				return c.over
			}
			if err := r.take(c, m); err != nil {
				return err
			}
		case <-again.C:
			for channel, ask := range r.missing {
				delete(r.missing, channel)
				if err := ask(channel); err != nil {
					return err
				}
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// take looks at a line.
func (r *reader) take(c *connection, m *irc.Message) error {
	r.noteSubject(c, m)
	r.noteRefusal(c, m)
	switch m.Command {
	case "KICK", "PART":
		if strings.Contains(m.String(), c.nick) {
			r.world.note("%s: %v", r.name, m)
			r.world.book.met(exiled)
		}
	case irc.RPL_ENDOFNAMES:
		if channel := m.Params[1]; r.style == paging {
			r.filling[channel] = true
			return r.ask(c, channel)
		}
	case irc.ERR_INVITEONLYCHAN:
		if channel := m.Params[1]; slices.Contains(r.channels, channel) {
			r.missing[channel] = func(channel string) error { return c.send("JOIN " + channel) }
		}
	case "FAIL", irc.ERR_NOSUCHCHANNEL:
		r.world.note("%s: %v", r.name, m)
		for _, channel := range r.channels {
			if r.style == paging && slices.Contains(m.Params, channel) {
				delete(r.asked, channel)
				r.missing[channel] = func(channel string) error { return r.ask(c, channel) }
			}
		}
	case "BATCH":
		return r.turn(c, m.Params)
	case "NOTICE":
		if strings.Contains(m.Trailing(), " in time") {
			r.world.note("%s: %v", r.name, m)
			r.world.book.do(func() { r.told[m.Params[0]] = true })
		}
	case "ERROR":
		if strings.Contains(m.Trailing(), "The rest of the history could not be read") {
			r.world.note("%s: %v", r.name, m)
			r.world.book.do(func() { r.stays[len(r.stays)-1].unread = true })
		}
	case "PRIVMSG":
		r.note(m)
	}
	return nil
}

// noteRefusal keeps what may explain why a reader lacks messages.
func (r *reader) noteRefusal(c *connection, m *irc.Message) {
	entered := m.Command == "JOIN" && m.Prefix.Name == c.nick
	if entered || m.Command == "KICK" || m.Command == "FAIL" || m.Command == irc.RPL_TRYAGAIN || m.Command >= "400" && m.Command < "600" {
		r.world.book.do(func() { r.no = append(r.no[max(0, len(r.no)-9):], fmt.Sprint(r.world.since(), " ", m)) })
	}
}

// ask asks for what came behind the newest message that is known, unless it waits for such an answer already: who asked
// twice would be answered twice.
func (r *reader) ask(c *connection, channel string) error {
	if r.asked[channel] {
		return nil
	}
	r.asked[channel] = true
	from := "timestamp=1970-01-01T00:00:00.000Z"
	if last := r.last[channel]; last.msgid != "" {
		from = "msgid=" + last.msgid
	}
	return c.send(fmt.Sprintf("CHATHISTORY AFTER %s %s %d", channel, from, pageSize))
}

// turn opens or closes a page, and asks for the next one behind one that was not empty.
func (r *reader) turn(c *connection, params []string) error {
	ref := params[0][1:]
	if params[0][0] == '+' {
		if params[1] == "chathistory" {
			r.pages++
			r.batches[ref] = page{r.pages, params[2], false}
		}
		return nil
	}
	p := r.batches[ref]
	delete(r.batches, ref)
	if r.style != paging || p.number == 0 {
		return nil
	}
	delete(r.asked, p.channel)
	if p.filled {
		return r.ask(c, p.channel)
	}
	r.filling[p.channel] = false
	r.advance(p.channel, r.live[p.channel])
	return nil
}

// advance notes that a channel is known up to a message.
func (r *reader) advance(channel string, to mark) {
	if to.time >= r.last[channel].time {
		r.last[channel] = to
	}
}

// note enters a message into the book.
func (r *reader) note(m *irc.Message) {
	ref := string(m.Tags["batch"])
	p := r.batches[ref]
	k, ok := parseKey(m.Trailing())
	if !ok {
		if p.number > 0 { // a page of nothing else is not the last one
			p.filled = true
			r.batches[ref] = p
			r.advance(m.Params[0], mark{string(m.Tags["time"]), string(m.Tags["msgid"])})
		}
		return
	}
	s := sighting{key: k, channel: m.Params[0], nick: m.Prefix.Name, msgid: string(m.Tags["msgid"]), at: time.Now(), page: p.number}
	if s.page == 0 && r.style == plain && strings.HasPrefix(m.Trailing(), "[") {
		s.page = -1
	}
	at := mark{string(m.Tags["time"]), s.msgid}
	switch {
	case s.page > 0:
		p.filled = true
		r.batches[ref] = p
		r.advance(s.channel, at)
	case !r.filling[s.channel]:
		r.advance(s.channel, at)
	case at.time >= r.live[s.channel].time:
		r.live[s.channel] = at
	}
	r.world.book.do(func() {
		now := &r.stays[len(r.stays)-1]
		now.sightings = append(now.sightings, s)
		r.seen[k] = true
	})
}

// lastSeen is what the last connection showed of a channel. The caller holds the book's mu.
func (r *reader) lastSeen(channel string) map[key]bool {
	seen := map[key]bool{}
	if len(r.stays) > 0 {
		for _, s := range r.stays[len(r.stays)-1].sightings {
			if s.channel == channel {
				seen[s.key] = true
			}
		}
	}
	return seen
}

func (s sighting) String() string {
	return s.key.writer + "/" + strconv.Itoa(s.key.n) + " in " + s.channel
}
