package check

import (
	"context"
	"encoding/json"
	"slices"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/directus"
)

// roomsName is what the channels of all rooms are called where their messages are checked.
const roomsName = "rooms"

// rooms checks the collection of rooms. Their messages are checked as those of one more channel.
func (p *prober) rooms(ctx context.Context) {
	r := p.cfg.Rooms
	if r.Collection == "" {
		return
	}
	c := r.Messages.Channel()
	c.Name, c.Filter = roomsName, map[string]any{r.Messages.Room: map[string]any{"_nnull": true}}
	cfg := *p.cfg
	cfg.Channels = append(slices.Clip(cfg.Channels), c)
	p.cfg = &cfg
	for _, field := range []struct{ key, collection, name string }{
		{"rooms.collection", r.Collection, "id"}, {"rooms.fields.name", r.Collection, r.Fields.Name},
		{"rooms.fields.topic", r.Collection, r.Fields.Topic}, {"rooms.fields.archived", r.Collection, r.Fields.Archived},
		{"rooms.messages.room", r.Messages.Collection, r.Messages.Room},
	} {
		if field.name == "" {
			continue
		}
		var items []json.RawMessage
		err := p.account.Items(ctx, field.collection, directus.Query{Fields: []string{field.name}, Limit: 1}, &items)
		if err != nil {
			p.miss("create the field and grant read on it, or correct "+field.key, "%s: %s.%s cannot be read: %v", roomsName, field.collection, field.name, err)
			return
		}
	}
	if r.Fields.Member != "" && !p.member(ctx, r) {
		return
	}
	p.ok("%s: %s can be read", roomsName, r.Collection)
}

// member tries the filter by which the daemon finds the rooms that a user is a member of.
func (p *prober) member(ctx context.Context, r config.Rooms) bool {
	var items []json.RawMessage
	err := p.account.Items(ctx, r.Collection, directus.Query{
		Fields: []string{"id"}, Filter: nested(r.Fields.Member+".directus_users_id", map[string]any{"_eq": "$CURRENT_USER"}), Limit: 1,
	}, &items)
	if err != nil {
		p.miss("make it a many-to-many relation to directus_users whose junction has the field directus_users_id, and grant read on the junction; or set rooms.fields.member to \"\"",
			"%s: the members in %s.%s cannot be found: %v", roomsName, r.Collection, r.Fields.Member, err)
	}
	return err == nil
}
