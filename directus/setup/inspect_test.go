package setup_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"directus-ircd/directus/directustest"
	"directus-ircd/directus/setup"
)

type object = map[string]any

// Fields that people make by hand.
var (
	autoID  = object{"field": "id", "type": "integer", "schema": object{"is_primary_key": true, "has_auto_increment": true}}
	uuidID  = object{"field": "id", "type": "uuid", "meta": object{"special": []string{"uuid"}}, "schema": object{"is_primary_key": true}}
	typedID = object{"field": "id", "type": "string", "schema": object{"is_primary_key": true}}
	text255 = object{"field": "text", "type": "string", "schema": object{"max_length": 255}}
	textAny = object{"field": "text", "type": "text", "schema": object{}}
	author  = object{"field": "user_created", "type": "uuid", "meta": object{"special": []string{"user-created"}}, "schema": object{}}
	date    = object{"field": "date_created", "type": "timestamp", "meta": object{"special": []string{"date-created"}}, "schema": object{}}
	nonce   = object{"field": "nonce", "type": "string", "schema": object{"is_unique": true, "is_nullable": true, "max_length": 64}}
	kind    = object{"field": "irc_kind", "type": "string", "schema": object{"is_nullable": true, "max_length": 32}}
)

func with(field object, changes object) object {
	changed := object{}
	for _, o := range []object{field, changes} {
		for k, v := range o {
			changed[k] = v
		}
	}
	return changed
}

// Collections that were there before: what is reported of them, and what the daemon may use.
func TestExistingCollection(t *testing.T) {
	d := directustest.Shared(t)
	tests := []struct {
		name   string // of the collection
		meta   object
		fields []object // nil: a folder
		want   []string // status and parts of the line; other steps must be "already there" or created
		yaml   string   // the fields entry
	}{
		{"as_in_the_guide", nil, []object{autoID, text255, author, date},
			[]string{"limited|text: it holds 255 characters|--widen", "limited|nonce: missing|--extend", "limited|irc_kind: missing|--extend"},
			"{text: text, author: user_created, date: date_created, nonce: \"\"}"},
		{"as_setup_makes_it", nil, []object{autoID, textAny, author, date, nonce, kind}, nil,
			"{text: text, author: user_created, date: date_created, nonce: nonce, kind: irc_kind}"},
		{"with_uuid", nil, []object{uuidID, textAny, author, date, nonce, kind}, nil,
			"{text: text, author: user_created, date: date_created, nonce: nonce, kind: irc_kind}"},
		{"with_typed_key", nil, []object{typedID, textAny, author, date, nonce, kind},
			[]string{"differs|primary key with_typed_key.id|nothing fills it in|--collection"}, ""},
		{"other_names", nil, []object{autoID, with(textAny, object{"field": "body"}), with(author, object{"field": "sender"}), with(date, object{"field": "sent"}), nonce, kind},
			[]string{"differs|text: missing|--extend", "differs|user_created: missing|use the field sender", "differs|date_created: missing|use the field sent"}, ""},
		{"not_filled_in", nil, []object{autoID, textAny, with(author, object{"meta": object{}}), with(date, object{"meta": object{}}), nonce, kind},
			[]string{"differs|user_created: Directus does not fill it in", "differs|date_created: Directus does not fill it in"}, ""},
		{"wrong_types", nil, []object{autoID, with(textAny, object{"type": "json", "meta": object{}}), with(author, object{"type": "string", "meta": object{}}), with(date, object{"type": "date"}), with(nonce, object{"type": "integer", "schema": object{}}), kind},
			[]string{"differs|text: it is of type json", "differs|user_created: Directus does not fill it in", "differs|date_created: it is of type date,", "limited|nonce: not used: it is of type integer"}, ""},
		{"coarse_date", nil, []object{autoID, textAny, author, with(date, object{"type": "dateTime"}), nonce, kind},
			[]string{"limited|date_created: it is of type dateTime"},
			"{text: text, author: user_created, date: date_created, nonce: nonce, kind: irc_kind}"},
		{"weak_nonce", nil, []object{autoID, textAny, author, date, with(nonce, object{"schema": object{"max_length": 64}}), kind},
			[]string{"limited|nonce: not used: it is not unique"},
			"{text: text, author: user_created, date: date_created, nonce: \"\", kind: irc_kind}"},
		{"short_nonce", nil, []object{autoID, textAny, author, date, with(nonce, object{"schema": object{"is_unique": true, "max_length": 8}}), kind},
			[]string{"limited|nonce: not used: it holds 8 characters"}, ""},
		{"with_required", nil, []object{autoID, textAny, author, date, nonce, kind,
			{"field": "room", "type": "string", "schema": object{"is_nullable": false}},
			{"field": "kind", "type": "string", "schema": object{"is_nullable": false, "default_value": "chat"}}},
			[]string{"differs|field with_required.room: it is required|\"set\""}, ""},
		{"a_singleton", object{"singleton": true}, []object{autoID, textAny, author, date, nonce, kind}, []string{"differs|singleton|--collection"}, ""},
		{"a_folder", nil, nil, []string{"differs|folder|--collection"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			makeCollection(t, tt.name, tt.meta, tt.fields)
			report := run(t, d.Admin(), setup.Options{Collection: tt.name, DryRun: true})
			checkSteps(t, report, tt.want)
			if tt.yaml != "" && !strings.Contains(report.Config(site), "fields: "+tt.yaml+"\n") {
				t.Errorf("got %s want %s", report.Config(site), tt.yaml)
			}
		})
	}
}

