package simulation

// What a client makes of the lines that it is sent: messages it saw, refusals it heard, pages it was given.

import (
	"regexp"
	"slices"
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
	user    string // the user name of the mask
	account string
	msgid   string
	page    int  // the number of the CHATHISTORY answer; 0: live or backlog
	past    bool // of a backlog, or marked as old
	ahead   bool // live, while the pages of before were still asked for
	edit    bool // a new version of a message
	epoch   int  // how often the client had joined the channel by then
	stay    int  // its connection
}

// A beginning is the first of several lines of a message, as a client was sent it that cannot be sent them as one.
type beginning struct {
	key, channel string // of the item
	at           time.Time
	stay         int
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
}

// refusal is an answer to a letter.
type refusal struct {
	at      time.Time
	target  string
	perhaps bool
	stored  bool // but not where it can be seen
}

// invitations of somebody are answered as messages to them are, where they are not known.
type invitations struct {
	guest string
	at    time.Time
	n     int
}

// answer is what a client was told of a letter that has a label.
type answer struct {
	refusals []refusal
	shown    bool // the message itself
}

// A quotation is a message within an answer to it, as clients are shown it that cannot be sent the reference.
type quotation struct {
	token token
	nick  string // whose it says that it is
}

var quotationPattern = regexp.MustCompile(`^(?:\[[^]]*\] )?> <([^>]*)> `)

type batch struct {
	page    int // 0: of a backlog
	channel string
	epoch   int // how often the client had joined the channel when it began
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
	defer func() { c.before = m }()
	of, labelled := c.answered(m)
	switch m.Command {
	case "PING":
		if !c.isSilentAt(time.Now()) {
			c.sendLocked("PONG :" + m.Trailing())
		}
	case "PONG":
		c.ponged(m.Trailing())
	case "001":
		c.nick = m.Params[0]
	case "NICK":
		if m.Prefix.Name == c.nick {
			c.nick = m.Params[0]
		}
	case "JOIN":
		if m.Prefix.Name == c.nick {
			c.enter(m.Params[0])
		}
	case "PART", "KICK":
		if m.Command == "KICK" && m.Params[1] == c.nick || m.Command == "PART" && m.Prefix.Name == c.nick {
			c.in[m.Params[0]] = false
			c.leave(m.Params[0], m.Command == "KICK")
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
		if a := c.answers[of]; labelled && !a.shown {
			a.shown = true
			c.answers[of] = a
		}
	case "NOTICE":
		c.told(m)
	case "318":
		c.foundNobody(m)
	case "404", "403", "401", "FAIL":
		r, ok := c.refused(m)
		switch a := c.answers[of]; {
		case !ok:
		case labelled:
			a.refusals = append(a.refusals, r)
			c.answers[of] = a
		default:
			c.refusals = append(c.refusals, r)
		}
	}
}

// enter notes that the client is in a channel from now on.
func (c *client) enter(channel string) {
	c.joined[channel]++
	c.in[channel] = true
	c.filling[channel] = false
	v := visit{channel: channel, epoch: c.joined[channel], stay: len(c.stays) - 1, begin: time.Now()}
	v.back = slices.ContainsFunc(c.visits, func(o visit) bool {
		return o.channel == v.channel && o.epoch == v.epoch-1 && o.stay == v.stay && o.expelled
	})
	c.visits = append(c.visits, v)
}

// answered is the letter with a label to which a line is the answer, or a part of it.
func (c *client) answered(m *irc.Message) (t token, ok bool) {
	if found := tokens(string(m.Tags["label"])); len(found) > 0 {
		t, ok = found[0], true
	} else {
		t, ok = c.answering[string(m.Tags["batch"])]
	}
	if ok && m.Command != "BATCH" {
		if _, before := c.answers[t]; !before {
			c.answers[t] = answer{}
		}
	}
	if ok && m.Command == "BATCH" && m.Params[0][0] == '+' {
		c.answering[m.Params[0][1:]] = t
	}
	return t, ok
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
			c.batches[ref] = batch{page: c.pages, channel: params[2], epoch: c.joined[params[2]]}
		case params[1] == "chathistory":
			c.batches[ref] = batch{channel: params[2]}
		}
		return
	}
	b, open := c.batches[ref]
	delete(c.batches, ref)
	switch {
	case !open || b.inner || b.page == 0 || b.epoch != c.joined[b.channel]: // who has joined since has asked anew
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

// see notes a message.
func (c *client) see(m *irc.Message) {
	found := tokens(m.Trailing())
	if id := string(m.Tags["msgid"]); len(found) == 0 && m.Prefix != nil && id != "" && strings.HasPrefix(m.Params[0], "#") && !strings.Contains(id, ".e") {
		// The first of several lines names the message.
		c.begun = append(c.begun, beginning{key: strings.SplitN(id, ".", 2)[0], channel: m.Params[0], at: time.Now(), stay: len(c.stays) - 1})
		if _, history := c.batches[string(m.Tags["batch"])]; c.filling[m.Params[0]] && !history {
			c.behind[m.Params[0]] = id
		} else {
			c.last[m.Params[0]] = id
		}
	}
	if len(found) == 0 || m.Prefix == nil {
		return
	}
	if q := quotationPattern.FindStringSubmatch(m.Trailing()); q != nil {
		c.quotations = append(c.quotations, quotation{found[0], q[1]})
		return
	}
	ref := string(m.Tags["batch"])
	b, past := c.batches[ref]
	s := sighting{
		token: found[len(found)-1], at: time.Now(), nick: m.Prefix.Name, user: m.Prefix.User, account: string(m.Tags["account"]), msgid: string(m.Tags["msgid"]),
		page: b.page, stay: len(c.stays) - 1, past: b.page == 0 && (past || strings.HasPrefix(m.Trailing(), "[")),
		edit: strings.Contains(m.Trailing(), "[edited]") || strings.Contains(string(m.Tags["msgid"]), ".e"),
	}
	if strings.HasPrefix(m.Params[0], "#") {
		s.channel = m.Params[0]
		s.epoch = c.joined[s.channel]
		s.ahead = s.page == 0 && c.filling[s.channel]
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

// foundNobody takes back a refusal that was the answer to a WHOIS. The caller holds mu.
func (c *client) foundNobody(m *irc.Message) {
	last := len(c.refusals) - 1
	if before := c.before; before != nil && before.Command == "401" && last >= 0 && before.Params[1] == m.Params[1] && c.refusals[last].target == m.Params[1] {
		c.refusals = c.refusals[:last]
	}
}

// refused reads an answer to something that was sent; false if that was no message.
func (c *client) refused(m *irc.Message) (r refusal, ok bool) {
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
		return r, false
	}
	if m.Command == "FAIL" && m.Params[0] != "PRIVMSG" || strings.Contains(m.Trailing(), "invited") {
		return r, false
	}
	return refusal{
		at: time.Now(), target: target,
		perhaps: strings.Contains(m.Trailing(), "perhaps") || m.Command == "403" && m.Tags["label"] == "", // of a channel that is gone: or to a JOIN
		stored:  strings.Contains(m.Trailing(), "The message is stored"),
	}, true
}
