package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"directus-ircd/directus/directustest"
)

// checking is a check of one channel, again and again.
type checking struct {
	t                           *testing.T
	s                           *directustest.Server
	token, collection, timezone string
	write                       bool
	more                        string // further lines of the configuration
}

// says runs the check, with more settings of the channel, and looks for what it says, or
// behind "!" for what it must not say.
func (c *checking) says(channel string, wants ...string) {
	c.t.Helper()
	file := writeConfig(c.t, "directus: {url: \""+c.s.URL+"\", timezone: "+c.timezone+"}\nchannels: [{name: \"#messages\", collection: "+c.collection+channel+"}]\n"+c.more)
	args := []string{"check", "--config", file, "--token", c.token}
	if c.write {
		args = append(args, "--write")
	}
	got := runCommand(c.t, "", args...).stdout
	for _, want := range wants {
		if refuted, found := strings.CutPrefix(want, "!"); found == strings.Contains(got, refuted) {
			c.t.Errorf("want %s:\n%s", want, got)
		}
	}
}

// Each of these makes every line fail, or vanish, or its time wrong, and check says so: what
// it works out without making an item, and what it finds by writing. It leaves none behind.
func TestCheckOfWhatIsWritten(t *testing.T) {
	clearEnvironment(t)
	s := directustest.Start(t, directustest.Env("TZ", "America/New_York"), directustest.Cached())
	u := s.CreateUser("Kevin", "")
	c := &checking{t, s, u.StaticToken, "messages", "UTC", false, ""}
	const nonce, lost = ", fields: {nonce: nonce}", "stored but shown to nobody"
	c.says(nonce, "!MISSING", "caches answers for 5m0s")
	c.write = true
	c.says(nonce, "!MISSING", "#messages: no message was sent: this user could not delete")
	c.token = directustest.AdminToken
	c.says(nonce, "!MISSING", "#messages: a message was sent and read back")
	s.AddField("messages", directustest.Field("status", "string", map[string]any{"default_value": "draft"}))
	c.says(nonce+", filter: {status: {_eq: published}}", lost+", because status", lost+", because it does not match the filter")
	c.says(nonce+", filter: {status: {_eq: published}}, set: {status: published}", "!"+lost, "a message was sent and read back")
	c.says(nonce+", filter: {status: {_contains: publ}}", lost+", because it does not match the filter")
	c.write, c.token = false, u.StaticToken
	c.says(nonce+", filter: {status: {_eq: published}}", lost+", because status")
	c.token = directustest.AdminToken
	s.AddField("messages", directustest.Field("kind", "string", map[string]any{"is_nullable": false}))
	c.says(nonce, "messages.kind is mandatory and has no default")
	c.says(nonce+", set: {kind: chat}", "!mandatory")
	c.write = true
	c.says(nonce, `#messages: a message cannot be sent: FAILED_VALIDATION (HTTP 400): Validation failed for field "kind". Value is required.`)
	c.users(u)
	c.keys()
	for _, name := range []string{"messages", "string_keys", "uuid_keys"} {
		var items []json.RawMessage
		s.Do(http.MethodGet, "/items/"+name, nil, nil, &items)
		if len(items) != 0 {
			t.Errorf("%d items of %s are left", len(items), name)
		}
	}
	c.zones()
}

// users checks the field of the account names, before there is one and then.
func (c *checking) users(u directustest.User) {
	c.more, c.write, c.token = "users: {account: username}\n", false, u.StaticToken
	c.says("", "MISSING  users.account: directus_users.username is missing, or this user may not read it")
	c.s.AddField("directus_users", directustest.Field("username", "string", map[string]any{"is_unique": true}))
	c.s.UpdateUser(u, map[string]any{"username": "klewis"})
	c.says("", "!MISSING  users", "the nick of this user is Kevin", "the account name of this user is klewis,", "users.account: directus_users.username can be read and is unique", "users.account: this user cannot change")
	c.more, c.write, c.token = "", true, directustest.AdminToken
}

// keyed is a channel on a collection whose primary key has another name.
const keyed = ", fields: {id: uuid_key}"

// keys checks collections with keys of each kind; one of them can be written to.
func (c *checking) keys() {
	for kind, wants := range map[string][]string{
		"string":  {"nothing fills in the primary key string_keys.id", `a message cannot be sent: FAILED_VALIDATION (HTTP 400): Validation failed for field "id"`},
		"integer": {"nothing fills in the primary key integer_keys.id", `a message cannot be sent: FAILED_VALIDATION (HTTP 400): Validation failed for field "id"`},
		"uuid":    {"the primary key of uuid_keys is uuid_key, not id", "MISSING"},
	} {
		c.collection = kind + "_keys"
		key := directustest.Field("id", kind, map[string]any{"is_primary_key": true})
		if kind == "uuid" {
			key = directustest.Key("uuid_key", "uuid")
		}
		c.s.AddCollection(c.collection, key, directustest.Field("text", "text"),
			directustest.Special("user-created", directustest.Field("user_created", "uuid")), directustest.Special("date-created", directustest.Field("date_created", "dateTime")))
		c.says("", wants...)
	}
	c.collection = "uuid_keys"
	wrong, right, off := "UTC", "America/New_York", "-5h0m0s"
	if c.s.Database() == directustest.MariaDB { // to which Directus speaks in UTC
		wrong, right, off = right, wrong, "5h0m0s"
	}
	c.timezone = wrong
	c.says(keyed, "uuid_keys.uuid_key is the primary key", "a message was sent and read back", "uuid_keys.date_created: Directus does not run in the time zone "+wrong+": the date that it wrote is "+off+" off")
	c.timezone = right
	c.says(keyed, "!MISSING", "uuid_keys.date_created is in the time zone "+right)
	c.write = false
	c.says(keyed, "!MISSING", "note     uuid_keys.date_created is a dateTime", `"check --write" measures`)
}

// zones tells a wrong time zone by a date in the future.
func (c *checking) zones() {
	c.s.Do(http.MethodPost, "/items/uuid_keys", nil, map[string]any{"text": "hello"}, nil)
	c.timezone = "America/Los_Angeles"
	c.says(keyed, "MISSING  uuid_keys.date_created: the newest date is ", " in the future, in the time zone America/Los_Angeles")
	c.timezone = "Europe/Berlin"
	c.says(keyed, "!MISSING", "note     uuid_keys.date_created is a dateTime")
}

// Keys that Directus rounds are told: on PostgreSQL it rounds none.
func TestCheckOfLargeKeys(t *testing.T) {
	clearEnvironment(t)
	s := directustest.Shared(t)
	c := &checking{t, s, directustest.AdminToken, "large_keys", "UTC", false, ""}
	key := directustest.Field("id", "bigInteger", map[string]any{"is_primary_key": true, "has_auto_increment": true})
	s.AddCollection(c.collection, key, directustest.Field("text", "text"),
		directustest.Special("user-created", directustest.Field("user_created", "uuid")), directustest.Special("date-created", directustest.Field("date_created", "timestamp")))
	const told = "MISSING  large_keys.id: Directus rounds keys as large as 9007199254740996 on this database"
	c.says("", "!Directus rounds", "!--widen")
	s.Do(http.MethodPost, "/items/large_keys", nil, json.RawMessage(`{"id": 9007199254740996, "text": "hello"}`), nil)
	switch s.Database() {
	case directustest.Postgres, directustest.Cluster:
		c.says("", "!Directus rounds", "!--widen")
	default:
		c.says("", told, "!--widen")
	}
}
