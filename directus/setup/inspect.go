package setup

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"directus-ircd/directus"
)

// minNonce is what the nonce field must hold at least, in characters: a uuid as text.
const minNonce = 36

// field is what GET /fields tells of a field.
type field struct {
	Field  string         `json:"field"`
	Type   string         `json:"type"`
	Schema map[string]any `json:"schema"` // null: an alias, without a column
	Meta   *struct {
		Special []string `json:"special"`
	} `json:"meta"`
}

func (f field) special(want string) bool {
	return f.Meta != nil && slices.Contains(f.Meta.Special, want)
}

func (f field) is(property string) bool {
	set, _ := f.Schema[property].(bool)
	return set
}

// maxLength is the limit of the column in characters, 0 for none.
func (f field) maxLength() int {
	if f.Type != "string" {
		return 0
	}
	n := 0
	_, _ = fmt.Sscan(fmt.Sprint(f.Schema["max_length"]), &n)
	return n
}

// inspect looks over the fields of an existing collection.
func (r *run) inspect(ctx context.Context) error {
	var fields []field
	if err := r.get(ctx, "/fields/"+r.opts.Collection, nil, &fields); err != nil {
		return fmt.Errorf("read the fields of %s: %w", r.opts.Collection, err)
	}
	r.inspectKey(fields)
	for _, part := range []struct {
		name  *string // in the report's fields: emptied where the collection has none
		make  func(string) object
		kind  string                         // the special that Directus fills in, to guess at a field of another name
		check func(f field) (string, string) // what is wrong, and what to do
	}{
		{&r.report.fields.Text, textField, "", r.checkText},
		{&r.report.fields.Author, authorField, "user-created", checkAuthor},
		{&r.report.fields.Date, dateField, "date-created", checkDate},
		{&r.report.fields.Nonce, nonceField, "", checkNonce},
	} {
		i := slices.IndexFunc(fields, func(f field) bool { return f.Field == *part.name && f.Schema != nil })
		if i < 0 {
			if err := r.missingField(ctx, part.name, part.make, part.kind, fields); err != nil {
				return err
			}
			continue
		}
		if err := r.existingField(ctx, fields[i], part.check); err != nil {
			return err
		}
	}
	r.inspectRequired(fields)
	return r.inspectRelation(ctx)
}

// inspectKey wants a primary key that Directus or its database fills in, for IRC names none.
func (r *run) inspectKey(fields []field) {
	for _, f := range fields {
		if !f.is("is_primary_key") {
			continue
		}
		step := Step{What: fmt.Sprintf("primary key %s.%s", r.opts.Collection, f.Field), Status: Present}
		if !f.is("has_auto_increment") && !f.special("uuid") {
			step.Status = Differs
			step.Detail = "it has to be typed in by hand, so no message could be written from IRC"
			step.Fix = "make a collection with an auto-incremented or a generated UUID key, or choose another one with --collection"
		}
		r.report.add(step)
	}
}

func (r *run) fieldName(field string) string { return "field " + r.opts.Collection + "." + field }

func (r *run) missingField(ctx context.Context, name *string, make func(string) object, kind string, fields []field) error {
	what := r.fieldName(*name)
	if r.opts.Extend {
		return r.change(ctx, Step{What: what, Status: Created}, http.MethodPost, "/fields/"+r.opts.Collection, make(*name))
	}
	step := Step{What: what, Status: Differs, Detail: "missing", Fix: "add it with --extend"}
	for _, f := range fields {
		if kind != "" && f.special(kind) {
			step.Fix = fmt.Sprintf("add it with --extend, or use the field %s, which has its part, in \"fields\" of the configuration and here", f.Field)
		}
	}
	if *name == r.opts.Fields.Nonce {
		step.Detail = "missing: when an answer gets lost the daemon has to look whether the message was stored"
	}
	*name = ""
	r.report.add(step)
	return nil
}

func (r *run) existingField(ctx context.Context, f field, check func(field) (string, string)) error {
	step := Step{What: r.fieldName(f.Field), Status: Present}
	problem, fix := check(f)
	switch {
	case problem == "":
	case f.Field == r.opts.Fields.Text && f.maxLength() > 0 && r.opts.Widen:
		return r.widen(ctx, f)
	default:
		step.Status, step.Detail, step.Fix = Differs, problem, fix
		if f.Field == r.opts.Fields.Nonce {
			r.report.fields.Nonce = "" // a nonce that is not unique would promise what it does not keep
		}
	}
	r.report.add(step)
	return nil
}

func (r *run) checkText(f field) (problem, fix string) {
	switch limit := f.maxLength(); {
	case limit > 0:
		return fmt.Sprintf("holds %d characters, longer messages are refused", limit), "make it unlimited with --widen"
	case f.Type != "string" && f.Type != "text":
		return fmt.Sprintf("is of type %s, not text", f.Type), "name the field with the message text in \"fields\" of the configuration and here"
	}
	return "", ""
}

