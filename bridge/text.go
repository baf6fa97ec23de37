package bridge

import (
	"regexp"
	"strings"

	"directus-ircd/ircd"
)

// actionPrefix marks an action in a stored text. It is what people type, on
// both sides, so a reader of the web page understands it and may write it.
const actionPrefix = "/me "

// mircFormat matches mIRC formatting: a colour with its numbers, a hex colour,
// and the toggles of bold, italic, underline, strike-through, monospace,
// reverse and reset.
var mircFormat = regexp.MustCompile("\x03(?:\\d{1,2}(?:,\\d{1,2})?)?|\x04(?:[0-9A-Fa-f]{6}(?:,[0-9A-Fa-f]{6})?)?|[\x02\x0f\x11\x16\x1d\x1e\x1f]")

// storedText is what an IRC message is stored as: plain text, without the
// formatting that the web page could not show. A NOTICE is stored like a
// PRIVMSG.
func storedText(m ircd.Outgoing) string {
	text := strings.TrimRight(mircFormat.ReplaceAllString(ircd.CleanText(m.Text), ""), " \n")
	if m.Kind == ircd.Action && text != "" {
		return actionPrefix + text
	}
	return text
}

// shownText is its inverse for stored texts. It removes every control
// character but the line break.
func shownText(stored string) (ircd.Kind, string) {
	text := strings.TrimRight(mircFormat.ReplaceAllString(ircd.CleanText(stored), ""), " \n")
	if action, ok := strings.CutPrefix(text, actionPrefix); ok && strings.TrimSpace(action) != "" {
		return ircd.Action, action
	}
	return ircd.Privmsg, text
}
