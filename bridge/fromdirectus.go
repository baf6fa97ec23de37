package bridge

import (
	"strings"

	"directus-ircd/ircd"
)

// usersOf lists the users whose names it takes to show some rows.
func usersOf(rows []row) []string {
	ids := make([]string, 0, len(rows))
	for _, r := range rows {
		ids = append(ids, r.author)
		if r.recipient != "" {
			ids = append(ids, r.recipient)
		}
	}
	return ids
}

// toMessage is what IRC sees of a row of a channel; users holds those of usersOf.
func toMessage(r row, c *channel, users map[string]ircd.User, replayed bool) *ircd.Message {
	kind, text := shownText(r.text)
	m := &ircd.Message{
		ID: messageID(r), Time: r.date, From: users[r.author], Target: c.Name,
		Kind: kind, Text: text, Replayed: replayed,
	}
	if c.private {
		m.To = users[r.recipient]
	}
	return m
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
