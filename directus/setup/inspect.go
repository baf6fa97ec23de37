package setup

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// uuidLength is the length of a uuid as text, in characters: the least length of the nonce field too.
const uuidLength = 36

// field is a field as GET /fields describes it.
type field struct {
	Field  string         `json:"field"`
	Type   string         `json:"type"`
	Schema map[string]any `json:"schema"` // null: an alias field, which has no column
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

// longText is what the type text holds on MySQL and MariaDB, in bytes. It has no limit elsewhere, and Directus makes no
// column that holds more.
const longText = 65535

// maxLength is the limit of the column, in characters for a string and in bytes for a text; 0 if it holds as much as any
// column that Directus makes.
func (f field) maxLength() int {
	var n int64
	_, _ = fmt.Sscan(fmt.Sprint(f.Schema["max_length"]), &n)
	if n >= longText {
		return 0
	}
	return int(n)
}

// holdsUUID reports whether the column is made for uuids. SQLite has no type for them: there a uuid is a char(36), which
// Directus describes as a string of that length unless the field has a relation.
func (f field) holdsUUID() bool {
	return f.Type == "uuid" || f.Type == "string" && f.maxLength() == uuidLength && !f.isPostgresText()
}

// isPostgresText reports whether the column holds text in PostgreSQL, which alone says "character" for it. PostgreSQL has
// a type for uuids, and refuses a foreign key from any other to one.
func (f field) isPostgresText() bool {
	kind, _ := f.Schema["data_type"].(string)
	return strings.HasPrefix(kind, "character")
}

// holds reports whether the column can hold nothing but values of a type.
func (f field) holds(kind any) bool { return f.Type == kind || kind == "uuid" && f.holdsUUID() }

// keyType is the type of the fields that point to a primary key.
func (f field) keyType() string {
	if f.special("uuid") {
		return "uuid" // the type may be string in SQLite
	}
	return f.Type
}

// finding is what a check of a field found. An empty status means that the field is as it should be.
type finding struct {
	status  Status // Limited, or Differs if the field cannot be used
	problem string
	fix     string
}

// inspectKey checks that Directus or its database fills in the primary key, because a message from IRC brings none.
func (r *run) inspectKey(fields []field) {
	for _, f := range fields {
		if !f.is("is_primary_key") {
			continue
		}
		r.keyType = f.keyType()
		step := Step{What: fmt.Sprintf("primary key %s.%s", r.opts.Collection, f.Field), Status: Present}
		if !f.is("has_auto_increment") && !f.special("uuid") {
			step.Status = Differs
			step.Detail = "nothing fills it in, so no message could be written from IRC"
			step.Fix = "use a collection whose key is auto-incremented or a generated UUID: name it with --collection"
		}
		r.report.add(step)
	}
}

func fieldName(collection, field string) string { return "field " + collection + "." + field }

func checkText(f field) finding {
	switch limit := f.maxLength(); {
	case f.Type != "string" && f.Type != "text":
		return finding{Differs, fmt.Sprintf("it is of type %s, not text", f.Type), nameAnother("a text field")}
	case limit > 0:
		return finding{Limited, fmt.Sprintf("it holds %d characters; Directus refuses longer messages", limit), "make it a text with --widen"}
	}
	return finding{}
}

// checkAuthor checks that Directus fills in the author. lead checks the type.
func checkAuthor(f field) finding {
	if !f.special("user-created") {
		return finding{Differs, "Directus does not fill it in, so messages would have no author",
			"in the Directus app, let the field save the current user on create, or " + nameAnother("a field that does so")}
	}
	return finding{}
}

func checkDate(f field) finding {
	switch {
	case f.Type != "timestamp" && f.Type != "dateTime":
		return finding{Differs, fmt.Sprintf("it is of type %s, not timestamp", f.Type), nameAnother("the field that Directus fills with the time")}
	case !f.special("date-created"):
		return finding{Differs, "Directus does not fill it in, so messages would have no time",
			"in the Directus app, let the field save the current time on create"}
	case f.Type == "dateTime":
		return finding{Limited, "it is of type dateTime, which has whole seconds and no time zone", "use a field of type timestamp"}
	}
	return finding{}
}

// checkNonce checks that a field prevents duplicates, and lets other clients write messages without it.
func checkNonce(f field) finding {
	limit := f.maxLength()
	switch {
	case f.Type != "string":
		return finding{Differs, fmt.Sprintf("not used: it is of type %s, not string", f.Type), nameAnother("a unique string field")}
	case limit > 0 && limit < uuidLength:
		return finding{Differs, fmt.Sprintf("not used: it holds %d characters, but %d are needed", limit, uuidLength), "make it longer in the Directus app"}
	case !f.is("is_unique"):
		return finding{Differs, "not used: it is not unique, so a message sent twice would be stored twice", "make it unique in the Directus app"}
	case !f.is("is_nullable"):
		return finding{Differs, "not used: it is required, so no other client could write messages", "allow it to be empty in the Directus app"}
	}
	return finding{}
}

func nameAnother(what string) string {
	return "use " + what + ": name it here and in the configuration"
}

// widen makes a field a text. Directus changes a column only if the request holds its whole schema.
func (r *run) widen(ctx context.Context, f field) error {
	schema := maps.Clone(f.Schema)
	schema["data_type"], schema["max_length"] = "text", nil
	path, body := "/fields/"+r.opts.Collection+"/"+f.Field, object{"type": "text", "schema": schema}
	err := r.change(ctx, Step{What: fieldName(r.opts.Collection, f.Field), Status: Changed,
		Detail: fmt.Sprintf("from %d characters to the type text", f.maxLength())}, http.MethodPatch, path, body)
	if err != nil || r.opts.DryRun {
		return err
	}
	var now field
	if err := r.get(ctx, path, nil, &now); err != nil {
		return fmt.Errorf("read the widened %s: %w", fieldName(r.opts.Collection, f.Field), err)
	}
	if now.maxLength() > 0 || now.Type != "text" {
		return errors.New("directus reported success, but " + fieldName(r.opts.Collection, f.Field) + " is as short as before: make it a field of type text in the Directus app")
	}
	if now.is("is_nullable") && !f.is("is_nullable") {
		// Directus 10 drops NOT NULL from a column that it changes. The same request once more sets it again.
		if err := r.account.Do(ctx, http.MethodPatch, path, nil, body, nil); err != nil {
			return explain("make "+fieldName(r.opts.Collection, f.Field)+" required again", err)
		}
	}
	return nil
}

// inspectRequired looks for other fields that must not be empty and that a message from IRC would leave empty.
func (r *run) inspectRequired(fields []field) {
	known := []string{r.opts.Fields.Text, r.opts.Fields.Author, r.opts.Fields.Date, r.opts.Fields.Nonce, replyField, fileField, kindField}
	for _, f := range fields {
		if f.Schema == nil || slices.Contains(known, f.Field) || f.is("is_primary_key") || f.is("is_nullable") ||
			f.is("is_generated") || f.Schema["default_value"] != nil || (f.Meta != nil && fillsIn(f.Meta.Special)) {
			continue
		}
		r.report.add(Step{What: fieldName(r.opts.Collection, f.Field), Status: Differs,
			Detail: "it is required and has no default value, so Directus would refuse messages from IRC",
			Fix:    "give it a default value in the Directus app, or a value under \"set\" of the channel in the configuration"})
	}
}

// fillsIn reports whether one of the specials makes Directus fill in a field on create.
func fillsIn(specials []string) bool {
	return slices.ContainsFunc(specials, func(s string) bool {
		return s == "uuid" || strings.HasSuffix(s, "-created") || strings.HasSuffix(s, "-updated")
	})
}
