package bridge

import (
	"strings"

	"directus-ircd/ircd"
)

// actionPrefix marks an action in a stored text. It is what people type, on
// both sides, so a reader of the web page understands it and may write it.
const actionPrefix = "/me "

// storedText is what an IRC message is stored as in a channel; empty if nothing of
// it can be seen. A NOTICE is stored like a PRIVMSG.
func storedText(m ircd.Outgoing, c *channel) string {
	text := strings.TrimRight(ircd.CleanText(m.Text), " \n")
	if !isShown(text) {
		return ""
	}
	if m.Kind == ircd.Action {
		text = actionPrefix + text
	}
	return strings.TrimRight(c.Format.fromIRC(text), " \n")
}
