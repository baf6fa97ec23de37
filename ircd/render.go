package ircd

import (
	"strings"
	"time"
	"unicode/utf8"

	"directus-ircd/ircd/wire"
)

// form is how a client sees messages: what it negotiated, and where it is. Two
// clients of one form are sent the same bytes for one message.
type form struct {
	caps capSet // of those in formCaps
	zone *time.Location
	// old messages carry their time in the text if the client has no
	// server-time.
	old bool
	day string // of now, for old: messages of the day are stamped without it
	bot bool   // the author is marked as a bot, and the client can be told
}

// formCaps are the capabilities that change a message's lines.
const formCaps = capServerTime | capMessageTags | capAccountTag | capMultiline

const (
	dayFormat    = "2006-01-02"
	stampToday   = "[15:04] "
	stampEarlier = "[" + dayFormat + " 15:04] "
)

// render makes the lines of a message. It is the only place that does, so the
// live message, the echo and the history look the same. A text of several lines,
// or of one that is too long with its real prefix, becomes a batch for clients
// that know multi-line messages (see renderMultiline), and several messages for
// the others; only the first line carries what belongs to the whole. An ACTION
// is never a batch: how CTCP and batches go together is written nowhere. A text of
// too many lines is cut, see cutText.
func render(m *Message, f form) []wire.Line {
	text := wire.Truncate(wire.CleanText(m.Text))
	if wire.Lines(text) == nil {
		return nil
	}
	if !f.caps.has(capMessageTags) {
		text = withQuote(m, text)
	}
	s := speechOf(m)
	stamped := ""
	if f.old && !f.caps.has(capServerTime) {
		stamped = stamp(m.Time, f)
	}
	if f.caps.has(capMultiline) && m.Kind != Action {
		if parts := multilineParts(stamped+text, s.room()); len(parts) > 1 {
			return renderMultiline(m, s, f, parts)
		}
	}
	s.open += stamped
	var lines []wire.Line
	for _, text := range wire.Lines(text) {
		for _, part := range wire.Split(text, s.room()) {
			l := s.line(part)
			l.Tags = append(messageTags(m, f.caps, len(lines) == 0), f.botTag()...)
			lines = append(lines, l)
		}
	}
	return lines
}

// speech is what the lines of a message have in common.
type speech struct {
	source, command, target string
	open, end               string // around the text of each line
}

func speechOf(m *Message) speech {
	s := speech{source: prefixOf(m.source()), command: "PRIVMSG", target: windowOf(m.Target, m.To)}
	switch m.Kind {
	case Notice:
		s.command = "NOTICE"
	case Action:
		s.open, s.end = wire.CTCPAction+" ", wire.CTCPMark
	}
	return s
}

// windowOf is the target of lines about something said: the channel, or the
// recipient.
func windowOf(target string, to User) string {
	if target == "" {
		return to.Nick
	}
	return target
}

// room is how many bytes of text one line can hold.
func (s *speech) room() int {
	return wire.MaxBody - len(":"+s.source+" "+s.command+" "+s.target+" :"+s.open+s.end)
}

func (s *speech) line(text string) wire.Line {
	return wire.Line{Source: s.source, Command: s.command, Params: []string{s.target, s.open + text + s.end}, Trailing: true}
}

// messageTags are the tags of one line of a message, in a stable order.
func messageTags(m *Message, caps capSet, first bool) []wire.Tag {
	var tags []wire.Tag
	if caps.has(capServerTime) {
		tags = append(tags, wire.Tag{Key: "time", Value: m.Time.UTC().Format(wire.TimeFormat)})
	}
	if caps.has(capMessageTags) && first && m.ID != "" {
		tags = append(tags, wire.Tag{Key: "msgid", Value: m.ID})
	}
	if by := m.source().ID; caps.has(capAccountTag) && by != "" {
		tags = append(tags, wire.Tag{Key: "account", Value: by})
	}
	if caps.has(capMessageTags) && first {
		tags = append(tags, referenceTags(m)...)
	}
	return tags
}

// botTag marks what a bot says (https://ircv3.net/specs/extensions/bot-mode).
func (f form) botTag() []wire.Tag {
	if !f.bot {
		return nil
	}
	return []wire.Tag{{Key: "bot"}}
}

