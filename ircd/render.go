package ircd

import (
	"cmp"
	"strings"
	"time"
	"unicode/utf8"

	"directus-ircd/ircd/wire"
)

// form is everything about a client that changes how it is sent an event: capabilities, time
// zone and so on. Clients of the same form are sent the same bytes.
type form struct {
	caps capSet // of those in formCaps
	zone *time.Location
	// old messages get their time in the text if the client has no server-time.
	old bool
	day string // today, for old: today's messages are stamped without the date
	bot bool   // the source is marked as a bot, and the client supports that
	// blind clients have message-tags and do not show which message this one refers to, which it does.
	blind bool
	// plain clients have message-tags and can read none that refer to a message.
	plain bool
	// channel is the name by which the client knows the channel of a presence event.
	channel string
}

// formCaps are the capabilities that change the lines of a message.
const formCaps = capServerTime | capMessageTags | capAccountTag | capMultiline

// referringCaps are those of which a client that shows what a message refers to asks for at
// least one: Halloy, Goguma and Kiwi for the history, The Lounge from 4.6 on for standard
// replies, and bots that answer by msgid for labels. WeeChat, The Lounge before 4.6, catgirl and
// Quassel ask for message-tags and none of these, and show the text alone.
const referringCaps = capChathistory | capRedaction | capLabeledResponse | capStandardReplies

// readingCaps are those of which every client that can read +draft/reply and +draft/react asks
// for at least one. rcirc asks for message-tags and none of these, and drops each line that has
// a tag with such a prefix, without a dot.
const readingCaps = capEchoMessage | capSetname | capExtendedJoin | capChathistory | capRedaction

const (
	dayFormat    = "2006-01-02"
	stampToday   = "[15:04] "
	stampEarlier = "[" + dayFormat + " 15:04] "
)

// render makes the lines of a message: live, as an echo and in history. A text that does not
// fit on one line becomes a batch for clients that support multi-line messages (see
// renderMultiline), and several messages for others, of which the first carries the msgid
// and similar tags. An ACTION never becomes a batch, because no specification says how. A
// very long text is truncated, see wire.Truncate. Where its author has cut it, it is cut again.
func render(m *Message, f form, composed composition) []wire.Line {
	text := wire.Truncate(wire.CleanText(m.Text))
	if wire.Lines(text) == nil {
		return nil
	}
	quote := ""
	if f.blind || !f.caps.has(capMessageTags) {
		before := text
		if quote, text = quoted(m, text); quote+text != before {
			text, composed = quote+text, nil
		}
	}
	s := speechOf(m)
	stamped := ""
	if f.old && !f.caps.has(capServerTime) {
		stamped = stamp(m.Time, f)
	}
	if f.caps.has(capMultiline) && m.Kind != Action {
		if stamped != "" {
			composed = nil // its offsets are without the stamp
		}
		if parts := multilineParts(stamped+text, s.room(), composed); len(parts) > 1 {
			return renderMultiline(m, s, f, parts)
		}
	}
	s.open += stamped
	var lines []wire.Line
	for i, text := range wire.WholeLines(text) {
		if !wire.Visible(text) {
			continue
		}
		for _, part := range wire.SplitAt(text, s.room(), composed.of(i)) {
			first := len(lines) == strings.Count(quote, "\n") // the quote is not what the msgid names
			l := s.line(part)
			l.Tags = append(messageTags(m, f, first), f.botTag()...)
			lines = append(lines, l)
		}
	}
	return lines
}

// speech is what all lines of a message have in common.
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

// windowOf is the target of the lines of an event: the channel, or the recipient.
func windowOf(target string, to User) string { return cmp.Or(target, to.Nick) }

// room is how many bytes of text fit on one line.
func (s *speech) room() int {
	return wire.MaxBody - len(":"+s.source+" "+s.command+" "+s.target+" :"+s.open+s.end)
}

func (s *speech) line(text string) wire.Line {
	return wire.Line{Source: s.source, Command: s.command, Params: []string{s.target, s.open + text + s.end}, Trailing: true}
}

// messageTags are the tags of a line of a message, in a fixed order.
func messageTags(m *Message, f form, first bool) []wire.Tag {
	caps := f.caps
	tags := make([]wire.Tag, 0, 4)
	if caps.has(capServerTime) {
		tags = append(tags, wire.Tag{Key: "time", Value: m.Time.UTC().Format(wire.TimeFormat)})
	}
	if caps.has(capMessageTags) && first && m.ID != "" {
		tags = append(tags, wire.Tag{Key: "msgid", Value: m.ID})
	}
	if by := m.source().Account; caps.has(capAccountTag) && by != "" {
		tags = append(tags, wire.Tag{Key: "account", Value: by})
	}
	if caps.has(capMessageTags) && first && !f.plain {
		tags = append(tags, referenceTags(m)...)
	}
	return tags
}

// botTag marks lines of bots (https://ircv3.net/specs/extensions/bot-mode).
func (f form) botTag() []wire.Tag {
	if !f.bot {
		return nil
	}
	return []wire.Tag{{Key: "bot"}}
}

// stamp is the time of an old message as shown in its text.
func stamp(t time.Time, f form) string {
	t = t.In(f.zone)
	if t.Format(dayFormat) == f.day {
		return t.Format(stampToday)
	}
	return t.Format(stampEarlier)
}

