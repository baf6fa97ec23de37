package setup

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"directus-ircd/directus"
)

// part is a field of a collection, with its relation if it has one.
type part struct {
	body     object // of POST /fields; its "field" is the name
	check    func(f field) finding
	target   string // collection that the relation points to; empty: no relation
	onDelete string // what happens to the field when the item that it points to is deleted: "SET NULL" or "CASCADE"
	meta     object // of the relation; nil: nothing
	special  string // the special by which a field of another name can be suggested; empty: none can
	without  string // what it means that there is no such field; empty: the collection is of no use
	widen    bool   // remove the limit on its length
}

func (p part) name() string { return fmt.Sprint(p.body["field"]) }

// store is a collection.
type store struct {
	name, icon, note string
	instead          string               // what to do if there is one that holds no items
	inspect          func(fields []field) // looks at an existing one; may be nil
	parts            []part
}

// has reports whether a collection has the named field and can use it.
type has func(name string) bool

// keep makes a store, or inspects an existing one.
func (r *run) keep(ctx context.Context, s store) (has, error) {
	step := Step{What: "collection " + s.name, Status: Created}
	var found struct {
		Schema *struct{} `json:"schema"`
		Meta   *struct {
			Singleton bool `json:"singleton"`
		} `json:"meta"`
	}
	err := r.get(ctx, "/collections/"+s.name, nil, &found)
	switch {
	case directus.IsCode(err, directus.CodeForbidden): // to an administrator, this means that it does not exist
		return r.newStore(ctx, s, step)
	case err != nil:
		return nil, fmt.Errorf("look for the %s: %w", step.What, err)
	case found.Schema == nil:
		step.Detail = "it is a folder and holds no items"
	case found.Meta != nil && found.Meta.Singleton:
		step.Detail = "it is a singleton and holds one item only"
	}
	step.Status = Present
	if step.Detail != "" {
		step.Status, step.Fix = Differs, s.instead
		r.report.add(step)
		return func(string) bool { return false }, nil
	}
	r.report.add(step)
	return r.parts(ctx, s, r.opts.Extend)
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
		if err := r.lead(ctx, s.name, p, nil); err != nil {
			return nil, err
		}
	}
	return func(string) bool { return true }, nil
}

// parts checks the fields of an existing collection. If add is true, it makes those that are missing.
func (r *run) parts(ctx context.Context, s store, add bool) (has, error) {
	var fields []field
	if err := r.get(ctx, "/fields/"+s.name, nil, &fields); err != nil && !(r.opts.DryRun && directus.IsCode(err, directus.CodeForbidden)) {
		return nil, fmt.Errorf("read the fields of %s: %w", s.name, err)
	}
	if s.inspect != nil {
		s.inspect(fields)
	}
	var good []string
	for _, p := range s.parts {
		usable, err := r.part(ctx, s.name, p, fields, add)
		if err != nil {
			return nil, err
		}
		if usable {
			good = append(good, p.name())
		}
	}
	return func(name string) bool { return slices.Contains(good, name) }, nil
}

// part checks or makes one field, and then its relation.
func (r *run) part(ctx context.Context, collection string, p part, fields []field, add bool) (usable bool, err error) {
	step := Step{What: fieldName(collection, p.name()), Status: Present}
	i := slices.IndexFunc(fields, func(f field) bool { return f.Field == p.name() && f.Schema != nil })
	if i < 0 {
		if !add {
			r.report.add(p.lacking(step, fields))
			return false, nil
		}
		step.Status = Created
		if err := r.change(ctx, step, http.MethodPost, "/fields/"+collection, p.body); err != nil {
			return false, err
		}
		return true, r.lead(ctx, collection, p, nil)
	}
	found := p.check(fields[i])
	if found.status == Limited && p.widen {
		return true, r.widen(ctx, fields[i])
	}
	if found.status != "" {
		step.Status, step.Detail, step.Fix = found.status, found.problem, found.fix
		if p.without != "" {
			step.Status = Limited
		}
	}
	r.report.add(step)
	if found.status == Differs {
		return false, nil
	}
	return true, r.lead(ctx, collection, p, &fields[i])
}

// lacking is the step of a part that the collection does not have.
func (p part) lacking(step Step, fields []field) Step {
	step.Status, step.Detail, step.Fix = Differs, "missing", "add it with --extend"
	for _, f := range fields {
		if p.special != "" && f.special(p.special) {
			step.Fix += fmt.Sprintf(", or use the field %s, which has the same purpose: name it here and in the configuration", f.Field)
		}
	}
	if p.without != "" {
		step.Status = Limited
		step.Detail += ": " + p.without
	}
	return step
}

// lead makes the relation of a part, unless the field has it already. f is the field as it was found; nil if it is new.
//
// Without Extend it makes the relation only if the field can hold nothing but keys, as after a run that was interrupted: on any
// other column, a foreign key may refuse what others write.
func (r *run) lead(ctx context.Context, collection string, p part, f *field) error {
	if p.target == "" {
		return nil
	}
	const another = "rename the field in the Directus app, so that setup can make another one"
	step := Step{What: fmt.Sprintf("relation %s.%s to %s", collection, p.name(), p.target), Status: Created}
	if f != nil {
		var found struct {
			Related string `json:"related_collection"`
		}
		err := r.get(ctx, "/relations/"+collection+"/"+p.name(), nil, &found)
		switch {
		case directus.IsCode(err, directus.CodeForbidden) && p.body["type"] == "uuid" && f.isPostgresText():
			step.Status, step.Detail = Differs, "missing, and PostgreSQL relates no field of type "+f.Type+" to a uuid"
			step.Fix = another
		case directus.IsCode(err, directus.CodeForbidden) && (r.opts.Extend || f.holds(p.body["type"])):
		case directus.IsCode(err, directus.CodeForbidden):
			step.Status, step.Detail = Differs, fmt.Sprintf("missing, and the field is of type %s, not %s", f.Type, p.body["type"])
			step.Fix = "add it with --extend, or " + another
		case err != nil:
			return fmt.Errorf("look for the %s: %w", step.What, err)
		case found.Related != p.target:
			step.Status, step.Detail, step.Fix = Differs, "it points to "+found.Related, another
		default:
			step.Status = Present
		}
	}
	if step.Status != Created {
		r.report.add(step)
		return nil
	}
	meta := object{} // with null, the Directus app would not know the relation
	maps.Copy(meta, p.meta)
	return r.change(ctx, step, http.MethodPost, "/relations", object{
		"collection": collection, "field": p.name(), "related_collection": p.target,
		"schema": object{"on_delete": p.onDelete}, "meta": meta,
	})
}
