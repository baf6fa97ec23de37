package bridge_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// Texts of which a page is more than an answer may hold keep nobody from reading on: they are read a few at a time.
func TestTextsBeyondAnAnswer(t *testing.T) {
	for _, test := range []struct { // each two of the three in all combinations
		length int
		pause  time.Duration
		uuids  bool
	}{
		{length: 600}, {length: 600, pause: time.Second, uuids: true},
		{length: 12_000, uuids: true}, {length: 12_000, pause: time.Second}, // of which one fits into an answer
	} {
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) { testTextsBeyondAnAnswer(t, test.length, test.pause, test.uuids) })
		})
	}
}

func testTextsBeyondAnAnswer(t *testing.T, length int, pause time.Duration, uuids bool) {
	c := newChat(t, nil)
	client := directus.New(c.fake.URL(), directus.Options{NetDial: c.fake.Dial, Logger: logger(t), MaxAnswer: 20 << 10})
	t.Cleanup(client.Close)
	var err error
	c.backend, err = bridge.New(bridge.Options{
		Client: client, Channels: []collection.Config{messages("messages")}, NickFields: []string{"first_name"}, Logger: logger(t),
		Edits: collection.Edits{Show: true, Merge: 5 * time.Second},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.backend.Close(context.Background()) })
	c.fake.AddCollection("messages", directustest.FakeCollection{Fields: []string{"text", "nonce"}, UUIDKey: uuids})
	a := c.visit("ada", "#messages")
	n := 110
	if length > 10_000 {
		n = 20
	}
	long := strings.Repeat("long ", length/5)
	shown := func(when string, lines []string) {
		t.Helper()
		if len(lines) != n {
			t.Errorf("%s: %d of %d are shown", when, len(lines), n)
		}
		seen := map[string]bool{}
		for _, line := range lines {
			_, text, _ := strings.Cut(line, "line ")
			number, _, _ := strings.Cut(text, " ")
			seen[number] = true
		}
		if len(seen) != n {
			t.Errorf("%s: %d of %d different ones", when, len(seen), n)
		}
	}
	c.fake.LoseEvents(true)
	for i := range n {
		c.write("line %d %s", i, long)
		time.Sleep(pause)
	}
	c.fake.LoseEvents(false)
	c.fake.Cut()
	shown("missed", a.later(10*time.Minute))
	if b := c.visit("bob", "#messages"); len(b.backlog) != min(n, 50) {
		t.Errorf("%d messages of backlog", len(b.backlog))
	}
	if page := history(t, a.session, ircd.HistoryQuery{Target: "#messages", Mode: ircd.HistoryLatest, Limit: n}); len(page) != n {
		t.Errorf("%d messages of history", len(page))
	}

	var ids []string
	for i := range min(n, 100) {
		ids = append(ids, c.write("short %d", i))
	}
	if got := a.later(time.Minute); len(got) != len(ids) {
		t.Fatalf("%d short ones", len(got))
	}
	c.fake.LoseEvents(true)
	for i, id := range ids {
		c.fake.Update("messages", id, map[string]any{"text": fmt.Sprintf("long %d %s", i, long)})
	}
	c.fake.LoseEvents(false)
	c.fake.Cut()
	if got := editsTold(a.later(10 * time.Minute)); got != len(ids) {
		t.Errorf("%d of %d changes are told of", got, len(ids))
	}
}