// form returns the client's current form, with by still to be applied.
func (c *conn) form(old bool) form {
	zone := c.set.Location
	f := form{caps: c.caps & formCaps, zone: zone, old: old, plain: c.caps.has(capMessageTags) && !c.caps.has(readingCaps)}
	if !c.caps.has(capBatch) {
		f.caps &^= capMultiline // it requires batch
	}
	if old {
		f.day = c.srv.now().In(zone).Format(dayFormat)
	}
	return f
}

// by completes a form for an event by a user.
func (c *conn) by(u User, f form) form {
	f.bot = f.caps.has(capMessageTags) && c.srv.roster.IsBot(u.ID)
	return f
}

// formFor completes a form for a message. What a bot reads are commands, which begin with their
// first word.
func (c *conn) formFor(m *Message, f form) form {
	f = c.by(m.source(), f)
	f.blind = m.Quote != nil && c.caps.has(capMessageTags) && (f.plain || !c.caps.has(referringCaps)) && !c.srv.roster.IsBot(c.user.ID)
	return f
}

const (
	// quoteAge is the age up to which a message is not quoted in replies: the nick is
	// reminder enough.
	quoteAge = 5 * time.Minute
	// maxQuote is how much of an older message is quoted, in bytes.
	maxQuote = 60
)

// referenceTags name the message that another one replies to or is a new version of.
func referenceTags(m *Message) []wire.Tag {
	id := cmp.Or(m.Edits, m.ReplyTo)
	if id == "" {
		return nil
	}
	return []wire.Tag{{Key: tagReply, Value: id}, {Key: tagDraftReply, Value: id}}
}

// quoted puts what a clean text refers to in front of it, for clients that cannot know: for an
// answer a line that quotes an older message, or the nick of a recent one's author, unless the
// text begins with that already. The quote ends with the line break.
func quoted(m *Message, text string) (quote, rest string) {
	q := m.Quote
	switch {
	case q == nil:
		return "", text
	case m.Edits != "":
		return "", identified(m, text)
	case q.Nick == "" || m.ReplyTo == "":
		return "", text
	}
	text = strings.TrimLeftFunc(text, wire.IsLineBreak)
	said := wire.Beginning(q.Text, maxQuote)
	switch {
	case said != "" && m.Time.Sub(q.Time) >= quoteAge:
		return "> <" + q.Nick + "> " + said + "\n", text
	case addresses(text, q.Nick):
		return "", text
	}
	return "", q.Nick + ": " + text
}

// identified says in the text of an edit which message that is of: by its age, as times of day
// differ between readers, and by words that are in both versions, if the text lacks them.
func identified(m *Message, text string) string {
	var which []string
	if age := m.Time.Sub(m.Quote.Time); age >= time.Minute {
		which = append(which, "from "+ago(age))
	}
	words := wire.Beginning(m.Quote.Text, maxQuote)
	if words != "" && !strings.Contains(wire.Plain(text), strings.Trim(words, "… ")) {
		which = append(which, `"`+words+`"`)
	}
	rest, marked := strings.CutPrefix(text, EditMark)
	if !marked || which == nil {
		return text
	}
	return EditMark + "(" + strings.Join(which, ": ") + ") " + rest
}

// addresses reports whether a text begins with a nick, optionally after "@".
func addresses(text, nick string) bool {
	text = strings.TrimPrefix(text, "@")
	if len(text) < len(nick) || wire.Fold(text[:len(nick)]) != wire.Fold(nick) {
		return false
	}
	rest := text[len(nick):]
	return rest == "" || !wire.IsNick("x"+rest[:1]) && rest[0] < utf8.RuneSelf
}

// changedBy is the source of lines about the edit or deletion of a message: whoever did it,
// or the service if that is not known. It need not have been the author: an administrator or
// moderator may have done it.
func (s *Server) changedBy(by User) User {
	if by.ID == "" {
		return serviceUser(s.source)
	}
	return by
}

// serviceUser is the daemon itself, as the source of ServiceNotices.
func serviceUser(server string) User {
	return User{Nick: "directus", Username: "service", Host: server}
}

// sourced returns m, or, for an edit by an unknown user, a copy with the service in By.
func (s *Server) sourced(m *Message) *Message {
	if m.Edits == "" || m.By.ID != "" {
		return m
	}
	edit := *m
	edit.By = s.changedBy(m.By)
	return &edit
}

// rendered renders a message for clients of a form.
func (s *Server) rendered(m *Message, f form) *rendering {
	return newRendering(render(s.sourced(m), f, s.composed.of(m)))
}

// source is the source of a message's lines: its author or, for an edit, whoever made it.
func (m *Message) source() User {
	if m.Edits == "" {
		return m.From
	}
	return m.By
}

// byAuthor reports whether a message is known to have been deleted by its author.
func (r *Redaction) byAuthor() bool { return r.By.ID != "" && r.By.ID == r.From.ID }

// undoing returns the source and the target of a line that takes back a message or reaction
// from a user to a channel (target) or to another user (to). by is who took it back; zero if
// not known. In a private conversation clients look in the window of the other user, who must
// be either the source or the target of the line.
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
