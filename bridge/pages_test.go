package bridge_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// A page that would take more than a user may have ends with the last message that
// fits, and the next one goes on from there.
func TestPageBeyondMemory(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		client := directus.New(c.fake.URL(), directus.Options{NetDial: c.fake.Dial, Logger: logger(t)})
		t.Cleanup(client.Close)
		var err error
		c.backend, err = bridge.New(bridge.Options{
			Client: client, Channels: []bridge.Channel{messages("messages")}, NickFields: []string{"first_name"}, Logger: logger(t), PageMemory: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.backend.Close(context.Background()) })
		c.fake.AddCollection("messages", directustest.FakeCollection{Fields: []string{"text", "nonce"}})
		a := c.visit("ada", "#messages")
		for i := range 40 {
			c.write("line %d %s", i, strings.Repeat("long ", 20<<10))
			time.Sleep(time.Second) // those of one time come together
		}
		query := ircd.HistoryQuery{Target: "#messages", Mode: ircd.HistoryLatest, Limit: 40}
		var got []string
		for pages := 1; ; pages++ {
			page, err := a.session.History(t.Context(), query)
			if err != nil {
				t.Fatal(err)
			}
			page.Done()
			if page.End != (pages == 2) || pages > 2 {
				t.Fatalf("page %d of %d messages, the end: %v", pages, len(page.Events), page.End)
			}
			var texts []string
			for _, e := range page.Events {
				line, _, _ := strings.Cut(e.(*ircd.Message).Text, " long")
				texts = append(texts, line)
			}
			if got = append(texts, got...); page.End {
				break
			}
			query.Mode, query.From = ircd.HistoryBefore, ircd.Position{Time: page.Events[0].(*ircd.Message).Time}
		}
		for i, line := range got {
			if line != fmt.Sprintf("line %d", i) || len(got) != 40 {
				t.Fatalf("got %q", got)
			}
		}
		for range 3 { // what one page takes, more than half of the room, is given back
			page, err := a.session.History(t.Context(), ircd.HistoryQuery{Target: "#messages", Mode: ircd.HistoryLatest, Limit: 20})
			if err != nil || len(page.Events) != 20 {
				t.Fatalf("%v", err)
			}
			page.Done()
		}
	})
}
