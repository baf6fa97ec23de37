package rights

import (
	"fmt"
	"slices"
	"strings"

	"directus-ircd/bridge/collection"
)

// Audience returns the audience of a group that a user with these permissions belongs to,
// where nicks are made of the fields nick of directus_users. It is empty if any rule limits
// what the user reads of the group: even a rule that grants everything may depend on the
// user.
func (p Permissions) Audience(g *collection.Group, nick []string) collection.Audience {
	messages := p[g.Collection]["read"]
	if p == nil || !g.Common || !messages.readsAll(g.Query...) || !messages.readsAll(g.Asked...) {
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

// sayOf writes down which of some fields of a collection may be read of all its rows. It
// returns false if that depends on the row.
func (p Permissions) sayOf(said *strings.Builder, collection string, fields []string) bool {
	a := p[collection]["read"]
	if a.Access == "partial" {
		return false
	}
	fmt.Fprintf(said, "%q %q ", collection, a.readable(fields))
	return true
}

// sayOfFiles does the same for the files, and for all collections that may join them to
// messages, as it is not known which one does.
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

// readsAll reports whether no rule hides a row, and these fields may be read.
func (a access) readsAll(fields ...string) bool {
	return a.Access == "full" && a.names(fields...)
}

// names reports whether these fields may be read, of whichever rows. Of a dotted field the
// first name counts, as answered messages are of the same collection.
func (a access) names(fields ...string) bool {
	return slices.Contains(a.Fields, "*") || !slices.ContainsFunc(fields, func(field string) bool {
		name, _, _ := strings.Cut(field, ".")
		return !slices.Contains(a.Fields, name)
	})
}

// readable lists those of some fields that may be read of all rows.
func (a access) readable(fields []string) (readable []string) {
	for _, field := range fields {
		if a.readsAll(field) {
			readable = append(readable, field)
		}
	}
	return readable
}
