package text

import (
	"strings"

	"directus-ircd/ircd"
	"directus-ircd/ircd/wire"
)

// Format is a way to write formatted text in the text field of a collection. On IRC it is
// text with mIRC formatting; both ways keep its words.
type Format string

// The formats.
const (
	Plain    Format = "plain" // the default, also of an empty Format
	Markdown Format = "markdown"
	HTML     Format = "html"
)

// actionPrefix marks an action in a stored text of any format. It is what people type, on
// both sides, so a reader of the web page understands it and may write it.
const actionPrefix = "/me "

// Valid reports whether there is such a format.
func (f Format) Valid() bool {
	switch f {
	case "", Plain, Markdown, HTML:
		return true
	}
	return false
}

// Store is what an IRC message is stored as; empty if nothing of it can be seen. A NOTICE
// is stored like a PRIVMSG.
func (f Format) Store(m ircd.Outgoing) string {
	text := strings.TrimRight(wire.CleanText(m.Text), " \n")
	if !Visible(text) {
		return ""
	}
	if m.Kind == ircd.Action {
		text = actionPrefix + text
	}
	return strings.TrimRight(f.FromIRC(text), " \n")
}

// Show is what IRC sees of a stored text. It holds no control characters but line breaks,
// tabs and the codes of mIRC formatting.
func (f Format) Show(stored string) (ircd.Kind, string) {
	text := strings.TrimRight(f.toIRC(wire.CleanText(stored)), " \n")
	if action, ok := strings.CutPrefix(text, actionPrefix); ok && Visible(action) {
		return ircd.Action, action
	}
	return ircd.Privmsg, text
}

// toIRC makes IRC text of a stored text.
func (f Format) toIRC(stored string) string {
	switch f {
	case Markdown:
		return markdownToIRC(stored)
	case HTML:
		return htmlToIRC(stored)
	}
	return wire.Plain(stored)
}

// FromIRC makes a text to be stored of IRC text; it is empty if that shows
// nothing.
func (f Format) FromIRC(text string) string {
	switch f {
	case Markdown:
		return markdownFromIRC(text)
	case HTML:
		return htmlFromIRC(text)
	}
	return wire.Plain(text)
}
