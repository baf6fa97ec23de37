package check

import (
	"context"
	"encoding/json"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/directus"
)

// extras checks the optional parts of a channel: replies, files, topic, reactions.
func (p *prober) extras(ctx context.Context, c config.Channel) {
	var fields []judgedField
	for _, name := range []string{c.Fields.Reply, c.SoftDelete.Field} {
		if name != "" {
			fields = append(fields, judgedField{name, nil})
		}
	}
	p.fields(ctx, c.Collection, fields, p.setup(c, "--extend --replies"))
	if c.Fields.Files != "" {
		p.files(ctx, c)
	}
	if c.TopicItem.Collection != "" {
		p.topic(ctx, c)
	}
	p.reactions(ctx, c, c.Reactions, "--reactions", "reactions")
}

// files checks that this user can read the names of files. A field holds one file, or
// several through a junction collection. It tries the fields in a filter, because in the
// list of fields Directus may ignore those that are unknown or not readable.
func (p *prober) files(ctx context.Context, c config.Channel) {
	known := func(path string) error {
		var items []json.RawMessage
		return p.account.Items(ctx, c.Collection, directus.Query{Fields: []string{c.Fields.ID}, Filter: nested(c.Fields.Files+path, map[string]any{"_nnull": true}), Limit: 1}, &items)
	}
	if known(".filename_download") == nil || known(".directus_files_id.filename_download") == nil {
		p.ok("%s.%s: the names of files can be read", c.Collection, c.Fields.Files)
		return
	}
	err := known("")
	if err == nil || known(".id") == nil {
		p.note("grant read on directus_files: "+p.setup(c, "--files"), "%s.%s: the names of files cannot be read, so people see only links", c.Collection, c.Fields.Files)
		return
	}
	p.miss("create the field and grant read on it ("+p.setup(c, "--files")+"), or set fields.files to \"\"", "%s.%s is missing, or this user may not read it: %v", c.Collection, c.Fields.Files, err)
}

// nested is a filter on a field at the end of a path of relations.
func nested(path string, condition map[string]any) directus.Filter {
	filter := condition
	for path != "" {
		i := len(path) - 1
		for i >= 0 && path[i] != '.' {
			i--
		}
		filter = map[string]any{path[i+1:]: filter}
		path = path[:max(i, 0)]
	}
	return filter
}

func (p *prober) topic(ctx context.Context, c config.Channel) {
	t := c.TopicItem
	var items []json.RawMessage
	err := p.account.Items(ctx, t.Collection, directus.Query{Fields: []string{"id", t.Field}, Filter: directus.Eq("id", t.ID), Limit: 1}, &items)
	switch {
	case err != nil:
		p.miss("grant read on it, or correct topic_item in the configuration", "%s: the topic in %s.%s cannot be read: %v", c.Name, t.Collection, t.Field, err)
	case len(items) == 0:
		p.miss("create the item, or correct topic_item in the configuration", "%s: %s has no item %s, or this user may not read it", c.Name, t.Collection, t.ID)
	default:
		p.ok("%s: the topic can be read", c.Name)
	}
}

// reactions checks where reactions are stored. c is a channel for the command line of setup, flags
// are those that make the collection, and key names it in the configuration.
func (p *prober) reactions(ctx context.Context, c config.Channel, r config.Reactions, flags, key string) {
	name := config.ReactionFields
	p.store(ctx, c, r.Collection, flags, key, []judgedField{
		{name.Message, nil}, {name.Text, nil}, {name.Author, p.judgeAuthor}, {name.Date, p.judgeDate},
	})
}

// privateReactions are the flags of setup that make the collection of reactions to private messages.
const privateReactions = "--private --reactions"

func (p *prober) private(ctx context.Context) {
	first, name := p.cfg.Channels[0], config.PrivateFields
	fields := []judgedField{
		{name.Text, p.judgeText(p.setup(first, "--private --widen"))}, {name.Sender, p.judgeAuthor},
		{name.Recipient, nil}, {name.Date, p.judgeDate}, {name.Nonce, p.judgeNonce("")},
	}
	if kind := p.cfg.Private.Kind; kind != "" {
		fields = append(fields, judgedField{kind, p.judgeKind("private.kind")})
	}
	p.store(ctx, first, p.cfg.Private.Collection, "--private", "private", fields)
	p.reactions(ctx, first, p.cfg.Private.Reactions, privateReactions, "private.reactions")
}

func (p *prober) markers(ctx context.Context) {
	name := config.MarkerFields
	p.store(ctx, p.cfg.Channels[0], p.cfg.Markers.Collection, "--read-markers", "read_markers", []judgedField{
		{name.Target, nil}, {name.Date, nil}, {name.User, p.judgeAuthor},
	})
}

// store checks a collection that setup makes with a flag, if key of the configuration names one.
// c is a channel for the command line of setup.
func (p *prober) store(ctx context.Context, c config.Channel, collection, flag, key string, fields []judgedField) {
	if collection == "" || !p.readable(ctx, collection, p.runSetup(c, flag)+", or remove "+key+" from the configuration") {
		return
	}
	p.key(ctx, collection, "id", "")
	p.fields(ctx, collection, fields, p.setup(c, flag+" --extend"))
}