// Whose relation is made on an author field that leads nowhere, in a collection that setup did not make.
func TestMissingRelation(t *testing.T) {
	d := directustest.Shared(t)
	filledIn := object{"special": []string{"user-created"}}
	long := with(author, object{"type": "string", "schema": object{"max_length": 100}})
	const made, asked = "created", "differs"
	ofText, cure := made, "--extend" // whether text can refer to a uuid
	if d.OnPostgres() {
		ofText, cure = asked, "another"
	}
	for _, tt := range []struct {
		name   string
		author object
		extend bool
		want   string // status of the relation; empty: not made and not spoken of
	}{
		{"rel_uuid", author, false, made},
		{"rel_char", with(author, object{"type": "string", "schema": object{"max_length": 36, "data_type": "char"}}), false, ofText},
		{"rel_long", long, false, asked},
		{"rel_long_extend", long, true, ofText},
		{"rel_not_filled_in", with(author, object{"meta": object{}}), false, ""},
		{"rel_not_filled_in_extend", with(author, object{"meta": object{}}), true, ""},
		{"rel_number", with(author, object{"type": "integer", "meta": filledIn}), false, asked},
	} {
		t.Run(tt.name, func(t *testing.T) {
			makeCollection(t, tt.name, nil, []object{autoID, textAny, tt.author, date, nonce})
			report := run(t, d.Admin(), setup.Options{Collection: tt.name, Extend: tt.extend})
			what, got := "relation "+tt.name+".user_created to directus_users", ""
			for _, s := range report.Steps {
				if s.What == what {
					got = string(s.Status)
					if got == asked && !strings.Contains(s.Fix, cure) {
						t.Errorf("%q names no way out", s)
					}
				}
			}
			if got != tt.want {
				t.Errorf("the relation: %q, want %q\n%s", got, tt.want, report)
			}
			if tt.want != made && report.Complete() {
				t.Errorf("nobody would have a name:\n%s", report)
			}
			err := d.Admin().Do(t.Context(), http.MethodGet, "/relations/"+tt.name+"/user_created", nil, nil, nil)
			if is := err == nil; is != (tt.want == made) {
				t.Errorf("the relation is there: %v, %v", is, err)
			}
		})
	}
}

// makeCollection makes a collection by hand; nil fields make a folder. It goes when the test ends: an unlicensed Directus allows
// 25.
func makeCollection(t *testing.T, name string, meta object, fields []object) {
	t.Helper()
	d := directustest.Shared(t)
	body := object{"collection": name, "meta": meta, "schema": object{}, "fields": fields}
	if fields == nil {
		body["schema"] = nil
	}
	if meta == nil {
		body["meta"] = object{}
	}
	d.Do(http.MethodPost, "/collections", nil, body, nil)
	t.Cleanup(func() { d.Do(http.MethodDelete, "/collections/"+name, nil, nil, nil) })
}

