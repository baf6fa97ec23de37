package bridge_test

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/bell"
	"directus-ircd/ircd/ircdtest"
)

// awkwardKeys are texts that a path cannot hold, that clients and servers take for steps
// to another one, or that are no texts in the filters of Directus.
var awkwardKeys = []string{".", "..", "a/b", "a?b#c", "%2e%2e", "é b", "Plain-1", "null", "true", "$NOW"}

// coded is the channel of a collection whose primary key is the text "code".
func coded(name string) collection.Config {
	c := messages(name)
	c.Fields = collection.Fields{ID: "code", Text: "text", Author: "user_created", Date: "date_created", Reply: "answers"}
	c.Corrections = true
	return c
}

// A primary key may have any name and hold any text: messages are read, answered,
// corrected and deleted by it, and nothing but them is touched.
func TestAwkwardKeys(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil, coded("codes"))
		c.fake.AddCollection("codes", directustest.FakeCollection{Key: "code", Fields: []string{"text", "answers"}, Relations: map[string]string{"answers": "codes"}})
		ada := c.person("ada")
		insert := func(item map[string]any) {
			time.Sleep(time.Second)
			c.fake.Insert("codes", ada, item)
		}
		testAwkwardKeys(t, c.visit("ada").session, insert, func() int { return len(c.fake.Items("codes")) })
	})
}

func TestRealAwkwardKeys(t *testing.T) {
	dx := directustest.Shared(t)
	field := func(name, kind string, special ...string) map[string]any {
		return map[string]any{"field": name, "type": kind, "meta": map[string]any{"special": special}, "schema": map[string]any{}}
	}
	key := field("code", "string")
	key["schema"] = map[string]any{"is_primary_key": true, "length": 255, "has_auto_increment": false}
	dx.Do("POST", "/collections", nil, map[string]any{"collection": "codes", "meta": map[string]any{}, "schema": map[string]any{}, "fields": []any{
		key, field("user_created", "uuid", "user-created"), field("date_created", "timestamp", "date-created"), field("text", "text"), field("answers", "string"),
	}}, nil)
	dx.Do("POST", "/relations", nil, map[string]any{"collection": "codes", "field": "answers", "related_collection": "codes", "schema": map[string]any{"on_delete": "SET NULL"}, "meta": map[string]any{}}, nil)
	base, err := url.Parse(dx.URL)
	if err != nil {
		t.Fatal(err)
	}
	b, err := bridge.New(bridge.Options{
		Client: directus.New(base, directus.Options{}), Channels: []collection.Config{coded("codes")},
		NickFields: []string{"first_name"}, Logger: logger(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close(context.Background())
	s, err := full(b.Login(t.Context(), ircd.Credentials{Secret: directustest.AdminToken}))
	if err != nil {
		t.Fatal(err)
	}
	defer closeSession(t, s)
	insert := func(item map[string]any) {
		dx.Do("POST", "/items/codes", nil, item, nil)
		if item["code"] == "first" { // its date has whole seconds on MariaDB, where it may not be in front of the next one
			dx.Do("PATCH", "/items/codes/first", nil, map[string]any{"date_created": time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)}, nil)
		}
	}
	testAwkwardKeys(t, s, insert, func() int {
		var items []json.RawMessage
		dx.Do("GET", "/items/codes", url.Values{"limit": {"-1"}}, nil, &items)
		return len(items)
	})
}

func testAwkwardKeys(t *testing.T, s fullSession, insert func(map[string]any), count func() int) {
	insert(map[string]any{"code": "first", "text": "first"})
	if _, err := s.Join(t.Context(), "#messages", ircd.JoinOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, key := range awkwardKeys {
		insert(map[string]any{"code": key, "text": "said", "answers": "first"})
		m := await(t, s, func(m *ircd.Message) bool { return m.Text == "said" })
		if m.Quote == nil || m.Quote.Text != "first" {
			t.Errorf("%q: quotes %+v", key, m.Quote)
		}
		q := ircd.HistoryQuery{Target: "#messages", Mode: ircd.HistoryAround, From: ircd.Position{MsgID: m.ID}, Limit: 1}
		if page := history(t, s, q); len(page) != 1 || page[0].ID != m.ID {
			t.Errorf("%q: %d messages around it", key, len(page))
		}
		if m, err := s.Send(t.Context(), ircd.Outgoing{Target: "#messages", Text: "s/said/corrected/"}); err != nil || m.Edits == "" {
			t.Errorf("%q: correct: %+v, %v", key, m, err)
		}
		if page := history(t, s, q); len(page) != 1 || page[0].Text != "corrected" {
			t.Errorf("%q: %+v after the correction", key, page)
		}
		if _, err := s.Redact(t.Context(), "#messages", m.ID, ""); err != nil {
			t.Errorf("%q: delete: %v", key, err)
		}
		if n := count(); n != 1 {
			t.Fatalf("%q: %d items are left", key, n)
		}
	}
	// Directus takes the empty text for a key, if only to create and to read. It must not stop the channel.
	for _, key := range []string{"", "last"} {
		insert(map[string]any{"code": key, "text": "key " + key})
		await(t, s, func(m *ircd.Message) bool { return m.Text == strings.TrimSpace("key "+key) })
	}
	if page := history(t, s, ircd.HistoryQuery{Target: "#messages", Mode: ircd.HistoryLatest, Limit: 5}); len(page) != 3 {
		t.Errorf("%d messages are in the history, one of them with an empty key", len(page))
	}
	if err := s.Part(t.Context(), "#messages"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Join(t.Context(), "#messages", ircd.JoinOptions{}); err != nil {
		t.Error(err) // the feed begins with the row
	}
}

// await polls until a message has come, for some seconds.
func await(t *testing.T, s fullSession, wanted func(*ircd.Message) bool) *ircd.Message {
	t.Helper()
	limit := time.NewTimer(10 * time.Second)
	defer limit.Stop()
	wake := &bell.Pull{Bell: bell.New()}
	s.WakeBy(wake)
	for {
		events, err := s.Poll(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(events, func(ev ircd.Event) bool {
			m, ok := ev.(*ircd.Message)
			return ok && wanted(m)
		})
		if i >= 0 {
			return events[i].(*ircd.Message)
		}
		select {
		case <-wake.Bell:
			wake.Rung()
		case <-limit.C:
			t.Fatal("no message has come")
		}
	}
}
