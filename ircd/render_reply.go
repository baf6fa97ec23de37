package ircd

import (
	"strings"
	"time"
	"unicode/utf8"

	"directus-ircd/ircd/wire"
)

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
