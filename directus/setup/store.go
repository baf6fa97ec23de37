package setup

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"directus-ircd/directus"
)

// part is a field of an optional piece, with its relation if it has one.
type part struct {
	body     object // of POST /fields; its "field" is the name
	check    func(f field) finding
	target   string // collection that the relation points to; empty: no relation
	onDelete string // what happens to the field when the item that it points to is deleted: "SET NULL" or "CASCADE"
}

func (p part) name() string { return fmt.Sprint(p.body["field"]) }

// store is an optional collection, beside the one of the messages.
type store struct {
	name, icon, note string
	parts            []part
}

// has reports whether a collection has the named field and can use it.
type has func(name string) bool

// keep makes a store, or inspects an existing one.
func (r *run) keep(ctx context.Context, s store) (has, error) {
	step := Step{What: "collection " + s.name, Status: Created}
	var found struct {
		Schema *struct{} `json:"schema"`
	}
	err := r.get(ctx, "/collections/"+s.name, nil, &found)
	if directus.IsCode(err, directus.CodeForbidden) { // to an administrator, this means that it does not exist
		return r.newStore(ctx, s, step)
	}
	if err != nil {
		return nil, fmt.Errorf("look for the %s: %w", step.What, err)
	}
	step.Status = Present
	if found.Schema == nil {
		step.Status, step.Detail, step.Fix = Differs, "it is a folder and holds no items", "rename it in the Directus app, so that setup can make the collection"
		r.report.add(step)
		return func(string) bool { return false }, nil
	}
	r.report.add(step)
	return r.parts(ctx, s.name, s.parts, r.opts.Extend)
}

func (r *run) newStore(ctx context.Context, s store, step Step) (has, error) {
	fields := []object{{"field": "id", "type": "integer", "meta": object{"hidden": true},
		"schema": object{"is_primary_key": true, "has_auto_increment": true}}}
	for _, p := range s.parts {
		fields = append(fields, p.body)
	}
	err := r.change(ctx, step, http.MethodPost, "/collections", object{
		"collection": s.name,
		"meta":       object{"icon": s.icon, "note": s.note},
		"schema":     object{}, // with null, Directus would make a folder
		"fields":     fields,
	})
	if err != nil {
		return nil, err
	}
	for _, p := range s.parts {
		if err := r.lead(ctx, s.name, p, Created); err != nil {
			return nil, err
		}
	}
	return func(string) bool { return true }, nil
}

// parts checks the fields of an existing collection. If add is true, it makes those that are
// missing.
func (r *run) parts(ctx context.Context, collection string, parts []part, add bool) (has, error) {
	var fields []field
	if err := r.get(ctx, "/fields/"+collection, nil, &fields); err != nil && !(r.opts.DryRun && directus.IsCode(err, directus.CodeForbidden)) {
		return nil, fmt.Errorf("read the fields of %s: %w", collection, err)
	}
	var good []string
	for _, p := range parts {
		step := Step{What: fieldName(collection, p.name()), Status: Present}
		i := slices.IndexFunc(fields, func(f field) bool { return f.Field == p.name() })
		switch {
		case i < 0 && add:
			step.Status = Created
			if err := r.change(ctx, step, http.MethodPost, "/fields/"+collection, p.body); err != nil {
				return nil, err
			}
		case i < 0:
			step.Status, step.Detail, step.Fix = Differs, "missing", "add it with --extend"
			r.report.add(step)
			continue
		default:
			found := p.check(fields[i])
			if found.status != "" {
				step.Status, step.Detail, step.Fix = found.status, found.problem, found.fix
			}
			r.report.add(step)
			if found.status != "" {
				continue
			}
		}
		good = append(good, p.name())
		if err := r.lead(ctx, collection, p, step.Status); err != nil {
			return nil, err
		}
	}
	return func(name string) bool { return slices.Contains(good, name) }, nil
}

// lead makes the relation of a part, unless the field has it already. field is the status of the field.
func (r *run) lead(ctx context.Context, collection string, p part, field Status) error {
	if p.target == "" {
		return nil
	}
	step := Step{What: fmt.Sprintf("relation %s.%s to %s", collection, p.name(), p.target), Status: Created}
	if field != Created {
		var found struct {
			Related string `json:"related_collection"`
		}
		err := r.get(ctx, "/relations/"+collection+"/"+p.name(), nil, &found)
		switch {
		case directus.IsCode(err, directus.CodeForbidden):
		case err != nil:
			return fmt.Errorf("look for the %s: %w", step.What, err)
		case found.Related != p.target:
			r.report.add(Step{What: step.What, Status: Differs, Detail: "it points to " + found.Related,
				Fix: "rename the field in the Directus app, so that setup can make another one"})
			return nil
		default:
			r.report.add(Step{What: step.What, Status: Present})
			return nil
		}
	}
	return r.change(ctx, step, http.MethodPost, "/relations", object{
		"collection": collection, "field": p.name(), "related_collection": p.target,
		"schema": object{"on_delete": p.onDelete}, "meta": object{},
	})
}
