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
		`{"room":{"_null":true},"a":{"_eq":1}}`:           `a=1 room=null`,
		`{"room":{"_null":false}}`:                        `no`,
		`{"user_created":{"_eq":"$CURRENT_USER"}}`:        `no`,
		`{"_or":[{"a":{"_eq":1}}]}`:                       `no`,
		`{"_and":{"a":{"_eq":1}}}`:                        `no`,
	} {
		var f map[string]any
		if err := json.Unmarshal([]byte(filter), &f); err != nil {
			t.Fatal(err)
		}
		eqs := equalities(f)
		var parts []string
		for _, eq := range eqs {
			if eq.null {
				eq.value = "null"
			}
			parts = append(parts, eq.field+"="+eq.value)
		}
		got := strings.Join(parts, " ")
		if eqs == nil {
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
	r, err := parseRow(json.RawMessage(`{"id":1,"room":"dev","text":"x"}`), guideFields, nil, nil)
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
		eqs := equalities(map[string]any{"channel": map[string]any{"_eq": value}})
		if eqs == nil {
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
		r, err := parseRow(json.RawMessage(`{"id":1,"channel":`+string(plain)+`}`), Fields{Text: "text", Author: "author", Date: "date"}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c := (&Channel{Equal: eqs}); !c.Matches(r) {
			t.Errorf("a row of channel %q is not recognised", value)
		}
	}
}

func TestSoftDelete(t *testing.T) {
	soft := &SoftDelete{Field: "f", Values: []string{"archived", "true", "0", ""}}
	c := &Channel{Config: Config{SoftDelete: soft}, Equal: []equality{}}
	for item, want := range map[string]bool{
		`{"id":1,"f":"archived"}`: true, `{"id":1,"f":true}`: true, `{"id":1,"f":0}`: true, `{"id":1,"f":""}`: true,
		`{"id":1}`: false, `{"id":1,"f":null}`: false, `{"id":1,"f":false}`: false, `{"id":1,"f":1}`: false, `{"id":1,"f":"Archived"}`: false,
	} {
		r, err := parseRow([]byte(item), guideFields, nil, nil)
		if err != nil || c.Deleted(r) != want || c.Matches(r) == want {
			t.Errorf("%s: deleted %v, shown %v, %v", item, c.Deleted(r), c.Matches(r), err)
		}
	}
	for item, want := range map[string]string{
		`{"id":1,"f":"x"}`: `{"f":"true"}`, `{"id":1,"f":false}`: `{"f":true}`, `{"id":1,"f":null}`: `{"f":true}`, `{"id":1,"f":3}`: `{"f":true}`,
	} {
		r, _ := parseRow([]byte(item), guideFields, nil, nil)
		if got, err := json.Marshal((&SoftDelete{Field: "f", Values: []string{"true"}}).Mark(r)); err != nil || string(got) != want {
			t.Errorf("%s: set %s, want %s: %v", item, got, want, err)
		}
	}
}
