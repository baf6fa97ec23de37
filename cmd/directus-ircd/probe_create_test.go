package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"directus-ircd/directus/directustest"
)

func TestUnmetFilters(t *testing.T) {
	item := map[string]any{"status": "draft", "room": nil, "n": 3}
	for filter, want := range map[string]int{
		`{"status":{"_eq":"published"}}`:                       1,
		`{"status":{"_eq":"draft"}}`:                           0,
		`{"status":{"_in":["draft","published"]}}`:             0,
		`{"status":{"_nin":["draft"]}}`:                        1,
		`{"status":{"_neq":"archived"}}`:                       0,
		`{"room":{"_null":true}}`:                              0,
		`{"room":{"_nnull":true}}`:                             1,
		`{"n":{"_eq":"3"}}`:                                    0,
		`{"_and":[{"status":{"_eq":"x"}},{"n":{"_eq":4}}]}`:    2,
		`{"_or":[{"status":{"_eq":"x"}},{"n":{"_eq":3}}]}`:     0,
		`{"author":{"_eq":"$CURRENT_USER"}}`:                   0,
		`{"room":{"name":{"_eq":"general"}}}`:                  0,
		`{"status":{"_contains":"raf"},"other":{"_eq":"any"}}`: 0,
	} {
		if got := unmet(decode(t, filter), item); len(got) != want {
			t.Errorf("%s: %v, want %d", filter, got, want)
		}
	}
}

// Each of these makes every line fail, or vanish, and check says so without making an item.
func TestCheckOfWhatIsWritten(t *testing.T) {
	clearEnvironment(t)
	s := directustest.Start(t)
	u := s.CreateUser("Kevin", "")
	field := func(collection, name string, schema map[string]any) {
		s.Do(http.MethodPost, "/fields/"+collection, nil, map[string]any{"field": name, "type": "string", "schema": schema}, nil)
	}
	token := u.StaticToken
	check := func(channel string) string {
		t.Helper()
		file := writeConfig(t, "directus: {url: \""+s.URL+"\"}\nchannels: [{name: \"#messages\", fields: {nonce: nonce}"+channel+"}]\n")
		return runCommand(t, "", "check", "--config", file, "--token", token).stdout
	}
	if got := check(""); strings.Contains(got, "MISSING") {
		t.Fatalf("at first: %s", got)
	}
	field("messages", "status", map[string]any{"default_value": "draft"})
	if got := check(", filter: {status: {_eq: published}}, set: {}"); !strings.Contains(got, "stored and shown to nobody, because status") {
		t.Errorf("filter: %s", got)
	}
	if got := check(", filter: {status: {_eq: published}}, set: {status: published}"); strings.Contains(got, "shown to nobody") {
		t.Errorf("filter and set: %s", got)
	}
	token = directustest.AdminToken
	field("messages", "kind", map[string]any{"is_nullable": false})
	if got := check(""); !strings.Contains(got, "messages.kind is mandatory and has no default") {
		t.Errorf("mandatory: %s", got)
	}
	if got := check(", set: {kind: chat}"); strings.Contains(got, "mandatory") {
		t.Errorf("mandatory and set: %s", got)
	}
	if n := len(s.Messages("text")); n != 0 {
		t.Errorf("%d items were made", n)
	}
}

func decode(t *testing.T, filter string) (decoded map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(filter), &decoded); err != nil {
		t.Fatal(err)
	}
	return decoded
}
