package simulation

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	irc "gopkg.in/irc.v4"

	"directus-ircd/bridge/rooms"
	irclines "directus-ircd/ircd/wire"
)

// naming is what a room was called when a client was told of it.
type naming struct {
	room, name string
	at         time.Time
}

// signs are what a client knows of the rooms that it is in: which room a channel is says the topic, and not its name, which may
// have been that of another.
type signs struct {
	rooms    map[string]string // identities by the name that they have now
	names    map[string]string // the other way round
	former   map[string]string // identities by names that they had
	topics   map[string]string // by identity
	entering string            // joined, and not known yet which room it is
	moving   string            // an identity that has no name at the moment
}

func newSigns() signs {
	return signs{rooms: map[string]string{}, names: map[string]string{}, former: map[string]string{}, topics: map[string]string{}}
}

// calledLocked is called for who holds mu.
func (c *client) calledLocked(identity string) string {
	if name := c.signs.names[identity]; name != "" {
		return name
	}
	id, room := strings.CutPrefix(identity, "#room:")
	if !room {
		return identity
	}
	item := c.w.chronicle.room(id)
	name, _ := item["name"].(string)
	if slug := rooms.Slug(name); slug != "" {
		return slug
	}
	return "#nowhere"
}

// called is the name by which the client knows a channel, or would ask for it.
func (c *client) called(identity string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calledLocked(identity)
}

// nothing is a line that has been dealt with.
var nothing = &irc.Message{}

// said names the commands by which a client is told what goes on in a channel that it is in.
var said = []string{"PRIVMSG", "NOTICE", "TAGMSG", "TOPIC", "PART", "KICK", "REDACT", "JOIN"}

// identified puts the identities of rooms in the place of their names in a line, and follows these. What is left is empty if that
// is all that the line says. The caller holds mu.
func (c *client) identified(m *irc.Message) *irc.Message {
	own := m.Prefix != nil && m.Prefix.Name == c.nick
	switch {
	case m.Command == "JOIN" && own && (!c.w.isConfigured(m.Params[0]) || c.w.isLate(m.Params[0])):
		c.signs.entering = m.Params[0]
		return nothing
	case m.Command == "353" && m.Params[2] == c.signs.entering && c.w.isConfigured(m.Params[2]): // without a topic, it is no room
		c.enterLate(m.Params[2])
		return nothing
	case m.Command == "332" && c.signs.entering != "" && m.Params[1] == c.signs.entering:
		c.enterRoom(m)
		return nothing
	case m.Command == "366" && m.Params[1] == c.signs.entering:
		c.w.fail("misnamed: %s joined %s, and was not told which room it is", c.name, m.Params[1])
		c.signs.entering = ""
	case m.Command == "RENAME":
		c.renamed(m.Params[0], m.Params[1])
		return nothing
	case m.Command == "322" && len(m.Params) > 3:
		c.offered(m.Params[1], m.Trailing())
		return nothing
	case m.Command == "INVITE" && m.Params[0] == c.nick && !c.w.isConfigured(m.Params[1]):
		if c.likes(m.Params[1]) {
			c.sendLocked("JOIN " + m.Params[1])
		}
		return nothing
	}
	line := *m
	line.Params = slices.Clone(m.Params)
	for i, p := range line.Params {
		identity, now := c.signs.rooms[p]
		if !strings.HasPrefix(p, "#") || !now && c.w.isConfigured(p) {
			continue
		}
		if !now && i == 0 && slices.Contains(said, m.Command) && m.Tags["batch"] == "" { // history that was asked for may come behind a KICK
			c.w.fail("misnamed: %s is in no room called %s: %s", c.name, p, m.String())
		}
		if !now {
			identity = c.signs.former[p]
		}
		if identity != "" {
			line.Params[i] = identity
		}
	}
	if gone := line.Params; len(gone) > 0 && c.signs.names[gone[0]] != "" && (m.Command == "PART" && own || m.Command == "KICK" && m.Params[1] == c.nick) {
		c.unname(gone[0])
		if m.Command == "PART" && strings.Contains(m.Trailing(), " is called ") {
			c.signs.moving = gone[0]
			return nothing
		}
	}
	if m.Command == "TOPIC" && c.signs.names[line.Params[0]] != "" {
		c.described(line.Params[0], m.Trailing())
	}
	return &line
}

// isConfigured reports whether a channel is one of the configuration.
func (w *world) isConfigured(name string) bool {
	return slices.ContainsFunc(w.scenario.settings.channels, func(ch channelSpec) bool { return strings.EqualFold(ch.name, name) })
}

// isLate reports whether it is one that is not always configured: a room may have its name as long as it is not.
func (w *world) isLate(name string) bool {
	return slices.ContainsFunc(w.scenario.settings.channels, func(ch channelSpec) bool { return ch.late && strings.EqualFold(ch.name, name) })
}

// enterLate notes that the client is in a channel of the configuration, whose name a room may have had. The caller holds mu.
func (c *client) enterLate(name string) {
	if room := c.signs.rooms[name]; room != "" {
		c.w.fail("misnamed: %s is in the channel %s, and in %s under its name", c.name, name, room)
	}
	c.signs.entering = ""
	c.enter(name)
}

