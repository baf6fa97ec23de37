package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"directus-ircd/directus/directustest"
)

// Each of these makes every line fail, or vanish, or its time wrong, and check says so: what
// it works out without making an item, and what it finds by writing. It leaves none behind.
func TestCheckOfWhatIsWritten(t *testing.T) {
	clearEnvironment(t)
	s := directustest.Start(t, directustest.Env("TZ", "America/New_York"), directustest.Cached())
	u := s.CreateUser("Kevin", "")
	token, collection, timezone, write := u.StaticToken, "messages", "UTC", false
	check := func(channel string, wants ...string) {
		t.Helper()
		file := writeConfig(t, "directus: {url: \""+s.URL+"\", timezone: "+timezone+"}\nchannels: [{name: \"#messages\", collection: "+collection+channel+"}]\n")
		args := []string{"check", "--config", file, "--token", token}
		if write {
			args = append(args, "--write")
		}
		got := runCommand(t, "", args...).stdout
		for _, want := range wants {
			if refuted, found := strings.CutPrefix(want, "!"); found == strings.Contains(got, refuted) {
				t.Errorf("want %s:\n%s", want, got)
			}
		}
	}
	const nonce, lost = ", fields: {nonce: nonce}", "stored and shown to nobody"
	check(nonce, "!MISSING", "answers are kept for 5m0s between here and Directus")
	write = true
	check(nonce, "!MISSING", "#messages: not written to: this user could not delete")
	token = directustest.AdminToken
	check(nonce, "!MISSING", "#messages: a line was sent and read back")
	s.AddField("messages", directustest.Field("status", "string", map[string]any{"default_value": "draft"}))
	check(nonce+", filter: {status: {_eq: published}}", lost+", because status", lost+": filter leaves it out")
	check(nonce+", filter: {status: {_eq: published}}, set: {status: published}", "!"+lost, "a line was sent and read back")
	check(nonce+", filter: {status: {_contains: publ}}", lost+": filter leaves it out")
	write, token = false, u.StaticToken
	check(nonce+", filter: {status: {_eq: published}}", lost+", because status")
	token = directustest.AdminToken
	s.AddField("messages", directustest.Field("kind", "string", map[string]any{"is_nullable": false}))
	check(nonce, "messages.kind is mandatory and has no default")
	check(nonce+", set: {kind: chat}", "!mandatory")
	write = true
	check(nonce, `#messages: a line cannot be sent: FAILED_VALIDATION (HTTP 400): Validation failed for field "kind". Value is required.`)
	for kind, wants := range map[string][]string{
		"string":  {"the primary key string_keys.id must be given by hand", `a line cannot be sent: FAILED_VALIDATION (HTTP 400): Validation failed for field "id"`},
		"integer": {"the primary key integer_keys.id must be given by hand", `a line cannot be sent: FAILED_VALIDATION (HTTP 400): Validation failed for field "id"`},
		"uuid":    {"the primary key of uuid_keys is uuid_key, not id", "MISSING"},
	} {
		collection = kind + "_keys"
		key := directustest.Field("id", kind, map[string]any{"is_primary_key": true})
		if kind == "uuid" {
			key = directustest.Key("uuid_key", "uuid")
		}
		s.AddCollection(collection, key, directustest.Field("text", "text"),
			directustest.Special("user-created", directustest.Field("user_created", "uuid")), directustest.Special("date-created", directustest.Field("date_created", "dateTime")))
		check("", wants...)
	}
	const keyed = ", fields: {id: uuid_key}"
	collection = "uuid_keys"
	check(keyed, "uuid_keys.uuid_key is the primary key", "a line was sent and read back", "uuid_keys.date_created: Directus does not run in the time zone UTC: what it writes now is -5h0m0s off")
	timezone = "America/New_York"
	check(keyed, "!MISSING", "uuid_keys.date_created is in the time zone America/New_York")
	write = false
	check(keyed, "!MISSING", "note     uuid_keys.date_created is a dateTime", `"check --write" measures`)
	for _, name := range []string{"messages", "string_keys", "uuid_keys"} {
		var items []json.RawMessage
		s.Do(http.MethodGet, "/items/"+name, nil, nil, &items)
		if len(items) != 0 {
			t.Errorf("%d items of %s are left", len(items), name)
		}
	}
	s.Do(http.MethodPost, "/items/uuid_keys", nil, map[string]any{"text": "hello"}, nil)
	timezone = "America/Los_Angeles"
	check(keyed, "MISSING  uuid_keys.date_created: the newest date is ", " in the future, in the time zone America/Los_Angeles")
	timezone = "Europe/Berlin"
	check(keyed, "!MISSING", "note     uuid_keys.date_created is a dateTime")
}
