package check

import (
	"context"
	"strings"

	"directus-ircd/directus"
)

// nick says how the user is called on IRC, so that bots can be told. Whether somebody else has
// that nick or account name is known to the daemon alone.
func (p *prober) nick(ctx context.Context) {
	if p.names == nil {
		return
	}
	field, fields := p.cfg.Users.Account, append([]string{"id"}, p.cfg.Nick...)
	what := "nick and account name"
	if field != "" {
		fields, what = append(fields, field), "nick"
	}
	me, err := p.account.Me(ctx, fields)
	if err != nil {
		return // reported with the names of users
	}
	switch plain, numbered := p.names.Nicks(me, p.cfg.Nick); {
	case plain == "":
		p.ok("the %s of this user is %s, or has more digits", what, numbered)
	default:
		p.ok("the %s of this user is %s, written so, or %s if somebody else has or had that", what, plain, numbered)
	}
	if field == "" {
		return
	}
	switch value := me.String(field); {
	case me[field] == nil:
		p.ok("the account name of this user is the nick: this user has no %s", field)
	case !p.names.IsAccountName(value): // it may be an e-mail address, and is not printed
		p.note("give this user one of letters, digits, dots, hyphens and underscores, or none", "the account name of this user is the nick: the %s of this user cannot be one on IRC", field)
	default:
		p.ok("the account name of this user is %s, or the nick if somebody else had that as nick or account name", value)
	}
}

// users checks that the fields of users can be read that the daemon shows.
func (p *prober) users(ctx context.Context) {
	if _, err := p.account.Users(ctx, directus.Query{Fields: append([]string{"id"}, p.cfg.Nick...), Limit: 1}); err != nil {
		p.miss("grant read on directus_users for these fields: "+giveRole+p.runSetup(p.cfg.Channels[0]), "the names of users cannot be read (%s): %v", strings.Join(p.cfg.Nick, ", "), err)
		return
	}
	p.ok("the names of users can be read (%s)", strings.Join(p.cfg.Nick, ", "))
	if p.cfg.Users.Account != "" {
		p.accounts(ctx, p.cfg.Users.Account)
	}
}

// accounts checks the field that users.account names: it has to say of everybody who they are.
func (p *prober) accounts(ctx context.Context, field string) {
	const or = ", or leave users.account out, so that account names are the nicks"
	_, err := p.account.Users(ctx, directus.Query{Fields: []string{"id", field}, Filter: directus.Compare(field, "_nnull", true), Limit: 1})
	if err != nil {
		p.miss("make it a unique text field of directus_users, and grant read on it to the people who chat"+or, "users.account: directus_users.%s is missing, or this user may not read it: %v", field, err)
		return
	}
	var is definition
	switch err := p.account.Fields(ctx, &is, "directus_users", field); {
	case err != nil:
		p.note("run check with the login of an administrator", "users.account: it is not known whether directus_users.%s is unique", field)
	case is.Type != "string":
		p.miss("name a text field (type string)"+or, "users.account: directus_users.%s is of type %s", field, is.Type)
	case is.Schema == nil || !is.Schema.IsUnique:
		p.miss("make it unique in the data model"+or, "users.account: directus_users.%s is not unique, so two people could claim one account name", field)
	default:
		p.ok("users.account: directus_users.%s can be read and is unique", field)
	}
}

// accountRights checks that users cannot choose their account names themselves.
func (p *prober) accountRights(ctx context.Context, granted directus.Permissions) {
	field := p.cfg.Users.Account
	if field == "" {
		return
	}
	update := granted["directus_users"]["update"]
	if !update.Allowed() || len(update.Refused(field)) > 0 {
		p.ok("users.account: this user cannot change directus_users.%s", field)
		return
	}
	if admin, err := p.account.Administrator(ctx); admin || err != nil {
		p.note("run check with the login of a user who will chat", "users.account: it is not known whether users can change directus_users.%s themselves", field)
		return
	}
	p.miss("take the field out of what the policies of this user let them update in directus_users", "users.account: this user may change directus_users.%s, and so pass for somebody who has not chatted yet", field)
}