func checkSteps(t *testing.T, report setup.Report, want []string) {
	t.Helper()
	var complaints []setup.Step
	for _, s := range report.Steps {
		if s.Status == setup.Differs || s.Status == setup.Limited {
			complaints = append(complaints, s)
		}
	}
	if len(complaints) != len(want) {
		t.Errorf("%d complaints, want %d:\n%s", len(complaints), len(want), report)
		return
	}
	for i, s := range complaints {
		for _, part := range strings.Split(want[i], "|") {
			if !strings.Contains(s.String(), part) {
				t.Errorf("%q lacks %q", s, part)
			}
		}
		if s.Fix == "" {
			t.Errorf("%q names no way out", s)
		}
	}
	differs := slices.ContainsFunc(want, func(w string) bool { return strings.HasPrefix(w, "differs") })
	if report.Complete() == differs {
		t.Errorf("complete: %v\n%s", report.Complete(), report)
	}
}

// The guide's collection, brought up to what setup would have made, with the messages in it.
func TestExtendAndWiden(t *testing.T) {
	d := directustest.Shared(t)
	const name = "grown"
	makeCollection(t, name, nil, []object{autoID, with(text255, object{"schema": object{"max_length": 255, "is_nullable": false}}), author, date})
	d.Do(http.MethodPost, "/items/"+name, nil, object{"text": "kept"}, nil)

	opts := setup.Options{Collection: name, Extend: true, Widen: true, DryRun: true}
	want := []string{"would change field grown.text", "would create field grown.nonce", "would create relation grown.user_created to directus_users"}
	for _, line := range want {
		if report := run(t, d.Admin(), opts); !slices.Contains(lines(report), line) {
			t.Errorf("dry run lacks %q:\n%s", line, report)
		}
	}
	opts.DryRun = false
	run(t, d.Admin(), opts)
	report := run(t, d.Admin(), setup.Options{Collection: name})
	all(t, report, setup.Present)
	if !strings.Contains(report.Config(site), "nonce: nonce") {
		t.Errorf("got %s", report.Config(site))
	}

	var field struct {
		Type   string
		Schema struct {
			DataType   string `json:"data_type"`
			IsNullable bool   `json:"is_nullable"`
		}
	}
	d.Do(http.MethodGet, "/fields/"+name+"/text", nil, nil, &field)
	if field.Type != "text" || field.Schema.DataType != "text" || field.Schema.IsNullable {
		t.Errorf("the widened field is %+v", field)
	}
	var items []object
	d.Do(http.MethodGet, "/items/"+name, nil, nil, &items)
	if len(items) != 1 || items[0]["text"] != "kept" {
		t.Errorf("the messages are now %v", items)
	}
}

// A permission that was changed by hand stays so, and is reported.
func TestNarrowedPermission(t *testing.T) {
	d := directustest.Shared(t)
	if strings.HasPrefix(d.Version, "12.") {
		return // takes a licence
	}
	const name = "narrowed"
	makeCollection(t, name, nil, []object{autoID, textAny, author, date, nonce})
	run(t, d.Admin(), setup.Options{Collection: name})
	var rules []object
	d.Do(http.MethodGet, "/permissions", map[string][]string{"filter[collection][_eq]": {name}, "filter[action][_eq]": {"create"}}, nil, &rules)
	if len(rules) != 1 {
		t.Fatalf("rules: %v", rules)
	}
	path := "/permissions/" + rules[0]["id"].(interface{ String() string }).String()
	for _, change := range []struct {
		body object
		want string
	}{
		{object{"fields": []string{"text"}}, "differs|permission to create narrowed|allows only the fields text"},
		{object{"fields": []string{"*"}, "permissions": object{"text": object{"_nempty": true}}}, "limited|permission to create narrowed|match its rule"},
	} {
		d.Do(http.MethodPatch, path, nil, change.body, nil)
		report := run(t, d.Admin(), setup.Options{Collection: name})
		i := slices.IndexFunc(report.Steps, func(s setup.Step) bool { return s.What == "permission to create narrowed" })
		for _, part := range strings.Split(change.want, "|") {
			if !strings.Contains(report.Steps[i].String(), part) {
				t.Errorf("%q lacks %q", report.Steps[i], part)
			}
		}
	}
}
