package check

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/directus"
)

// definition is a field as GET /fields/<collection> and GET /fields/<collection>/<field> describe
// it.
type definition struct {
	Field string `json:"field"`
	Type  string `json:"type"`
	Meta  struct {
		Special []string `json:"special"`
	} `json:"meta"`
	Schema *column `json:"schema"` // null for fields without one
}

type column struct {
	Default    any   `json:"default_value"`
	IsNullable *bool `json:"is_nullable"`
	IsKey      bool  `json:"is_primary_key"`
	Increments bool  `json:"has_auto_increment"`
	Generated  bool  `json:"is_generated"`
	IsUnique   bool  `json:"is_unique"`
	MaxLength  int64 `json:"max_length"`
}

// collection checks the fields of a channel's collection one by one, so that it can name the
// missing ones.
func (p *prober) collection(ctx context.Context, c config.Channel) {
	if !p.readable(ctx, c.Collection, giveRole+p.runSetup(c)+", or correct channels in the configuration") {
		return
	}
	p.key(ctx, c.Collection, c.Fields.ID, "fields.id")
	judged := []judgedField{
		{c.Fields.Text, p.judgeText(p.setup(c, "--widen"))}, {c.Fields.Author, p.judgeAuthor}, {c.Fields.Date, p.judgeDate},
	}
	if c.Fields.Nonce == "" {
		p.noNonce(ctx, c.Collection, p.setup(c))
	} else {
		judged = append(judged, judgedField{c.Fields.Nonce, p.judgeNonce(", or set nonce to \"\"")})
	}
	if c.Fields.Kind != "" {
		judged = append(judged, judgedField{c.Fields.Kind, p.judgeKind("fields.kind")})
	}
	p.fields(ctx, c.Collection, judged, p.setup(c, "--extend"))
}

// readings is how often a collection is read, as it may be another process of Directus that
// answers.
const readings = 3

// readable checks that a collection exists and that this user may read it, and notes that in
// canRead.
func (p *prober) readable(ctx context.Context, collection, fix string) bool {
	refused := 0
	var err error
	for range readings {
		var items []json.RawMessage
		if again := p.account.Items(ctx, collection, directus.Query{Limit: 1}, &items); again != nil {
			refused, err = refused+1, again
		}
	}
	switch {
	case refused == readings && p.isSingleton(ctx, collection):
		p.canRead[collection] = false
		p.miss("switch off \"Treat as single object\" of the collection in the data model, or name another one", "the collection %s is a singleton, which holds one item only", collection)
		return false
	case refused == readings:
		p.canRead[collection] = false
		p.miss(fix, "the collection %s is missing, or this user may not read it: %v", collection, err)
		return false
	case directus.IsCode(err, directus.CodeForbidden):
		p.miss(shareRedis, "the collection %s could be read at one time and not at another, as happens where several processes of Directus do not tell each other of changes: %v", collection, err)
	}
	p.canRead[collection] = true
	p.nature(ctx, collection)
	return true
}

// judgedField is a field that must be readable, with a check of its definition.
type judgedField struct {
	name  string
	judge judge // nil: any definition will do
}

type judge func(collection, name string, is definition)

// known asks for a field; the error says that it is missing, or not for this user to read.
// Directus 10 ignores unknown fields in a query, except in its filter.
func (p *prober) known(ctx context.Context, collection, name string) error {
	var items []json.RawMessage
	return p.account.Items(ctx, collection, directus.Query{Fields: []string{name}, Filter: directus.Compare(name, "_nnull", true), Limit: 1}, &items)
}

