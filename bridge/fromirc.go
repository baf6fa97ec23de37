package bridge

import (
	"strings"

	"directus-ircd/ircd"
)

// storedText is what an IRC message is stored as: plain text, without the
// formatting that the web page could not show. A NOTICE is stored like a
// PRIVMSG.
func storedText(m ircd.Outgoing, _ *channel) string {
	text := strings.TrimRight(mircFormat.ReplaceAllString(ircd.CleanText(m.Text), ""), " \n")
	if m.Kind == ircd.Action && text != "" {
		return actionPrefix + text
	}
	return text
}