func checkAuthor(f field) (problem, fix string) {
	switch {
	case f.Type != "uuid":
		return fmt.Sprintf("is of type %s, not uuid", f.Type), "name a field with the special user-created in \"fields\" of the configuration and here"
	case !f.special("user-created"):
		return "is not filled in by Directus, so messages would have no author",
			"set \"on create\" of the field to \"save current user id\" in the Directus app"
	}
	return "", ""
}

func checkDate(f field) (problem, fix string) {
	switch {
	case f.Type != "timestamp" && f.Type != "dateTime":
		return fmt.Sprintf("is of type %s, not timestamp", f.Type), "name a field with the special date-created in \"fields\" of the configuration and here"
	case !f.special("date-created"):
		return "is not filled in by Directus, so messages would have no time",
			"set \"on create\" of the field to \"save current date/time\" in the Directus app"
	case f.Type == "dateTime":
		return "is of type dateTime, which has no time zone and full seconds only", "use a field of type timestamp"
	}
	return "", ""
}

func checkNonce(f field) (problem, fix string) {
	limit := f.maxLength()
	switch {
	case f.Type != "string" && f.Type != "uuid":
		return fmt.Sprintf("is of type %s, not string", f.Type), "use a field of type string"
	case limit > 0 && limit < minNonce:
		return fmt.Sprintf("holds %d characters, %d are needed", limit, minNonce), "make it longer in the Directus app"
	case !f.is("is_unique"):
		return "is not unique, so sending twice would store twice", "set \"unique\" of the field in the Directus app"
	case !f.is("is_nullable"):
		return "is required, so nothing else can write messages", "take \"required\" and \"not null\" from the field in the Directus app"
	}
	return "", ""
}

// widen makes a field of limited length unlimited. Directus only changes the column when it is told all about it.
func (r *run) widen(ctx context.Context, f field) error {
	schema := make(object, len(f.Schema))
	for k, v := range f.Schema {
		schema[k] = v
	}
	schema["data_type"], schema["max_length"] = "text", nil
	if err := r.change(ctx, Step{What: r.fieldName(f.Field), Status: Changed,
		Detail: fmt.Sprintf("from %d characters to unlimited", f.maxLength())},
		http.MethodPatch, "/fields/"+r.opts.Collection+"/"+f.Field, object{"type": "text", "schema": schema}); err != nil {
		return err
	}
	if r.opts.DryRun {
		return nil
	}
	var now field
	if err := r.get(ctx, "/fields/"+r.opts.Collection+"/"+f.Field, nil, &now); err != nil {
		return fmt.Errorf("read the widened %s: %w", r.fieldName(f.Field), err)
	}
	if now.maxLength() > 0 || now.Type != "text" {
		return errors.New("directus reported success, but " + r.fieldName(f.Field) + " is as short as before: make a text field by hand")
	}
	return nil
}

// inspectRequired looks for fields that a message from IRC would leave empty though they must not be.
func (r *run) inspectRequired(fields []field) {
	known := []string{r.opts.Fields.Text, r.opts.Fields.Author, r.opts.Fields.Date, r.opts.Fields.Nonce}
	for _, f := range fields {
		if f.Schema == nil || slices.Contains(known, f.Field) || f.is("is_primary_key") || f.is("is_nullable") ||
			f.is("is_generated") || f.Schema["default_value"] != nil || (f.Meta != nil && fillsIn(f.Meta.Special)) {
			continue
		}
		r.report.add(Step{What: r.fieldName(f.Field), Status: Differs,
			Detail: "is required and has no default value, so messages from IRC would be refused",
			Fix:    "give it a default value, or a value in \"set\" of the channel"})
	}
}

// fillsIn reports whether one of the specials makes Directus fill in a field on create.
func fillsIn(specials []string) bool {
	return slices.ContainsFunc(specials, func(s string) bool {
		return s == "uuid" || strings.HasSuffix(s, "-created") || strings.HasSuffix(s, "-updated")
	})
}

// inspectRelation looks whether the author field leads to the users; without, nobody has a name.
func (r *run) inspectRelation(ctx context.Context) error {
	if r.report.fields.Author == "" {
		return nil
	}
	var found struct {
		Related string `json:"related_collection"`
	}
	step := Step{What: r.relationName(), Status: Present}
	err := r.get(ctx, "/relations/"+r.opts.Collection+"/"+r.opts.Fields.Author, nil, &found)
	switch {
	case directus.IsCode(err, directus.CodeForbidden) && r.opts.Extend:
		return r.relate(ctx)
	case directus.IsCode(err, directus.CodeForbidden):
		step.Status, step.Detail, step.Fix = Differs, "missing, so authors have no names", "add it with --extend"
	case err != nil:
		return fmt.Errorf("look for the %s: %w", r.relationName(), err)
	case found.Related != "directus_users":
		step.Status, step.Detail = Differs, "it leads to "+found.Related
		step.Fix = "name a field with the special user-created in \"fields\" of the configuration and here"
	}
	r.report.add(step)
	return nil
}
