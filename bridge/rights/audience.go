package rights

import (
	"directus-ircd/bridge/collection"
	"fmt"
	"slices"
	"strings"
)

// Audience is what the permissions say of a group, for people whose nicks are made of
// some fields. A rule, even one that gives everything, proves nothing: it may
// depend on the user.
func (p Permissions) Audience(g *collection.Group, nick []string) collection.Audience {
	messages := p[g.Collection]["read"]
	if p == nil || !g.Common || !messages.ReadsAll(g.Query...) || !messages.ReadsAll(g.Asked...) {
		return ""
	}
	said := &strings.Builder{}
	if !p.sayOf(said, "directus_users", nick) {
		return ""
	}
	if r := g.Reactions; r != nil && !p.sayOf(said, r.Collection, r.Query()) {
		return ""
	}
	if g.Fields.Files != "" && !p.sayOfFiles(said) {
		return ""
	}
	return collection.Audience("reads " + said.String())
}

// sayOf says which of some fields of a collection may be read, of all its rows;
// false if that depends on the row.
func (p Permissions) sayOf(said *strings.Builder, collection string, fields []string) bool {
	a := p[collection]["read"]
	if a.Access == "partial" {
		return false
	}
	fmt.Fprintf(said, "%q %q ", collection, a.Readable(fields))
	return true
}

// sayOfFiles says it of the files, and of all collections that may join them to
// messages: which one does is not known.
func (p Permissions) sayOfFiles(said *strings.Builder) bool {
	var collections []string
	for name := range p {
		if !strings.HasPrefix(name, "directus_") {
			collections = append(collections, name)
		}
	}
	slices.Sort(collections)
	for _, name := range append(collections, "directus_files") {
		a := p[name]["read"]
		if a.Access == "partial" {
			return false
		}
		fields := slices.Sorted(slices.Values(a.Fields))
		fmt.Fprintf(said, "%q %q %q ", name, a.Access, fields)
	}
	return true
}

// ReadsAll reports that no rule hides a row, and that these fields may be read.
func (a access) ReadsAll(fields ...string) bool {
	return a.Access == "full" && a.names(fields...)
}

// names reports that these fields may be read, of whichever rows. Of a dotted one the
// first name counts: what the messages answer is of the same collection.
func (a access) names(fields ...string) bool {
	return slices.Contains(a.Fields, "*") || !slices.ContainsFunc(fields, func(field string) bool {
		name, _, _ := strings.Cut(field, ".")
		return !slices.Contains(a.Fields, name)
	})
}

// Readable lists those of some fields that may be read of all rows.
func (a access) Readable(fields []string) (readable []string) {
	for _, field := range fields {
		if a.ReadsAll(field) {
			readable = append(readable, field)
		}
	}
	return readable
}