// fields checks that fields can be read, and their definitions. setup is the command that
// makes them.
func (p *prober) fields(ctx context.Context, collection string, fields []judgedField, setup string) {
	var untold []string
	for _, f := range fields {
		if err := p.known(ctx, collection, f.name); err != nil {
			p.miss("create the field and grant read on it ("+setup+"), or correct fields in the configuration", "%s.%s is missing, or this user may not read it: %v", collection, f.name, err)
			continue
		}
		if f.judge == nil {
			p.ok("%s.%s can be read", collection, f.name)
			continue
		}
		var is definition
		if p.account.Fields(ctx, &is, collection, f.name) != nil {
			p.ok("%s.%s can be read", collection, f.name)
			untold = append(untold, f.name)
			continue
		}
		f.judge(collection, f.name, is)
	}
	if len(untold) > 0 {
		p.note("run check as an administrator, or look in the data model: Directus must fill in author and date, the nonce must be unique, kind must hold the word notice, and the text should have no limit", "the definitions of the fields %s cannot be read", strings.Join(untold, ", "))
	}
}

// noNonce notes that the configuration names no nonce. setup is the command that makes the
// field, unless the collection has it already.
func (p *prober) noNonce(ctx context.Context, collection, setup string) {
	const name = "nonce"
	if p.known(ctx, collection, name) == nil {
		p.note("add nonce: nonce under fields: with it a message is never stored twice, even after a broken connection", "the configuration names no nonce for %s, which has the field %s", collection, name)
		return
	}
	p.note("name a unique text field as nonce under fields: with it a message is never stored twice, even after a broken connection. "+setup+" makes one", "%s has no nonce", collection)
}

// longText is what the type text holds on MySQL and MariaDB, in bytes. It has no limit
// elsewhere, and Directus makes no column that holds more.
const longText = 65535

// judgeText notes a limit on the length of a text. widen is the command that removes it.
func (p *prober) judgeText(widen string) judge {
	return func(collection, name string, is definition) {
		limit := int64(0)
		if is.Schema != nil {
			limit = is.Schema.MaxLength
		}
		switch {
		case limit <= 0:
			p.ok("%s.%s holds texts of any length", collection, name)
		case limit < longText:
			p.note("make it a field of type text: "+widen, "%s.%s holds at most %d characters: Directus refuses longer messages", collection, name, limit)
		default:
			p.ok("%s.%s holds texts of up to %d bytes", collection, name, limit)
		}
	}
}

func (p *prober) judgeAuthor(collection, name string, is definition) {
	p.judgeSpecial(collection, name, is, "user-created", "User Created")
}

func (p *prober) judgeDate(collection, name string, is definition) {
	p.judgeSpecial(collection, name, is, "date-created", "Date Created")
	switch is.Type {
	case "date":
		p.miss("make it a field of type timestamp: without a time, the messages of a day have no order", "%s.%s is a date without a time", collection, name)
	case "dateTime":
		p.local = append(p.local, localField{collection, name})
	}
}

func (p *prober) judgeSpecial(collection, name string, is definition, special, shown string) {
	if !slices.Contains(is.Meta.Special, special) {
		p.miss("set its \"On Create\" in the data model to save the "+shown+", or name another field that does so under fields", "%s.%s is not filled by Directus", collection, name)
		return
	}
	p.ok("%s.%s is filled by Directus", collection, name)
}

// judgeKind reports a field that cannot say that a message is a notice. key is that of the
// configuration.
func (p *prober) judgeKind(key string) judge {
	return func(collection, name string, is definition) {
		const word = "notice"
		fix := "make it a text field (type string) in the data model, name another field as " + key + ", or leave " + key + " out"
		switch {
		case is.Type != "string" && is.Type != "text":
			p.miss(fix, "%s.%s is of type %s and cannot hold the word %s", collection, name, is.Type, word)
		case is.Schema != nil && is.Schema.MaxLength > 0 && is.Schema.MaxLength < int64(len(word)):
			p.miss(fix, "%s.%s holds %d characters and not the word %s", collection, name, is.Schema.MaxLength, word)
		default:
			p.ok("%s.%s can say which messages are notices", collection, name)
		}
	}
}

// judgeNonce reports a nonce that is not unique. or is what else can be done about it.
func (p *prober) judgeNonce(or string) judge {
	return func(collection, name string, is definition) {
		if is.Schema == nil || !is.Schema.IsUnique {
			p.miss("make it unique in the data model"+or, "%s.%s is not unique", collection, name)
			return
		}
		p.ok("%s.%s is unique", collection, name)
	}
}
