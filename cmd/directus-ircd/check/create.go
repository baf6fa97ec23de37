package check

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"directus-ircd/directus"
)

// definition is what GET /fields/<collection> tells of one field.
type definition struct {
	Field string `json:"field"`
	Type  string `json:"type"`
	Meta  struct {
		Special []string `json:"special"`
	} `json:"meta"`
	Schema *struct { // null for fields without a column
		Default    any   `json:"default_value"`
		IsNullable *bool `json:"is_nullable"`
		IsKey      bool  `json:"is_primary_key"`
		Increments bool  `json:"has_auto_increment"`
		Generated  bool  `json:"is_generated"`
	} `json:"schema"`
}

// fills reports that Directus gives the field a value of its own when an item is made.
func (d definition) fills() bool {
	if d.Schema == nil || d.Schema.Increments || d.Schema.Generated || d.Schema.Default != nil {
		return true
	}
	return slices.ContainsFunc(d.Meta.Special, func(s string) bool {
		return s == "uuid" || strings.HasSuffix(s, "-created") || s == "conceal" || s == "hash"
	})
}

// mandatory reports a field without which Directus makes no item.
func (d definition) mandatory() bool {
	return !d.fills() && (d.Schema.IsKey || d.Schema.IsNullable != nil && !*d.Schema.IsNullable)
}

// definitions are those of all fields where Directus lists them, which it does to
// administrators, else of those that the filter names and that an item shows.
func (p *prober) definitions(ctx context.Context, collection string, filter map[string]any) (all []definition, complete bool) {
	if p.account.Fields(ctx, &all, collection) == nil {
		return all, true
	}
	names := maps.Clone(filter)
	if names == nil {
		names = map[string]any{}
	}
	var items []map[string]any
	if p.account.Items(ctx, collection, directus.Query{Fields: []string{"*"}, Limit: 1}, &items) == nil {
		for _, item := range items {
			maps.Copy(names, item)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		var d definition
		if p.account.Fields(ctx, &d, collection, name) == nil {
			all = append(all, d)
		}
	}
	return all, len(items) > 0 && len(all) > 0
}

// creatable checks that what is written can be, and is shown then.
func (p *prober) creatable(ctx context.Context, granted directus.Permissions) {
	for _, c := range p.cfg.Channels {
		if !p.canRead[c.Collection] {
			continue // told already
		}
		p.creates(ctx, c.Name, c.Collection, "set", []string{c.Fields.Text, c.Fields.Nonce}, c.Set, granted[c.Collection]["create"].Presets, c.Filter)
	}
	if m := p.cfg.Private; p.canRead[m.Collection] {
		p.creates(ctx, "private messages", m.Collection, "", []string{m.Fields().Text, m.Fields().Nonce, m.Fields().Recipient}, nil, granted[m.Collection]["create"].Presets, nil)
	}
}

// creates checks, without making one, that an item can be made with what is written
// into it, and that the filter finds it then. presets are what the user's permission
// adds. where is the channel, and setting its "set"; empty where there is none.
func (p *prober) creates(ctx context.Context, where, collection, setting string, written []string, set, presets, filter map[string]any) {
	fields, complete := p.definitions(ctx, collection, filter)
	if !complete {
		p.note("give the login of an administrator to check that", "%s: whether %s has a mandatory field that nobody fills cannot be told", where, collection)
	}
	item := map[string]any{} // as far as it is known
	for _, d := range fields {
		if d.Schema != nil && !slices.Contains(written, d.Field) && len(d.Meta.Special) == 0 && !d.Schema.Increments {
			item[d.Field] = d.Schema.Default
		}
	}
	maps.Copy(item, presets)
	maps.Copy(item, set)
	fix := "give it a default in the data model"
	if setting != "" {
		fix += ", or a value by " + setting
	}
	for _, d := range fields {
		_, given := item[d.Field]
		given = given && item[d.Field] != nil || slices.Contains(written, d.Field)
		if !d.mandatory() || given {
			continue
		}
		if d.Schema.IsKey {
			p.miss("let Directus choose it: a number that increments by itself, or a generated UUID", "%s: the primary key %s.%s must be given by hand, so that no line can be sent", where, collection, d.Field)
			continue
		}
		p.miss(fix, "%s: %s.%s is mandatory and has no default, so that no line can be sent", where, collection, d.Field)
	}
	if len(fields) == 0 {
		item = set
	}
	for _, unmet := range unmet(filter, item) {
		p.miss("write what the filter asks for by "+setting+", or change filter", "%s: what is sent is stored and shown to nobody, because %s of a new item is not what filter asks for (%s)", where, unmet.field, unmet.rule)
	}
}

// An unmetRule is a part of a filter that an item surely does not satisfy.
type unmetRule struct{ field, rule string }

// unmet evaluates a filter as far as that can be done here: by the values of the item's
// own fields. What is not known of the item satisfies everything.
func unmet(filter, item map[string]any) (found []unmetRule) {
	for _, name := range slices.Sorted(maps.Keys(filter)) {
		switch rule := filter[name].(type) {
		case []any:
			for _, part := range rule {
				if sub, ok := part.(map[string]any); ok && name == "_and" {
					found = append(found, unmet(sub, item)...)
				}
			}
		case map[string]any:
			value, known := item[name]
			for operator, want := range rule {
				if known && refutes(operator, value, want) {
					text, _ := json.Marshal(map[string]any{operator: want})
					found = append(found, unmetRule{name, string(text)})
				}
			}
		}
	}
	return found
}

// refutes reports that a value surely does not satisfy an operator.
func refutes(operator string, value, want any) bool {
	same := func(w any) bool { return value != nil && fmt.Sprint(value) == fmt.Sprint(w) }
	list, isList := want.([]any)
	dynamic := func(w any) bool { s, ok := w.(string); return ok && strings.HasPrefix(s, "$") }
	if dynamic(want) || dynamic(value) || slices.ContainsFunc(list, dynamic) {
		return false
	}
	switch operator {
	case "_eq":
		return !same(want)
	case "_neq":
		return same(want)
	case "_in":
		return isList && !slices.ContainsFunc(list, same)
	case "_nin":
		return slices.ContainsFunc(list, same)
	case "_null":
		return (value == nil) != (want != false)
	case "_nnull":
		return (value != nil) != (want != false)
	}
	return false
}
