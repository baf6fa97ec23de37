package check

import (
	"context"
	"encoding/json"

	"directus-ircd/directus"
)

// key checks that a field is the primary key of a collection. setting is the key of the
// configuration that names it; empty if its name is fixed.
func (p *prober) key(ctx context.Context, collection, name, setting string) {
	is := p.primaryKey(ctx, collection)
	if is == name {
		p.ok("%s.%s is the primary key", collection, name)
		return
	}
	if is == "" {
		var items []json.RawMessage
		known := directus.Query{Fields: []string{name}, Filter: directus.Compare(name, "_nnull", true), Limit: 1}
		if p.account.Items(ctx, collection, known, &items) == nil {
			return
		}
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
	var fields []struct {
		Field  string `json:"field"`
		Schema struct {
			IsPrimaryKey bool `json:"is_primary_key"`
		} `json:"schema"`
	}
	if p.account.Fields(ctx, &fields, collection) != nil {
		return ""
	}
	for _, f := range fields {
		if f.Schema.IsPrimaryKey {
			return f.Field
		}
	}
	return ""
}
