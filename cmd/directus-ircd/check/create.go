package check

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/directus"
)

// fills reports whether Directus itself gives the field a value when an item is created.
func (d definition) fills() bool {
	if d.Schema == nil || d.Schema.Increments || d.Schema.Generated || d.Schema.Default != nil {
		return true
	}
	return slices.ContainsFunc(d.Meta.Special, func(s string) bool {
		return s == "uuid" || strings.HasSuffix(s, "-created") || s == "conceal" || s == "hash"
	})
}

// mandatory reports whether Directus refuses to create an item without the field.
func (d definition) mandatory() bool {
	return !d.fills() && (d.Schema.IsKey || d.Schema.IsNullable != nil && !*d.Schema.IsNullable)
}

// definitions returns those of all fields if Directus lists them to this user, as it does
// to administrators. Otherwise it returns those of the fields that the filter names and that
// an item shows. complete is false if other fields may exist.
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

// creatable checks that messages can be created, and that their channel then shows them.
func (p *prober) creatable(ctx context.Context, granted directus.Permissions) {
	for _, c := range p.cfg.Channels {
		if !p.canRead[c.Collection] {
			continue // reported already
		}
		p.creates(ctx, c.Name, c.Collection, "set", []string{c.Fields.Text, c.Fields.Nonce}, c.Set, granted[c.Collection]["create"].Presets, c.Filter)
	}
	if m := p.cfg.Private; p.canRead[m.Collection] {
		p.creates(ctx, "private messages", m.Collection, "", []string{config.PrivateFields.Text, config.PrivateFields.Nonce, config.PrivateFields.Recipient}, nil, granted[m.Collection]["create"].Presets, nil)
	}
}

// creates checks, without creating one, that an item can be created with the fields that
// are written, and that the filter then matches it. presets are the values that the user's
// permission adds. where names the channel, and setting the key for further values: "set",
// or empty if there is none.
func (p *prober) creates(ctx context.Context, where, collection, setting string, written []string, set, presets, filter map[string]any) {
	fields, complete := p.definitions(ctx, collection, filter)
	if !complete {
		p.note("run check with the login of an administrator", "%s: it is not known whether %s has other mandatory fields", where, collection)
	}
	item := map[string]any{} // the values that are known
	for _, d := range fields {
		if d.Schema != nil && !slices.Contains(written, d.Field) && len(d.Meta.Special) == 0 && !d.Schema.Increments {
			item[d.Field] = d.Schema.Default
		}
	}
	maps.Copy(item, presets)
	maps.Copy(item, set)
	fix := "give it a default value in the data model"
	if setting != "" {
		fix += ", or a value under " + setting + " in the configuration"
	}
	for _, d := range fields {
		_, given := item[d.Field]
		given = given && item[d.Field] != nil || slices.Contains(written, d.Field)
		if !d.mandatory() || given {
			continue
		}
		if d.Schema.IsKey {
			p.miss("use a primary key that Directus fills in: an auto-incremented number or a generated UUID", "%s: nothing fills in the primary key %s.%s, so no message can be sent", where, collection, d.Field)
			continue
		}
		p.miss(fix, "%s: %s.%s is mandatory and has no default, so no message can be sent", where, collection, d.Field)
	}
	if len(fields) == 0 {
		item = set
	}
	for _, unmet := range unmet(filter, item) {
		p.miss("write the value that the filter asks for under "+setting+", or change the filter", "%s: messages would be stored but shown to nobody, because %s of a new item does not match the filter (%s)", where, unmet.field, unmet.rule)
	}
}

// An unmetRule is a part of a filter that an item certainly does not match.
type unmetRule struct{ field, rule string }

// unmet returns the rules of a filter that an item certainly does not match, judged by its
// own fields. A field whose value is not known matches every rule.
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

// refutes reports whether a value certainly does not satisfy an operator.
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