// stamp is the time of an old message as it stands in the text.
func stamp(t time.Time, f form) string {
	t = t.In(f.zone)
	if t.Format(dayFormat) == f.day {
		return t.Format(stampToday)
	}
	return t.Format(stampEarlier)
}

// form returns how the client sees messages now.
func (c *conn) form(old bool) form {
	zone := c.set.Location
	f := form{caps: c.caps & formCaps, zone: zone, old: old}
	if !c.caps.has(capBatch) {
		f.caps &^= capMultiline // it depends on batch
	}
	if old {
		f.day = c.srv.now().In(zone).Format(dayFormat)
	}
	return f
}

// by completes a form for what a user says.
func (c *conn) by(u User, f form) form {
	f.bot = f.caps.has(capMessageTags) && c.srv.roster.IsBot(u.ID)
	return f
}

const (
	// quoteAge is how old an answered message is that nobody needs to be
	// reminded of: the nick says enough.
	quoteAge = 5 * time.Minute
	// maxQuote bounds what is repeated of an older one, in bytes.
	maxQuote = 60
)

// referenceTags say which message another one belongs to: what it answers, or
// what it is a new version of.
func referenceTags(m *Message) []wire.Tag {
	id := m.ReplyTo
	if m.Edits != "" {
		id = m.Edits
	}
	if id == "" {
		return nil
	}
	return []wire.Tag{{Key: tagReply, Value: id}, {Key: tagDraftReply, Value: id}}
}

// withQuote puts in front of a clean text what it answers, for clients without
// tags: the nick of the one who said it, if it was just now and the text does
// not begin with that anyway; else a line with the beginning of it.
func withQuote(m *Message, text string) string {
	q := m.Quote
	if q == nil || q.Nick == "" || m.ReplyTo == "" || m.Edits != "" {
		return text // the text of an edit says by itself what it is about
	}
	text = strings.TrimLeftFunc(text, wire.IsLineBreak)
	said := wire.Beginning(q.Text, maxQuote)
	switch {
	case said != "" && m.Time.Sub(q.Time) >= quoteAge:
		return "> <" + q.Nick + "> " + said + "\n" + text
	case addresses(text, q.Nick):
		return text
	}
	return q.Nick + ": " + text
}

// addresses reports whether a text begins with a nick.
func addresses(text, nick string) bool {
	text = strings.TrimPrefix(text, "@")
	if len(text) < len(nick) || wire.Fold(text[:len(nick)]) != wire.Fold(nick) {
		return false
	}
	rest := text[len(nick):]
	return rest == "" || !wire.IsNick("x"+rest[:1]) && rest[0] < utf8.RuneSelf
}

// changedBy is the source of lines about what became of a message, a new text or its
// deletion: whoever did it, or the service where that is not known. The author is no
// guess for it: an administrator or a moderator may have done it elsewhere.
func (s *Server) changedBy(by User) User {
	if by.ID == "" {
		return serviceUser(s.source)
	}
	return by
}

// serviceUser is whom ServiceNotices come from: the daemon itself.
func serviceUser(server string) User {
	return User{Nick: "directus", Username: "service", Host: server}
}

// sourced is a message with its source in By. It is m itself but for an edit by nobody
// known, as events are shared.
func (s *Server) sourced(m *Message) *Message {
	if m.Edits == "" || m.By.ID != "" {
		return m
	}
	edit := *m
	edit.By = s.changedBy(m.By)
	return &edit
}

// source is who says a message: its author or, of a new text, whoever changed it.
func (m *Message) source() User {
	if m.Edits == "" {
		return m.From
	}
	return m.By
}

// byAuthor reports that a message was surely deleted by its author.
func (r *Redaction) byAuthor() bool { return r.By.ID != "" && r.By.ID == r.From.ID }

// undoing is what a line looks like by which something is taken back: by is who did it,
// zero if that is not known, and said is what it was, by from, to a channel or a user.
// In a private conversation clients look for it in the window of the other person, who is
// the source of the line or its target.
func (s *Server) undoing(by User, target string, from, to, reader User) (source User, window string) {
	source = s.changedBy(by)
	if target != "" {
		return source, target
	}
	self, other := from, to
	if reader.ID == to.ID {
		self, other = to, from
	}
	if by.ID != "" && by.ID == other.ID {
		return source, self.Nick
	}
	return source, other.Nick
}
