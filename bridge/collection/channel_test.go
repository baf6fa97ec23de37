package collection

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

var guideFields = Fields{Text: "text", Author: "user_created", Date: "date_created"}

func TestEqualities(t *testing.T) {
	for filter, want := range map[string]string{
		`{}`:                            ``,
		`{"room":{"_eq":"dev"}}`:        `room=dev`,
		`{"room":{"_eq":3}}`:            `room=3`,
		`{"a":{"_eq":1},"b":{"_eq":2}}`: `a=1 b=2`,
		`{"_and":[{"a":{"_eq":true}},{"b":{"_eq":"x"}}]}`: `a=true b=x`,
		`{"room":{"_neq":"dev"}}`:                         `no`,
		`{"room":{"name":{"_eq":"dev"}}}`:                 `no`,
		`{"room":{"_eq":"dev","_nnull":true}}`:            `no`,
		`{"room":{"_eq":null}}`:                           `no`,
		`{"user_created":{"_eq":"$CURRENT_USER"}}`:        `no`,
		`{"_or":[{"a":{"_eq":1}}]}`:                       `no`,
		`{"_and":{"a":{"_eq":1}}}`:                        `no`,
	} {
		var f map[string]any
		if err := json.Unmarshal([]byte(filter), &f); err != nil {
			t.Fatal(err)
		}
		eqs, ok := equalities(f)
		var parts []string
		for _, eq := range eqs {
			parts = append(parts, eq.field+"="+eq.value)
		}
		got := strings.Join(parts, " ")
		if !ok {
			got = "no"
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", filter, got, want)
		}
	}
}

func TestGroupChannels(t *testing.T) {
	room := func(name, room string) Config {
		return Config{Name: name, Collection: "messages", Fields: guideFields, Filter: map[string]any{"room": map[string]any{"_eq": room}}}
	}
	own := Config{Name: "#own", Collection: "messages", Fields: guideFields, Filter: map[string]any{"room": map[string]any{"_in": []any{"a"}}}}
	byName, groups, err := GroupChannels([]Config{room("#Dev", "dev"), room("#ops", "ops"), own}, NewChannel)
	if err != nil {
		t.Fatal(err)
	}
	dev, ops := byName["#dev"], byName["#ops"]
	if groups[dev][0] != groups[ops][0] {
		t.Error("channels told apart by a field do not share a subscription")
	}
	if groups[byName["#own"]][0] == groups[dev][0] {
		t.Error("a filter that only Directus can evaluate shares a subscription")
	}
	if want := []string{"id", "text", "user_created", "date_created", "room"}; !reflect.DeepEqual(groups[dev][0].Query, want) {
		t.Errorf("fields %q, want %q", groups[dev][0].Query, want)
	}
	r, err := ParseRow(json.RawMessage(`{"id":1,"room":"dev","text":"x"}`), guideFields)
	if err != nil || !dev.Matches(r) || ops.Matches(r) {
		t.Errorf("row of #dev: error %v, matches #dev %v, #ops %v", err, dev.Matches(r), ops.Matches(r))
	}
	if len(groups[dev][0].Filter) == 0 {
		t.Error("rows of no channel are read as well")
	}
	byName, groups, err = GroupChannels([]Config{room("#dev", "dev"), {Name: "#all", Collection: "messages", Fields: guideFields}}, NewChannel)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups[byName["#all"]] {
		if len(g.Filter) != 0 {
			t.Errorf("a channel without filter is narrowed by another's: %v", g.Filter)
		}
	}
}

func TestGroupChannelsRefuses(t *testing.T) {
	good := Config{Name: "#a", Collection: "messages", Fields: guideFields}
	bad := map[string][]Config{
		"twice":             {good, {Name: "#A", Collection: "messages", Fields: guideFields}},
		"not a channel":     {{Name: "a b", Collection: "messages", Fields: guideFields}},
		"collection and":    {{Name: "#a", Fields: guideFields}},
		"none of plain":     {{Name: "#a", Collection: "messages", Fields: guideFields, Format: "rich"}},
		"fields text, auth": {{Name: "#a", Collection: "messages"}},
	}
	for want, channels := range bad {
		if _, _, err := GroupChannels(channels, NewChannel); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}

// Node.js writes JSON without the escapes that encoding/json adds for HTML.
func TestEqualityOfText(t *testing.T) {
	for _, value := range []string{"dev", "R&D", "a<b", `say "hi"`, "\u2028", "", "straße"} {
		eqs, ok := equalities(map[string]any{"channel": map[string]any{"_eq": value}})
		if !ok {
			t.Fatalf("%q is not evaluated here", value)
		}
		plain := []byte{'"'}
		for _, r := range value {
			if r == '"' {
				plain = append(plain, '\\')
			}
			plain = append(plain, string(r)...)
		}
		plain = append(plain, '"')
		r, err := ParseRow(json.RawMessage(`{"id":1,"channel":`+string(plain)+`}`), Fields{Text: "text", Author: "author", Date: "date"})
		if err != nil {
			t.Fatal(err)
		}
		if c := (&Channel{Equal: eqs}); !c.Matches(r) {
			t.Errorf("a row of channel %q is not recognised", value)
		}
	}
}
