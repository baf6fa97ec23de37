package text

import (
	"slices"
	"strings"

	"directus-ircd/ircd"
	"directus-ircd/ircd/wire"
)

// Format is the language of the formatted text in a text field of a collection. On IRC it
// becomes text with mIRC formatting codes. Conversions in both directions keep the words.
type Format string

// These are all formats; an empty Format is Plain.
const (
	Plain    Format = "plain" // without formatting
	Markdown Format = "markdown"
	HTML     Format = "html"
)

// actionPrefix marks an action (CTCP ACTION) in a stored text of any format. People type it in
// IRC clients and on web pages alike, so readers of a page understand it and may write it too.
const actionPrefix = "/me "

// Valid reports whether f is one of the formats.
func (f Format) Valid() bool { return slices.Contains([]Format{"", Plain, Markdown, HTML}, f) }

// Store converts an IRC message to the text to be stored; empty if nothing of it is visible. The
// text of a NOTICE is stored like that of a PRIVMSG.
func (f Format) Store(m ircd.Outgoing) string {
	text := strings.TrimRight(wire.CleanText(m.Text), " \n")
	if !Visible(text) {
		return ""
	}
	return strings.TrimRight(f.FromIRC(Spoken(m.Kind, text)), " \n")
}

// Show converts a stored text to what IRC shows of it. The result holds no control characters
// but line breaks, tabs and the codes of mIRC formatting. It takes milliseconds for a long
// text. base is the address that relative links lead from; if it is empty, they are left out.
func (f Format) Show(stored, base string) (ircd.Kind, string) {
	text := strings.TrimRight(f.toIRC(wire.CleanText(stored), base), " \n")
	if action, ok := strings.CutPrefix(text, actionPrefix); ok && Visible(action) {
		return ircd.Action, action
	}
	return ircd.Privmsg, text
}

// Spoken is the text of a message of a kind as a line of text: an action with its mark.
func Spoken(kind ircd.Kind, shown string) string {
	if kind == ircd.Action {
		return actionPrefix + shown
	}
	return shown
}

func (f Format) toIRC(stored, base string) string {
	switch f {
	case Markdown:
		return markdownToIRC(stored, base)
	case HTML:
		return htmlToIRC(stored, base)
	}
	return wire.Plain(stored)
}

// FromIRC converts IRC text to a text to be stored; empty if nothing of it is visible.
func (f Format) FromIRC(text string) string {
	switch f {
	case Markdown:
		return markdownFromIRC(text)
	case HTML:
		return htmlFromIRC(text)
	}
	return wire.Plain(text)
}

// Visible reports whether a text holds anything but white space and formatting codes.
func Visible(text string) bool { return strings.TrimSpace(wire.Plain(text)) != "" }
