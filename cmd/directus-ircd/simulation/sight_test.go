package simulation

// What a client makes of the lines that it is sent: messages it saw, refusals it heard, pages it was given.

import (
	"regexp"
	"strings"
	"time"

	irc "gopkg.in/irc.v4"
)

// A sighting is a message that a client was sent.
type sighting struct {
	token   token
	at      time.Time
	channel string // empty: between two people
	nick    string
	account string
	msgid   string
	page    int  // the number of the CHATHISTORY answer; 0: live or backlog
	past    bool // of a backlog, or marked as old
	edit    bool // a new version of a message
	epoch   int  // how often the client had joined the channel by then
	stay    int  // its connection
}

// seen is a token in whatever line.
type seen struct {
	token   token
	at      time.Time
	channel string
	line    string
}

// A letter is a line that a client sent, or a part of several.
type letter struct {
	token  token
	client *client
	target string
	at     time.Time
	stay   int
	after  int // refusals heard before
	aside  int // so many lines without a message of their own, which may be refused as well
}

// refusal is an answer to a letter, which does not say to which.
type refusal struct {
	at      time.Time
	target  string
	perhaps bool
	stored  bool // but not where it can be seen
	text    string
}

type batch struct {
	page    int // 0: of a backlog
	channel string
	filled  bool
	inner   bool
}

// glimpse notes every token in a line.
func (c *client) glimpse(line string, m *irc.Message) {
	for _, t := range tokens(line) {
		channel := ""
		if len(m.Params) > 0 && strings.HasPrefix(m.Params[0], "#") {
			channel = m.Params[0]
		}
		c.glimpses = append(c.glimpses, seen{t, time.Now(), channel, line})
	}
}

// take looks at a line. The caller holds mu.
func (c *client) take(m *irc.Message) {
	switch m.Command {
	case "PING":
		c.sendLocked("PONG :" + m.Trailing())
	case "PONG":
		if sent, ok := c.probed[m.Trailing()]; ok {
			delete(c.probed, m.Trailing())
			if took := time.Since(sent); !c.stalledSince(sent) {
				c.slowest = max(c.slowest, took)
			}
		}
	case "001":
		c.nick = m.Params[0]
	case "NICK":
		if m.Prefix.Name == c.nick {
			c.nick = m.Params[0]
		}
	case "JOIN":
		if m.Prefix.Name == c.nick {
			c.joined[m.Params[0]]++
			c.in[m.Params[0]] = true
			c.filling[m.Params[0]] = false
			c.visits = append(c.visits, visit{channel: m.Params[0], epoch: c.joined[m.Params[0]], stay: len(c.stays) - 1, begin: time.Now()})
		}
	case "PART", "KICK":
		if m.Command == "KICK" && m.Params[1] == c.nick || m.Command == "PART" && m.Prefix.Name == c.nick {
			c.in[m.Params[0]] = false
			c.leave(m.Params[0])
		}
	case "366":
		// It ends an answer to NAMES as well: the page that has been asked for by then is enough.
		if c.spec.kind == paging && !c.filling[m.Params[1]] {
			c.ask(m.Params[1])
		}
	case "BATCH":
		c.turn(m.Params, string(m.Tags["batch"]))
	case "PRIVMSG":
		c.see(m)
	case "NOTICE":
		c.told(m)
	case "404", "401", "FAIL":
		c.refused(m)
	}
}

// turn begins or ends a batch, which may be within another.
func (c *client) turn(params []string, outer string) {
	ref := params[0][1:]
	if params[0][0] == '+' {
		switch b, nested := c.batches[outer]; {
		case nested:
			b.inner = true
			c.batches[ref] = b
		case params[1] == "chathistory" && c.spec.kind == paging:
			c.pages++
			c.batches[ref] = batch{page: c.pages, channel: params[2]}
		case params[1] == "chathistory":
			c.batches[ref] = batch{channel: params[2]}
		}
		return
	}
	b, open := c.batches[ref]
	delete(c.batches, ref)
	switch {
	case !open || b.inner || b.page == 0:
	case b.filled:
		c.ask(b.channel)
	default:
		c.filling[b.channel] = false
		if id := c.behind[b.channel]; id != "" {
			c.last[b.channel] = id
		}
	}
}

// told notes that the client was told that older messages of a channel than it is shown are to be asked for.
func (c *client) told(m *irc.Message) {
	if !strings.Contains(m.Trailing(), "/quote CHATHISTORY") {
		return
	}
	for i := range c.visits {
		if v := &c.visits[i]; v.channel == m.Params[0] && v.epoch == c.joined[v.channel] {
			v.cut = time.Now()
		}
	}
}

// quoted is the line in front of an answer that says to what it is one.
var quoted = regexp.MustCompile(`^(\[[^]]*\] )?> <`)

// see notes a message.
func (c *client) see(m *irc.Message) {
	found := tokens(m.Trailing())
	if id := string(m.Tags["msgid"]); len(found) == 0 && m.Prefix != nil && id != "" && strings.HasPrefix(m.Params[0], "#") && !strings.Contains(id, ".e") {
		// The first of several lines names the message.
		if _, history := c.batches[string(m.Tags["batch"])]; c.filling[m.Params[0]] && !history {
			c.behind[m.Params[0]] = id
		} else {
			c.last[m.Params[0]] = id
		}
	}
	if len(found) == 0 || m.Prefix == nil || quoted.MatchString(m.Trailing()) {
		return
	}
	ref := string(m.Tags["batch"])
	b, past := c.batches[ref]
	s := sighting{
		token: found[len(found)-1], at: time.Now(), nick: m.Prefix.Name, account: string(m.Tags["account"]), msgid: string(m.Tags["msgid"]),
		page: b.page, stay: len(c.stays) - 1, past: b.page == 0 && (past || strings.HasPrefix(m.Trailing(), "[")),
		edit: strings.Contains(m.Trailing(), "[edited]") || strings.Contains(string(m.Tags["msgid"]), ".e"),
	}
	if strings.HasPrefix(m.Params[0], "#") {
		s.channel = m.Params[0]
		s.epoch = c.joined[s.channel]
	}
	if b.page > 0 {
		b.filled = true
		c.batches[ref] = b
	}
	if s.msgid != "" && s.channel != "" && !s.edit {
		if c.filling[s.channel] && s.page == 0 {
			c.behind[s.channel] = s.msgid
		} else {
			c.last[s.channel] = s.msgid
		}
		if s.nick == c.nick && c.w.book.author(s.token.n) == c.spec.person {
			c.msgids, c.own = append(c.msgids, s.msgid), append(c.own, s.token)
		}
	}
	c.sights = append(c.sights, s)
}

// refused notes an answer to something that was sent.
func (c *client) refused(m *irc.Message) {
	target := ""
	for _, p := range m.Params[1:] {
		if strings.HasPrefix(p, "#") {
			target = p
		}
	}
	if target == "" && len(m.Params) > 2 {
		target = m.Params[1]
	}
	if m.Command == "FAIL" && m.Params[0] == "CHATHISTORY" {
		c.missing[target] = true
		return
	}
	if m.Command == "FAIL" && m.Params[0] != "PRIVMSG" {
		return
	}
	c.refusals = append(c.refusals, refusal{
		at: time.Now(), target: target, text: m.Trailing(),
		perhaps: strings.Contains(m.Trailing(), "perhaps"), stored: strings.Contains(m.Trailing(), "The message is stored"),
	})
}
