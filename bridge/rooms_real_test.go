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
	for collection, alias := range membersOfPlaces {
		dx.AddCollection(collection, key, field("places_id", "integer"), field("directus_users_id", "uuid"))
		toPlaces, toUsers := map[string]any{"one_field": alias[0]}, map[string]any{}
		if alias[1] == "m2m" { // what makes it that to the Directus app
			toPlaces["junction_field"], toUsers["junction_field"] = "directus_users_id", "places_id"
		}
		dx.Do("POST", "/relations", nil, map[string]any{"collection": collection, "field": "places_id", "related_collection": "places", "schema": map[string]any{"on_delete": "CASCADE"}, "meta": toPlaces}, nil)
		dx.Do("POST", "/relations", nil, map[string]any{"collection": collection, "field": "directus_users_id", "related_collection": "directus_users", "schema": map[string]any{"on_delete": "CASCADE"}, "meta": toUsers}, nil)
		dx.AddField("places", map[string]any{"field": alias[0], "type": "alias", "schema": nil, "meta": map[string]any{"special": []string{alias[1]}}})
	}
	b, v := atPlaces(t, dx, "places_members")
	grantPlaces(dx)
	if ch := v.into("#Kitchen"); ch.Name != "#kitchen" { // which it makes
		t.Errorf("joined %+v", ch)
	}
	msgid := v.send("#kitchen", "tea")
	if _, err := v.poll(); err != nil { // rooms that are made from now on are news
		t.Fatal(err)
	}
	var made struct{ ID json.Number }
	dx.Do("POST", "/items/places", nil, map[string]any{"name": "Büro", "topic": "Work"}, &made)
	v.awaits("&{Channel:#buro}")
	if ch := v.into("#buro"); ch.Topic != "Work" {
		t.Errorf("joined %+v", ch)
	}
	dx.Do("POST", "/items/placed", nil, map[string]any{"text": "hello", "place": made.ID}, nil)
	v.awaits("* says in #buro: hello")
	meetMember(t, dx, b, v, made.ID, "places_members")
	t.Run("one to many", func(t *testing.T) {
		b, v := atPlaces(t, dx, "places_guests")
		v.into("#buro")
		meetMember(t, dx, b, v, made.ID, "places_guests")
	})
	targets, err := v.session.Targets(t.Context(), time.Now().Add(-time.Hour), time.Now().Add(time.Hour), 10)
	if err != nil || len(targets) != 2 || targets[0].Name != "#kitchen" {
		t.Errorf("targets %+v, %v", targets, err)
	}
	if err := v.session.RenameChannel(t.Context(), "#kitchen", "#Bar", "it closes late"); err != nil {
		t.Fatal(err)
	}
	v.awaits("* renames #kitchen to #bar: *")
	if _, err := v.session.Redact(t.Context(), "#bar", msgid, ""); err != nil {
		t.Errorf("the msgid does not outlive the name: %v", err)
	}
	dx.Do("PATCH", "/items/places/"+made.ID.String(), nil, map[string]any{"archived": true}, nil)
	v.awaits("&{Channel:#buro Reason:This room was archived *")
	dx.Do("DELETE", "/items/places/1", nil, nil, nil)
	v.awaits("&{Channel:#bar Reason:This room was deleted *")
}

// membersOfPlaces are the relations of places to users, by the collection of the memberships: the
// field of the places, and what it is to Directus.
var membersOfPlaces = map[string][2]string{"places_members": {"members", "m2m"}, "places_guests": {"guests", "o2m"}}

// atPlaces has the administrator visit places whose memberships are in a collection.
func atPlaces(t *testing.T, dx *directustest.Server, members string) (*bridge.Backend, *visitor) {
	base, err := url.Parse(dx.URL)
	if err != nil {
		t.Fatal(err)
	}
	b, err := bridge.New(bridge.Options{
		Client: directus.New(base, directus.Options{}), NickFields: []string{"first_name"}, Logger: logger(t),
		Rooms: &rooms.Config{
			Collection: "places", Fields: rooms.Fields{Name: "name", Topic: "topic", Archived: "archived", Member: membersOfPlaces[members][0]}, Members: members, Room: "place",
			Messages: collection.Config{Collection: "placed", Fields: collection.Fields{Text: "text", Author: "user_created", Date: "date_created"}},
			Settings: rooms.Settings{Join: rooms.JoinMember, Create: true, Limit: 100},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close(context.Background()) })
	s, err := full(b.Login(t.Context(), ircd.Credentials{Secret: directustest.AdminToken}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeSession(t, s) })
	return b, &visitor{t: t, session: s}
}

// grantPlaces lets the chat role read the rooms that one is a member of, and their messages: or all,
// where Directus has no licence for such a rule.
func grantPlaces(dx *directustest.Server) {
	var mine, inMine map[string]any
	if !strings.HasPrefix(dx.Version, "12.") {
		me := map[string]any{"directus_users_id": map[string]any{"_eq": "$CURRENT_USER"}}
		mine = map[string]any{"_or": []any{map[string]any{"members": me}, map[string]any{"guests": me}}}
		inMine = map[string]any{"place": mine}
	}
	dx.GrantItems("places", mine, "read")
	dx.GrantItems("placed", inMine, "read")
	dx.Grant("places_members", "read")
	dx.Grant("places_guests", "read")
}

// meetMember has somebody invite a user to a room, who is shown what is said there until the
// membership ends.
func meetMember(t *testing.T, dx *directustest.Server, b *bridge.Backend, v *visitor, room json.Number, members string) {
	t.Helper()
	s, err := full(b.Login(t.Context(), ircd.Credentials{Secret: dx.CreateUser("Ada", "").StaticToken}))
	if err != nil {
		t.Fatal(err)
	}
	defer closeSession(t, s)
	ada := &visitor{t: t, session: s}
	ada.list()
	if member, err := v.session.Invite(t.Context(), "#buro", s.User()); err != nil || !member {
		t.Fatalf("invited: %v, %v", member, err)
	}
	ada.awaits("&{Channel:#buro}")
	if ch := ada.into("#buro"); ch.Topic != "Work" {
		t.Errorf("joined %+v", ch)
	}
	v.say("#buro", "welcome")
	ada.awaits("* says in #buro: welcome")
	var rows []struct{ ID json.Number }
	dx.Do("GET", "/items/"+members, url.Values{"filter[places_id][_eq]": {room.String()}}, nil, &rows)
	if len(rows) != 1 {
		t.Fatalf("the memberships are %v", rows)
	}
	dx.Do("DELETE", "/items/"+members+"/"+rows[0].ID.String(), nil, nil, nil)
	ada.awaits("&{Channel:#buro Reason:* this room any more Closed:false}")
}
