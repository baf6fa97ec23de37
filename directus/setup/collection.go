package setup

import (
	"context"
	"fmt"
	"net/http"

	"directus-ircd/directus"
)

// nonceLength is the length of the nonce field, in characters.
const nonceLength = 64

type object = map[string]any

// collection makes the collection of the messages, or inspects an existing one.
func (r *run) collection(ctx context.Context) error {
	what := "collection " + r.opts.Collection
	var found struct {
		Schema *struct{} `json:"schema"`
		Meta   *struct {
			Singleton bool `json:"singleton"`
		} `json:"meta"`
	}
	err := r.get(ctx, "/collections/"+r.opts.Collection, nil, &found)
	if directus.IsCode(err, directus.CodeForbidden) { // to an administrator, this means that it does not exist
		return r.newCollection(ctx, what)
	}
	if err != nil {
		return fmt.Errorf("look for the %s: %w", what, err)
	}
	step := Step{What: what, Status: Present}
	switch {
	case found.Schema == nil:
		step.Status, step.Detail = Differs, "it is a folder and holds no items"
	case found.Meta != nil && found.Meta.Singleton:
		step.Status, step.Detail = Differs, "it is a singleton and holds one item only"
	}
	if step.Status == Differs {
		step.Fix = "choose another name with --collection"
		r.report.add(step)
		return nil
	}
	r.report.add(step)
	return r.inspect(ctx)
}

func (r *run) newCollection(ctx context.Context, what string) error {
	f := r.opts.Fields
	err := r.change(ctx, Step{What: what, Status: Created}, http.MethodPost, "/collections", object{
		"collection": r.opts.Collection,
		"meta":       object{"icon": "chat", "note": "Chat messages"},
		"schema":     object{}, // with null, Directus would make a folder
		"fields": []object{
			{"field": "id", "type": "integer", "meta": object{"hidden": true},
				"schema": object{"is_primary_key": true, "has_auto_increment": true}},
			authorField(f.Author), dateField(f.Date), textField(f.Text), nonceField(f.Nonce),
		},
	})
	if err != nil {
		return err
	}
	return r.relate(ctx)
}

// These functions describe the fields as the guide "Build a multi-user chat" makes them, except that the text has no
// limit, and that the guide has no nonce.

func authorField(name string) object {
	return object{"field": name, "type": "uuid", "schema": object{},
		"meta": object{"special": []string{"user-created"}, "interface": "select-dropdown-m2o",
			"options": object{"template": "{{first_name}} {{last_name}}"}, "display": "user", "readonly": true}}
}

func dateField(name string) object {
	return object{"field": name, "type": "timestamp", "schema": object{},
		"meta": object{"special": []string{"date-created"}, "interface": "datetime", "display": "datetime", "readonly": true}}
}

func textField(name string) object {
	return object{"field": name, "type": "text", "schema": object{}, "meta": object{"interface": "input-multiline"}}
}

func nonceField(name string) object {
	return object{"field": name, "type": "string",
		"schema": object{"is_unique": true, "is_nullable": true, "max_length": nonceLength},
		"meta":   object{"hidden": true, "readonly": true, "note": "Chosen by the sender, so that a message sent twice is stored once"}}
}

// relate makes the relation from the author field to the users.
func (r *run) relate(ctx context.Context) error {
	return r.change(ctx, Step{What: r.relationName(), Status: Created}, http.MethodPost, "/relations", object{
		"collection": r.opts.Collection, "field": r.opts.Fields.Author, "related_collection": "directus_users",
		"schema": object{"on_delete": "SET NULL"}, "meta": object{},
	})
}

func (r *run) relationName() string {
	return fmt.Sprintf("relation %s.%s to directus_users", r.opts.Collection, r.opts.Fields.Author)
}
