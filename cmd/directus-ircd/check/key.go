package check

import (
	"context"
	"encoding/json"
	"math"
	"strconv"

	"directus-ircd/directus"
)

// key checks that a field is the primary key of a collection. setting is the key of the
// configuration that names it; empty if its name is fixed.
func (p *prober) key(ctx context.Context, collection, name, setting string) {
	is := p.primaryKey(ctx, collection)
	if is == name {
		p.ok("%s.%s is the primary key", collection, name)
		p.exactKeys(ctx, collection, name)
		return
	}
	if is == "" && p.known(ctx, collection, name) == nil {
		p.exactKeys(ctx, collection, name)
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

// exactKeys reports keys that Directus rounds. Where it does not know a column as a bigint, as
// on SQLite and those that are unsigned on MySQL and MariaDB, keys are JavaScript's numbers.
func (p *prober) exactKeys(ctx context.Context, collection, name string) {
	var items []map[string]json.RawMessage
	largest := directus.Query{Fields: []string{name}, Sort: []string{"-" + name}, Limit: 1}
	if p.account.Items(ctx, collection, largest, &items) != nil || len(items) == 0 || !isInexact(items[0][name]) {
		return
	}
	p.miss("use a collection with smaller keys, or with UUIDs: messages whose keys become the same are taken for one, and are not shown, changed or deleted",
		"%s.%s: Directus rounds keys as large as %s on this database", collection, name, items[0][name])
}

// isInexact reports whether a JSON value is a number that may have been rounded to a multiple
// of two or more.
func isInexact(value json.RawMessage) bool {
	n, err := strconv.ParseFloat(string(value), 64)
	return err == nil && math.Abs(n) > 1<<53-1
}
