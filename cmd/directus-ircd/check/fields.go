package check

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/directus"
)

// field is a field as GET /fields/<collection>/<field> describes it to a user who may read it.
type field struct {
	Type string `json:"type"`
	Meta struct {
		Special []string `json:"special"`
	} `json:"meta"`
	Schema struct {
		IsUnique  bool `json:"is_unique"`
		MaxLength *int `json:"max_length"`
	} `json:"schema"`
}

// collection checks the fields of a channel's collection one by one, so that it can name the
// missing ones.
func (p *prober) collection(ctx context.Context, c config.Channel) {
	if !p.readable(ctx, c.Collection, giveRole+p.runSetup(c)+", or correct channels in the configuration") {
		return
	}
	p.key(ctx, c.Collection, c.Fields.ID, "fields.id")
	judged := []judgedField{
		{c.Fields.Text, func(f field) { p.judgeText(c.Collection, c.Fields.Text, f, p.setup(c, "--widen")) }},
		{c.Fields.Author, func(f field) { p.judgeAuthor(c.Collection, c.Fields.Author, f) }},
		{c.Fields.Date, func(f field) { p.judgeDate(c.Collection, c.Fields.Date, f) }},
	}
	if c.Fields.Nonce == "" {
		p.noNonce(ctx, c.Collection, p.setup(c))
	} else {
		judged = append(judged, judgedField{c.Fields.Nonce, func(f field) { p.judgeNonce(c.Collection, c.Fields.Nonce, ", or set nonce to \"\"", f) }})
	}
	p.fields(ctx, c.Collection, judged, p.setup(c, "--extend"))
}

// readable checks that a collection exists and that this user may read it, and notes that in
// canRead.
func (p *prober) readable(ctx context.Context, collection, fix string) bool {
	var items []json.RawMessage
	if err := p.account.Items(ctx, collection, directus.Query{Limit: 1}, &items); err != nil {
		p.canRead[collection] = false
		p.miss(fix, "the collection %s is missing, or this user may not read it: %v", collection, err)
		return false
	}
	p.canRead[collection] = true
	return true
}

// judgedField is a field that must be readable, with a check of its definition.
type judgedField struct {
	name  string
	judge func(field) // nil: any definition will do
}

// fields checks that fields can be read, and their definitions. setup is the command that
// makes them.
func (p *prober) fields(ctx context.Context, collection string, fields []judgedField, setup string) {
	var untold []string
	for _, f := range fields {
		var items []json.RawMessage
		// Directus 10 ignores unknown fields in a query, except in its filter.
		known := directus.Query{Fields: []string{f.name}, Filter: directus.Compare(f.name, "_nnull", true), Limit: 1}
		if err := p.account.Items(ctx, collection, known, &items); err != nil {
			p.miss("create the field and grant read on it ("+setup+"), or correct fields in the configuration", "%s.%s is missing, or this user may not read it: %v", collection, f.name, err)
			continue
		}
		if f.judge == nil {
			p.ok("%s.%s can be read", collection, f.name)
			continue
		}
		var is field
		if p.account.Fields(ctx, &is, collection, f.name) != nil {
			p.ok("%s.%s can be read", collection, f.name)
			untold = append(untold, f.name)
			continue
		}
		f.judge(is)
	}
	if len(untold) > 0 {
		p.note("run check as an administrator, or look in the data model: Directus must fill in author and date, the nonce must be unique, and the text should have no limit", "the definitions of the fields %s cannot be read", strings.Join(untold, ", "))
	}
}

// noNonce notes that the configuration names no nonce. setup is the command that makes the
// field, unless the collection has it already.
func (p *prober) noNonce(ctx context.Context, collection, setup string) {
	const name = "nonce"
	var items []json.RawMessage
	known := directus.Query{Fields: []string{name}, Filter: directus.Compare(name, "_nnull", true), Limit: 1}
	if p.account.Items(ctx, collection, known, &items) == nil {
		p.note("add nonce: nonce under fields: with it a message is never stored twice, even after a broken connection", "the configuration names no nonce for %s, which has the field %s", collection, name)
		return
	}
	p.note("name a unique text field as nonce under fields: with it a message is never stored twice, even after a broken connection. "+setup+" makes one", "%s has no nonce", collection)
}

// judgeText notes a limit on the length of a text. widen is the command that removes it.
func (p *prober) judgeText(collection, name string, f field, widen string) {
	if n := f.Schema.MaxLength; n != nil && *n > 0 {
		p.note("make it a field of type text: "+widen, "%s.%s holds at most %d characters: Directus refuses longer messages", collection, name, *n)
		return
	}
	p.ok("%s.%s holds texts of any length", collection, name)
}

func (p *prober) judgeAuthor(collection, name string, f field) {
	p.judgeSpecial(collection, name, f, "user-created", "User Created")
}

func (p *prober) judgeDate(collection, name string, f field) {
	p.judgeSpecial(collection, name, f, "date-created", "Date Created")
	switch f.Type {
	case "date":
		p.miss("make it a field of type timestamp: without a time, the messages of a day have no order", "%s.%s is a date without a time", collection, name)
	case "dateTime":
		p.local = append(p.local, localField{collection, name})
	}
}

func (p *prober) judgeSpecial(collection, name string, f field, special, shown string) {
	if !slices.Contains(f.Meta.Special, special) {
		p.miss("set its \"On Create\" in the data model to save the "+shown+", or name another field that does so under fields", "%s.%s is not filled by Directus", collection, name)
		return
	}
	p.ok("%s.%s is filled by Directus", collection, name)
}

// judgeNonce reports a nonce that is not unique. or is what else can be done about it.
func (p *prober) judgeNonce(collection, name, or string, f field) {
	if !f.Schema.IsUnique {
		p.miss("make it unique in the data model"+or, "%s.%s is not unique", collection, name)
		return
	}
	p.ok("%s.%s is unique", collection, name)
}
