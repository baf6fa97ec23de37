package check

import "context"

// key checks that a field is the primary key of a collection. setting is the key of the
// configuration that names it; empty if its name is fixed.
func (p *prober) key(ctx context.Context, collection, name, setting string) {
	is := p.primaryKey(ctx, collection)
	if is == name {
		p.ok("%s.%s is the primary key", collection, name)
		return
	}
	if is == "" && p.known(ctx, collection, name) == nil {
		return
	}
	found := "the primary key of " + collection + " is not " + name + ", or this user may not read it"
	if is != "" {
		found = "the primary key of " + collection + " is " + is + ", not " + name
	}
	switch {
	case setting == "":
		p.miss("make a new collection whose primary key has the name id", "%s", found)
	case is != "":
		p.miss("set "+setting+" to "+is, "%s", found)
	default:
		p.miss("grant read on the primary key, and set "+setting+" to its name, which the data model of Directus shows to administrators", "%s", found)
	}
}

// primaryKey is the name of a collection's primary key; empty if this user may not see it.
func (p *prober) primaryKey(ctx context.Context, collection string) string {
	var fields []definition
	_ = p.account.Fields(ctx, &fields, collection) // an error leaves none
	for _, f := range fields {
		if f.Schema != nil && f.Schema.IsKey {
			return f.Field
		}
	}
	return ""
}
