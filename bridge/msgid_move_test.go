package bridge_test

import (
	"fmt"
	"testing"

	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// A message may go to and fro between two channels as often as it likes: its msgid
// does not grow, and the latest one names it for a REDACT, an answer and a page of
// history. So do those of releases that let it grow.
func TestMsgidOfAMessageThatMovesOften(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil, room("dev", nil), room("ops", nil))
		addRooms(c.fake)
		a, b := c.visit("ada", "#dev", "#ops"), c.visit("bob", "#dev", "#ops")
		id := c.fake.Insert("rooms", a.id, map[string]any{"text": "hello", "room": "dev"})
		b.news()
		latest := a.shownIDs()[0]
		first, longest := latest, 0
		for i := range 10 {
			c.fake.Update("rooms", id, map[string]any{"room": []string{"ops", "dev"}[i%2]})
			ids := a.shownIDs()
			if len(ids) != 1 {
				t.Fatalf("move %d: shown as %q", i, ids)
			}
			latest, longest = ids[0], max(longest, len(ids[0]))
		}
		if longest > len(first)+len(".e")+9 {
			t.Errorf("a msgid of %d bytes: %s", longest, latest)
		}
		for _, msgid := range []string{latest, first, first + ".e1.e2.e3.e4"} {
			q := ircd.HistoryQuery{Target: "#dev", Mode: ircd.HistoryAround, From: ircd.Position{MsgID: msgid}, Limit: 1}
			if page := history(t, a.session, q); len(page) != 1 || page[0].Text != "hello" {
				t.Errorf("around %s: %d messages", msgid, len(page))
			}
			if _, err := b.session.Send(t.Context(), ircd.Outgoing{Target: "#dev", Text: fmt.Sprint("yes, ", msgid), ReplyTo: msgid}); err != nil {
				t.Errorf("answer %s: %v", msgid, err)
			}
		}
		a.redact("#dev", latest, "")
	})
}

// shownIDs are the msgids of the messages that have come since the last look.
func (v *visitor) shownIDs() []string {
	v.t.Helper()
	var ids []string
	for _, m := range polled[*ircd.Message](v.t, v.session) {
		ids = append(ids, m.ID)
	}
	return ids
}
