package bridge_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// A page that would take more than a user may have is refused with the reason, and
// one of fewer messages is given.
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
		_, err = a.session.History(t.Context(), ircd.HistoryQuery{Target: "#messages", Mode: ircd.HistoryLatest, Limit: 40})
		if e, ok := errors.AsType[*ircd.Error](err); !ok || !strings.Contains(e.Text, "Ask for fewer") {
			t.Errorf("got %v", err)
		}
		for range 20 { // what one page takes is given back
			page, err := a.session.History(t.Context(), ircd.HistoryQuery{Target: "#messages", Mode: ircd.HistoryLatest, Limit: 20})
			if err != nil || len(page.Events) != 20 {
				t.Fatalf("%v", err)
			}
			page.Done()
		}
	})
}
