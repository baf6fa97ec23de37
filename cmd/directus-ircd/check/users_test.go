package check

import (
	"net/http"
	"strings"
	"testing"

	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
)

// spoken are names for a check, made in the simplest way.
type spoken struct{}

func (spoken) Nicks(u directus.User, fields []string) (plain, numbered string) {
	name := u.String(fields[0])
	return name, name + "-6f1e"
}

func (spoken) IsAccountName(value string) bool { return value != "" && !strings.Contains(value, "@") }

func (spoken) Room(name string) string {
	if name == "" {
		return ""
	}
	return "#" + strings.ToLower(name)
}

func (spoken) Archived(value any) bool { return value == true }

const (
	uniqueText = `{"data":{"field":"username","type":"string","schema":{"is_unique":true}}}`
	mayChange  = `{"data":{"directus_users":{"read":{"access":"full","fields":["*"]},"update":{"access":"partial","fields":["first_name","username"]}}}}`
	mayNot     = `{"data":{"directus_users":{"read":{"access":"full","fields":["*"]},"update":{"access":"partial","fields":["first_name"]}}}}`
)

// The field of account names has to be there, unique, and not for users to change; what it
// makes of this user is told, but for what may be an address.
func TestCheckOfAccountNames(t *testing.T) {
	for _, test := range []struct {
		what, field, rights string
		value               any
		want                []string
	}{
		{"as it should be", uniqueText, mayNot, "klewis", []string{
			"ok       the nick of this user is Kevin, written so, or Kevin-6f1e if somebody else has or had that",
			"ok       the account name of this user is klewis, or the nick",
			"ok       users.account: directus_users.username can be read and is unique",
			"ok       users.account: this user cannot change directus_users.username"}},
		{"none", uniqueText, mayNot, nil, []string{"ok       the account name of this user is the nick: this user has no username"}},
		{"an address", uniqueText, mayNot, "kevin@example.com", []string{"note     the account name of this user is the nick: the username of this user cannot be one on IRC", "!kevin@"}},
		{"not unique", strings.Replace(uniqueText, "true", "false", 1), mayNot, "klewis", []string{"MISSING  users.account: directus_users.username is not unique"}},
		{"a number", strings.Replace(uniqueText, "string", "integer", 1), mayNot, "klewis", []string{"MISSING  users.account: directus_users.username is of type integer"}},
		{"theirs to change", uniqueText, mayChange, "klewis", []string{"MISSING  users.account: this user may change directus_users.username"}},
	} {
		d := deployed(t)
		d.cfg.Users.Account, d.write, d.names = "username", false, spoken{}
		d.fake.EditUser(userID, func(u *directustest.FakeUser) { u.Extra = map[string]any{"username": test.value} })
		d.answer("/fields/directus_users/username", http.StatusOK, test.field)
		d.answer("/permissions/me", http.StatusOK, test.rights)
		d.says(t, test.what, test.want...)
	}
	d := deployed(t)
	d.cfg.Users.Account, d.write = "username", false
	d.answer("/fields/directus_users/username", http.StatusForbidden, `{"errors":[{"message":"no","extensions":{"code":"FORBIDDEN"}}]}`)
	d.says(t, "untold", "note     users.account: it is not known whether directus_users.username is unique")
}

// says looks for what check says, or behind "!" for what it must not say.
func (d *deployment) says(t *testing.T, what string, wants ...string) {
	t.Helper()
	said := d.check(t)
	for _, want := range wants {
		if refuted, found := strings.CutPrefix(want, "!"); found == strings.Contains(said, refuted) {
			t.Errorf("%s: want %s:\n%s", what, want, said)
		}
	}
}

// A field for notices is there, can be written, and holds the word.
func TestCheckOfKinds(t *testing.T) {
	for _, test := range []struct{ what, field, want string }{
		{"text", `"type":"text","schema":{}`, "ok       messages.irc_kind can say which messages are notices"},
		{"number", `"type":"integer","schema":{}`, "MISSING  messages.irc_kind is of type integer and cannot hold the word notice\n         -> make it a text field (type string) in the data model, name another field as fields.kind, or leave fields.kind out"},
		{"short", `"type":"string","schema":{"max_length":4}`, "MISSING  messages.irc_kind holds 4 characters and not the word notice"},
	} {
		d := deployed(t)
		d.write, d.cfg.Channels[0].Fields.Kind = false, "irc_kind"
		d.fake.AddCollection("messages", directustest.FakeCollection{Fields: []string{"text", "nonce", "irc_kind"}})
		d.answer("/fields/messages/irc_kind", http.StatusOK, `{"data":{"field":"irc_kind",`+test.field+`}}`)
		d.answer("/permissions/me", http.StatusOK, `{"data":{"messages":{"create":{"access":"full","fields":["text","nonce"]}}}}`)
		d.says(t, test.what, test.want, "MISSING  #messages: this user may not write irc_kind of messages")
	}
	d := deployed(t)
	d.write, d.cfg.Channels[0].Fields.Kind = false, "irc_kind"
	d.says(t, "no field", "MISSING  messages.irc_kind is missing, or this user may not read it: ")
	d = deployed(t)
	d.write, d.cfg.Private.Collection, d.cfg.Private.Kind = false, "letters", "kind"
	d.fake.AddCollection("letters", directustest.FakeCollection{Fields: []string{"text", "recipient", "nonce", "kind"}})
	d.answer("/fields/letters/kind", http.StatusOK, `{"data":{"field":"kind","type":"boolean","schema":{}}}`)
	d.answer("/permissions/me", http.StatusOK, `{"data":{"letters":{"create":{"access":"full","fields":["text","recipient","nonce"]}}}}`)
	d.says(t, "private", "MISSING  letters.kind is of type boolean and cannot hold the word notice", "name another field as private.kind", "MISSING  private messages: this user may not write kind of letters")
}

// What stands behind the account is told apart: a bot, a bot that is told what it missed, and
// a device.
func TestCheckOfTheMarkOfABot(t *testing.T) {
	for device, want := range map[Device]string{
		{Bot: true}:                    "ok       the login is marked as a bot's: it is shown what is written while it is connected, and nothing old",
		{Bot: true, Name: "bot-relay"}: "ok       the login is marked as a bot's: as the device bot-relay it is shown nothing old the first time, and afterwards what it has missed",
		{Name: "laptop"}:               "ok       the login names the device laptop, which is shown what it has missed",
		{}:                             "!the login is marked",
	} {
		d := deployed(t)
		d.write, d.device = false, device
		d.says(t, device.Name, want)
	}
}
