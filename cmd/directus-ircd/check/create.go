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
		d := demand{where: c.Name, collection: c.Collection, setting: "set", written: []string{c.Fields.Text, c.Fields.Nonce}, set: c.Set,
			presets: granted[c.Collection]["create"].Presets, filter: c.Filter, lost: lostMessages}
		if r := p.cfg.Rooms.Messages; c.Name == roomsName {
			d.setting, d.written, d.filter = "", append(d.written, r.Room), nil
		}
		p.creates(ctx, d)
	}
	if m := p.cfg.Private; p.canRead[m.Collection] {
		p.creates(ctx, demand{where: "private messages", collection: m.Collection, presets: granted[m.Collection]["create"].Presets, lost: lostMessages,
			written: []string{config.PrivateFields.Text, config.PrivateFields.Nonce, config.PrivateFields.Recipient}})
	}
}

const lostMessages = "no message can be sent"

// A demand is an item that the daemon is to create.
type demand struct {
	where, collection string         // where names the channel
	written           []string       // the fields that are written
	set, presets      map[string]any // further values; presets are those that the user's permission adds
	filter            map[string]any // which the item has to match
	setting           string         // the key for further values: "set", or empty if there is none
	lost              string         // what cannot be done if the item cannot be created
}

// creates checks, without creating it, that an item can be created with the fields that are
// written, and that the filter then matches it.
func (p *prober) creates(ctx context.Context, d demand) {
	fields, complete := p.definitions(ctx, d.collection, d.filter)
	if !complete {
		p.note("run check with the login of an administrator", "%s: it is not known whether %s has other mandatory fields", d.where, d.collection)
	}
	item := map[string]any{} // the values that are known
	for _, f := range fields {
		if f.Schema != nil && !slices.Contains(d.written, f.Field) && len(f.Meta.Special) == 0 && !f.Schema.Increments {
			item[f.Field] = f.Schema.Default
		}
	}
	maps.Copy(item, d.presets)
	maps.Copy(item, d.set)
	fix := "give it a default value in the data model"
	if d.setting != "" {
		fix += ", or a value under " + d.setting + " in the configuration"
	}
	for _, f := range fields {
		_, given := item[f.Field]
		given = given && item[f.Field] != nil || slices.Contains(d.written, f.Field)
		if !f.mandatory() || given {
			continue
		}
		if f.Schema.IsKey {
			p.miss("use a primary key that Directus fills in: an auto-incremented number or a generated UUID", "%s: nothing fills in the primary key %s.%s, so %s", d.where, d.collection, f.Field, d.lost)
			continue
		}
		p.miss(fix, "%s: %s.%s is mandatory and has no default, so %s", d.where, d.collection, f.Field, d.lost)
	}
	if len(fields) == 0 {
		item = d.set
	}
	for _, unmet := range unmet(d.filter, item) {
		p.miss("write the value that the filter asks for under "+d.setting+", or change the filter", "%s: messages would be stored but shown to nobody, because %s of a new item does not match the filter (%s)", d.where, unmet.field, unmet.rule)
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
