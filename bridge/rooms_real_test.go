package bridge_test

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"testing"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/rooms"
	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/bell"
	"directus-ircd/ircd/ircdtest"
)

// awaits polls until something is told that a pattern matches.
func (v *visitor) awaits(pattern string) {
	v.t.Helper()
	deadline := time.After(20 * time.Second)
	wake := &bell.Pull{Bell: bell.New()}
	v.session.WakeBy(wake)
	var told []string
	for {
		events, err := v.poll()
		if err != nil {
			v.t.Fatal(err)
		}
		for _, ev := range events {
			told = append(told, describe(ev))
		}
		if slices.ContainsFunc(told, func(line string) bool { return ircdtest.Match(pattern, line) }) {
			return
		}
		select {
		case <-wake.Bell:
			wake.Rung()
		case <-deadline:
			v.t.Fatalf("not told %s, but %q", pattern, told)
		}
	}
}

func TestRealRooms(t *testing.T) {
	dx := directustest.Shared(t)
	field := func(name, kind string, special ...string) map[string]any {
		return map[string]any{"field": name, "type": kind, "meta": map[string]any{"special": special}, "schema": map[string]any{}}
	}
	key := field("id", "integer")
	key["schema"] = map[string]any{"is_primary_key": true, "has_auto_increment": true}
	unique := field("name", "string")
	unique["schema"] = map[string]any{"is_unique": true, "max_length": 100}
	dx.Do("POST", "/collections", nil, map[string]any{"collection": "places", "meta": map[string]any{}, "schema": map[string]any{}, "fields": []any{
		key, unique, field("topic", "text"), field("archived", "boolean", "cast-boolean"),
	}}, nil)
	dx.Do("POST", "/collections", nil, map[string]any{"collection": "placed", "meta": map[string]any{}, "schema": map[string]any{}, "fields": []any{
		key, field("user_created", "uuid", "user-created"), field("date_created", "timestamp", "date-created"), field("text", "text"), field("place", "integer"),
	}}, nil)
	dx.Do("POST", "/relations", nil, map[string]any{"collection": "placed", "field": "place", "related_collection": "places", "schema": map[string]any{"on_delete": "SET NULL"}, "meta": map[string]any{}}, nil)
	base, err := url.Parse(dx.URL)
	if err != nil {
		t.Fatal(err)
	}
	b, err := bridge.New(bridge.Options{
		Client: directus.New(base, directus.Options{}), NickFields: []string{"first_name"}, Logger: logger(t),
		Rooms: &rooms.Config{
			Collection: "places", Fields: rooms.Fields{Name: "name", Topic: "topic", Archived: "archived"}, Room: "place",
			Messages: collection.Config{Collection: "placed", Fields: collection.Fields{Text: "text", Author: "user_created", Date: "date_created"}},
			Join:     rooms.JoinNone, Create: true, Limit: 100,
		},
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
	v := &visitor{t: t, session: s}
	if ch := v.into("#Kitchen"); ch.Name != "#kitchen" { // which it makes
		t.Errorf("joined %+v", ch)
	}
	msgid := v.send("#kitchen", "tea")
	var made struct{ ID json.Number }
	dx.Do("POST", "/items/places", nil, map[string]any{"name": "Büro", "topic": "Work"}, &made)
	v.awaits("&{Channel:#buro}")
	if ch := v.into("#buro"); ch.Topic != "Work" {
		t.Errorf("joined %+v", ch)
	}
	dx.Do("POST", "/items/placed", nil, map[string]any{"text": "hello", "place": made.ID}, nil)
	v.awaits("* says in #buro: hello")
	targets, err := s.Targets(t.Context(), time.Now().Add(-time.Hour), time.Now().Add(time.Hour), 10)
	if err != nil || len(targets) != 2 || targets[0].Name != "#kitchen" {
		t.Errorf("targets %+v, %v", targets, err)
	}
	if err := s.RenameChannel(t.Context(), "#kitchen", "#Bar"); err != nil {
		t.Fatal(err)
	}
	v.awaits("&{Old:#kitchen New:#bar}")
	if _, err := s.Redact(t.Context(), "#bar", msgid, ""); err != nil {
		t.Errorf("the msgid does not outlive the name: %v", err)
	}
	dx.Do("PATCH", "/items/places/"+made.ID.String(), nil, map[string]any{"archived": true}, nil)
	v.awaits("&{Channel:#buro Reason:This room was archived *")
	dx.Do("DELETE", "/items/places/1", nil, nil, nil)
	v.awaits("&{Channel:#bar Reason:This room was deleted *")
}
