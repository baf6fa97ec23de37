package check

import (
	"context"
	"maps"
	"slices"
	"strings"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/directus"
)

// rights checks what this user may write. It reads the permissions, because an attempt would
// send a message.
func (p *prober) rights(ctx context.Context) {
	granted, err := p.account.Permissions(ctx)
	p.creatable(ctx, granted)
	p.roomRights(ctx, granted)
	p.write(ctx, granted)
	if err != nil || granted == nil {
		p.note("send a message to find out: this Directus does not list permissions (10 never does)", "it is not known whether this user may write")
		return
	}
	for _, c := range p.cfg.Channels {
		if !p.canRead[c.Collection] {
			continue // reported already; the collection may not exist
		}
		wanted := append(slices.Sorted(maps.Keys(c.Set)), c.Fields.Text)
		for _, name := range []string{c.Fields.Nonce, c.Fields.Reply, c.Fields.Kind} {
			if name != "" {
				wanted = append(wanted, name)
			}
		}
		p.may(granted, c.Name, "write to", c.Collection, "create", wanted, p.runSetup(c))
		p.mayDelete(granted, c)
		if t := c.TopicItem; t.Collection != "" && (!granted[t.Collection]["update"].Allowed() || len(granted[t.Collection]["update"].Refused(t.Field)) > 0) {
			p.note("grant update on it if this user should be able to set the topic", "%s: this user may not change the topic (%s.%s)", c.Name, t.Collection, t.Field)
		}
		p.mayReact(granted, c.Name, c, c.Reactions, "--reactions")
	}
	p.privateRights(granted)
	p.accountRights(ctx, granted)
	p.tokens(granted)
	p.links(ctx, granted)
	if m := p.cfg.Markers; p.canRead[m.Collection] {
		fix := p.runSetup(p.cfg.Channels[0], "--read-markers")
		p.may(granted, "read markers", "write to", m.Collection, "create", []string{config.MarkerFields.Target, config.MarkerFields.Date}, fix)
		p.may(granted, "read markers", "change", m.Collection, "update", []string{config.MarkerFields.Date}, fix)
	}
}

// may reports whether this user has a permission that the daemon needs, with its fields.
func (p *prober) may(granted directus.Permissions, where, verb, collection, action string, fields []string, fix string) {
	g := granted[collection][action]
	refused := g.Refused(fields...)
	switch {
	case !g.Allowed():
		p.miss("grant "+action+" on it: "+fix, "%s: this user may not %s %s", where, verb, collection)
	case len(refused) > 0:
		p.miss("grant "+action+" on these fields too: "+fix, "%s: this user may not write %s of %s", where, strings.Join(refused, ", "), collection)
	default:
		p.ok("%s: this user may %s %s", where, verb, collection)
	}
}

// mayReact reports whether this user can store and remove reactions. c and flags are for the command
// line of setup.
func (p *prober) mayReact(granted directus.Permissions, where string, c config.Channel, r config.Reactions, flags string) {
	if !p.canRead[r.Collection] {
		return
	}
	p.may(granted, where, "react in", r.Collection, "create", []string{config.ReactionFields.Message, config.ReactionFields.Text}, p.runSetup(c, flags))
	if !granted[r.Collection]["delete"].Allowed() {
		p.note("grant delete on own reactions: "+p.setup(c, flags), "%s: this user cannot remove reactions", where)
	}
}

// mayDelete reports whether this user can correct and delete own messages.
func (p *prober) mayDelete(granted directus.Permissions, c config.Channel) {
	fix := "grant it for own messages if you want that: " + p.setup(c, "--edit")
	update, remove := granted[c.Collection]["update"], granted[c.Collection]["delete"]
	if c.Correct && (!update.Allowed() || len(update.Refused(c.Fields.Text)) > 0) {
		p.miss(fix+", or set corrections to false", "%s: this user may not correct messages (update on %s.%s)", c.Name, c.Collection, c.Fields.Text)
	}
	if c.SoftDelete.Field != "" {
		if !update.Allowed() || len(update.Refused(c.SoftDelete.Field)) > 0 {
			p.note(fix, "%s: this user cannot delete messages (update on %s.%s)", c.Name, c.Collection, c.SoftDelete.Field)
		}
		return
	}
	if !remove.Allowed() {
		p.note(fix, "%s: this user cannot delete messages", c.Name)
	}
}

func (p *prober) privateRights(granted directus.Permissions) {
	m := p.cfg.Private
	if !p.canRead[m.Collection] {
		return
	}
	f := config.PrivateFields
	wanted := []string{f.Text, f.Recipient, f.Nonce}
	if m.Kind != "" {
		wanted = append(wanted, m.Kind)
	}
	p.may(granted, "private messages", "write to", m.Collection, "create", wanted, p.runSetup(p.cfg.Channels[0], "--private"))
	p.mayReact(granted, "private messages", p.cfg.Channels[0], m.Reactions, privateReactions)
	if granted[m.Collection]["read"].Access == "full" {
		p.note("restrict the permission to read "+m.Collection+" to sender and recipient in the Directus app, which needs a licence on Directus 12", "private messages: this user can read those of everybody over the Directus API")
	}
}