// unname notes that a room has no name, as the client is not in it. The caller holds mu.
func (c *client) unname(identity string) {
	name := c.signs.names[identity]
	delete(c.signs.rooms, name)
	delete(c.signs.names, identity)
	delete(c.signs.topics, identity)
	c.signs.former[name] = identity
}

// label notes what a room that the client is in is called. The caller holds mu.
func (c *client) label(identity, name string) {
	if other := c.signs.rooms[name]; other != "" && other != identity {
		c.w.fail("misnamed: %s is in %s and in %s under the name %s", c.name, other, identity, name)
	}
	c.signs.rooms[name], c.signs.names[identity] = identity, name
	c.namings = append(c.namings, naming{strings.TrimPrefix(identity, "#room:"), name, time.Now()})
}

// described takes the topic of a room that the client is in. The caller holds mu.
func (c *client) described(identity, topic string) {
	c.signs.topics[identity] = topic
	if "#room:"+roomOf(topic) != identity {
		c.w.fail("misnamed: %s was shown in %s the topic %q", c.name, identity, topic)
	}
}

// enterRoom notes that the client is in the room that a topic tells of. The caller holds mu.
func (c *client) enterRoom(m *irc.Message) {
	name, identity := c.signs.entering, "#room:"+roomOf(m.Trailing())
	moving := c.signs.moving
	c.signs.entering, c.signs.moving = "", ""
	c.label(identity, name)
	c.described(identity, m.Trailing())
	if moving == "" {
		c.enter(identity)
	} else if moving != identity {
		c.w.fail("misnamed: %s was told that %s is called %s now, which is %s", c.name, moving, name, identity)
	}
}

// renamed takes a RENAME. The caller holds mu.
func (c *client) renamed(old, now string) {
	identity := c.signs.rooms[old]
	if identity == "" {
		c.w.fail("misnamed: %s was told that %s is called %s now, and is not in it", c.name, old, now)
		return
	}
	topic := c.signs.topics[identity]
	c.unname(identity)
	c.label(identity, now)
	c.signs.topics[identity] = topic
}

// offered takes a line of LIST: the client joins what it likes. The caller holds mu.
func (c *client) offered(name, topic string) {
	identity := "#room:" + roomOf(topic)
	if identity == "#room:" || c.in[identity] || c.left[identity] || !c.likes(identity) {
		return
	}
	c.sendLocked("JOIN " + name)
}

// likes reports whether the client is to be in a room that it has heard of.
func (c *client) likes(what string) bool {
	sum := c.number
	for _, b := range []byte(what) {
		sum = 31*sum + int(b)
	}
	return c.w.scenario.settings.rooms.join == rooms.JoinAll || sum%3 != 0
}

// fits reports whether a room of a key and a name may be called so on IRC: as its name is written there, with digits of its key
// behind it where another room has that, or of the hash of the key where these are taken too.
func fits(id, name, called string) bool {
	slug := rooms.Slug(name)
	if called == slug && slug != "" {
		return true
	}
	if slug == "" {
		slug = "#room"
	}
	i := strings.LastIndexByte(called, '-')
	if i < 0 {
		return false
	}
	base, digits := called[:i], called[i+1:]
	hash := sha256.Sum256([]byte(id))
	return (base == slug || strings.HasPrefix(slug, base) && len(called) == irclines.ChannelLen) && len(digits) > 0 &&
		(strings.HasPrefix(strings.ReplaceAll(id, "-", ""), digits) || len(digits) > 4 && strings.HasPrefix(hex.EncodeToString(hash[:]), digits))
}

// judgeNames holds what rooms are called, and what is said of them, against what Directus has.
func (w *world) judgeNames(c *client) {
	for _, n := range c.namings {
		w.verdict["rooms have their own names"]++
		if !slices.ContainsFunc(w.chronicle.roomStates(n.room, n.at.Add(-lag), n.at), func(room map[string]any) bool {
			name, _ := room["name"].(string)
			return room != nil && fits(n.room, name, n.name)
		}) {
			w.fail("misnamed: %s was told at %.3f that room %s is called %s", c.name, w.since(n.at), n.room, n.name)
		}
	}
	for _, v := range c.visits {
		id, room := strings.CutPrefix(v.channel, "#room:")
		if !room || !v.end.IsZero() && v.end.Sub(w.rest) < quiet || v.begin.After(w.rest) {
			continue
		}
		item := w.chronicle.room(id)
		if !isOpen(item) {
			w.fail("misnamed: %s is in room %s, which cannot be read any more", c.name, id)
			continue
		}
		w.verdict["names and topics are told"]++
		if name, _ := item["name"].(string); !fits(id, name, c.signs.names[v.channel]) {
			w.fail("misnamed: %s knows room %s, which is called %q now, as %s", c.name, id, name, c.signs.names[v.channel])
		}
		if topic := c.signs.topics[v.channel]; topic != item["topic"] {
			w.fail("misnamed: %s knows %q as the topic of room %s, which is %q", c.name, topic, id, item["topic"])
		}
	}
}
