package rights

import (
	"fmt"
	"slices"
	"strings"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
)

// audience returns the audience of a group that a user with these permissions belongs to,
// where nicks are made of the fields nick of directus_users. It is empty if any rule limits
// what the user reads of the group: even a rule that grants everything may depend on the
// user. why then says for the operator what keeps the user apart.
func (p permissions) audience(g *collection.Group, nick []string) (of collection.Audience, why string) {
	messages := p[g.Collection]["read"]
	switch {
	case len(g.Channels) > 0 && g.Channels[0].Private:
		return "", "private messages are those of one user"
	case p == nil:
		return "", "Directus does not tell what the user may read"
	case !g.Common:
		return "", "the filter of the channel looks at more than the messages"
	case !readsAll(messages, g.Query...) || !readsAll(messages, g.Asked...):
		return "", limited(g.Collection)
	}
	said := &strings.Builder{}
	if !p.sayOf(said, "directus_users", nick) {
		return "", limited("directus_users")
	}
	if r := g.Reactions; r != nil && !p.sayOf(said, r.Collection, r.Query()) {
		return "", limited(r.Collection)
	}
	if g.Fields.Files != "" && !p.sayOfFiles(said) {
		return "", limited("directus_files, or of a collection with files")
	}
	return collection.Audience("reads " + said.String()), ""
}

func limited(collection string) string {
	return "the permissions limit what the user reads of " + collection
}

// sayOf writes down which of some fields of a collection may be read of all its rows. It
// returns false if that depends on the row.
func (p permissions) sayOf(said *strings.Builder, collection string, fields []string) bool {
	a := p[collection]["read"]
	if a.Access == "partial" {
		return false
	}
	fmt.Fprintf(said, "%q %q ", collection, readable(a, fields))
	return true
}

// sayOfFiles does the same for the files, and for all collections that may join them to
// messages, as it is not known which one does.
func (p permissions) sayOfFiles(said *strings.Builder) bool {
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

// readsAll reports whether no rule hides a row, and these fields may be read: of a dotted
// field the first name, as answered messages are of the same collection.
func readsAll(p directus.Permission, fields ...string) bool {
	return p.Access == "full" && len(p.Refused(fields...)) == 0
}

// readable lists those of some fields that may be read of all rows.
func readable(p directus.Permission, fields []string) (readable []string) {
	for _, field := range fields {
		if readsAll(p, field) {
			readable = append(readable, field)
		}
	}
	return readable
}
