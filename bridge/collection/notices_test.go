package collection

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestNotices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n notices
		row := func(id, text string) Row { return Row{ID: id, Author: "bot", Text: text} }
		expect := func(r Row, want bool) {
			t.Helper()
			if n.has(r) != want {
				t.Errorf("%s is a notice: %v", r.ID, !want)
			}
		}
		stored := n.Sending("bot", "pong")
		expect(row("1", "pong"), true) // its event came first
		expect(row("1", "ping"), false)
		expect(Row{ID: "1", Author: "ada", Text: "pong"}, false)
		stored("1")
		expect(row("1", "edited"), true)
		expect(row("2", "pong"), false)
		n.Sending("bot", "in doubt")("")
		expect(row("3", "in doubt"), true)
		time.Sleep(noticeDoubt + time.Second)
		expect(row("3", "in doubt"), false)
		for i := range maxNotices {
			n.Sending("bot", "more")(fmt.Sprint("more ", i))
		}
		expect(row("1", "pong"), false)
		expect(row("more 0", "more"), true)
		if len(n.rows) != maxNotices || len(n.sending) != 0 {
			t.Errorf("remembers %d and %d", len(n.rows), len(n.sending))
		}
	})
}
