package check

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/directus"
)

const (
	// roomsName is what the channels of all rooms are called where their messages are checked.
	roomsName = "rooms"
	// fewRooms is how many rooms are named of those that the user sees.
	fewRooms = 10
)

// roomsChannel makes the messages of all rooms be checked as those of one more channel.
func (p *prober) roomsChannel() {
	r := p.cfg.Rooms
	if r.Collection == "" {
		return
	}
	c := r.Messages.Channel()
	c.Name, c.Filter = roomsName, map[string]any{r.Messages.Room: map[string]any{"_nnull": true}}
	cfg := *p.cfg
	cfg.Channels = append(slices.Clip(cfg.Channels), c)
	p.cfg = &cfg
}

// setupRooms is the command that makes the rooms.
func (p *prober) setupRooms(flags ...string) string {
	return p.setup(p.cfg.Rooms.Messages.Channel(), append([]string{"--rooms"}, flags...)...)
}

// rooms checks the collection of rooms, and says which of them the user sees.
func (p *prober) rooms(ctx context.Context) {
	r := p.cfg.Rooms
	if r.Collection == "" || !p.readable(ctx, r.Collection, giveRole+"let an administrator run "+p.setupRooms()+", or correct rooms.collection in the configuration") {
		return
	}
	p.key(ctx, r.Collection, "id", "")
	fine := p.roomField(ctx, "rooms.fields.name", r.Collection, r.Fields.Name, p.judgeName)
	p.roomField(ctx, "rooms.fields.topic", r.Collection, r.Fields.Topic, judgeTopic)
	fine = p.roomField(ctx, "rooms.fields.archived", r.Collection, r.Fields.Archived, judgeArchived) && fine
	if p.canRead[r.Messages.Collection] && p.roomField(ctx, "rooms.messages.room", r.Messages.Collection, r.Messages.Room, nil) {
		p.roomRelation(ctx, r)
		p.roomless(ctx, r)
	}
	mine := 0
	if r.Fields.Member != "" {
		mine = p.members(ctx, r)
	}
	if fine {
		p.seen(ctx, r, mine)
	}
}

// roomField checks a field of the rooms, or of their messages, that a key of the configuration
// names. It reports whether it can be read, or is none.
func (p *prober) roomField(ctx context.Context, key, collection, name string, judge func(is definition) (fix, wrong string)) bool {
	if name == "" {
		return true
	}
	if err := p.known(ctx, collection, name); err != nil {
		p.miss("create the field and grant read on it ("+p.setupRooms("--extend")+"), or correct "+key, "%s: %s.%s is missing, or this user may not read it: %v", roomsName, collection, name, err)
		return false
	}
	var is definition
	if judge != nil && p.account.Fields(ctx, &is, collection, name) == nil {
		if fix, wrong := judge(is); wrong != "" {
			p.miss(fix+", or correct "+key, "%s: %s.%s %s", roomsName, collection, name, wrong)
			return true
		}
	}
	p.ok("%s: %s.%s can be read", roomsName, collection, name)
	return true
}

func (p *prober) judgeName(is definition) (fix, wrong string) {
	switch {
	case is.Type != "string" && is.Type != "text":
		return "make it a text field (type string) in the data model", "is of type " + is.Type + ", not a name"
	case p.cfg.Rooms.Create && (is.Schema == nil || !is.Schema.IsUnique):
		return "make it unique in the data model, or set rooms.create to false", "is not unique: two who make the same room at once make two"
	}
	return "", ""
}

func judgeTopic(is definition) (fix, wrong string) {
	if is.Type != "string" && is.Type != "text" {
		return "make it a text field in the data model", "is of type " + is.Type + ", not a topic"
	}
	return "", ""
}

func judgeArchived(is definition) (fix, wrong string) {
	switch is.Type {
	case "boolean", "integer", "bigInteger", "string":
		return "", ""
	}
	return "make it a boolean, or a text field that says archived", "is of type " + is.Type + " and never says that a room is archived"
}

// roomRelation checks that the field of the messages leads to the rooms. Directus shows relations to
// those who may read both sides. To others a filter that goes through it tells that there is one.
func (p *prober) roomRelation(ctx context.Context, r config.Rooms) {
	where := r.Messages.Collection + "." + r.Messages.Room
	fix := "make it a many-to-one field that leads to " + r.Collection + " (" + p.setupRooms() + "), or correct rooms.messages.room"
	var is relation
	if p.account.Do(ctx, http.MethodGet, "/relations/"+r.Messages.Collection+"/"+r.Messages.Room, nil, nil, &is) == nil && is.Related != "" {
		if is.Related != r.Collection {
			p.miss(fix, "%s: %s leads to %s, not to %s", roomsName, where, is.Related, r.Collection)
			return
		}
		p.ok("%s: %s leads to %s", roomsName, where, r.Collection)
		return
	}
	var items []json.RawMessage
	err := p.account.Items(ctx, r.Messages.Collection, directus.Query{
		Fields: []string{r.Messages.Fields.ID}, Filter: nested(r.Messages.Room+"."+r.Fields.Name, map[string]any{"_nnull": true}), Limit: 1,
	}, &items)
	if err != nil {
		p.miss(fix, "%s: %s leads to no room: %v", roomsName, where, err)
		return
	}
	p.ok("%s: %s leads to a room", roomsName, where)
}

// roomless notes what becomes of the messages that are in no room.
func (p *prober) roomless(ctx context.Context, r config.Rooms) {
	const filter = "filter: {%s: {_null: true}}"
	shown := false
	for _, c := range p.cfg.Channels {
		if c.Collection != r.Messages.Collection || c.Name == roomsName {
			continue
		}
		shown = true
		if len(c.Filter) == 0 {
			p.note(fmt.Sprintf("to show only those without a room there, give it "+filter, r.Messages.Room), "%s shows the messages of all rooms", c.Name)
		}
	}
	var items []json.RawMessage
	none := directus.Query{Fields: []string{r.Messages.Fields.ID}, Filter: directus.Compare(r.Messages.Room, "_null", true), Limit: 1}
	if err := p.account.Items(ctx, r.Messages.Collection, none, &items); err == nil && !shown && len(items) > 0 {
		p.note(fmt.Sprintf("add a channel on %s with "+filter+", or give them a room in Directus", r.Messages.Collection, r.Messages.Room), "there are messages without a room, which no channel shows")
	}
}

// seen says which rooms the user sees, and by which names.
func (p *prober) seen(ctx context.Context, r config.Rooms, mine int) {
	fields := []string{"id", r.Fields.Name}
	if r.Fields.Archived != "" {
		fields = append(fields, r.Fields.Archived)
	}
	var items []map[string]any
	if err := p.account.Items(ctx, r.Collection, directus.Query{Fields: fields, Sort: []string{"id"}, Limit: r.Limit + 1}, &items); err != nil {
		p.miss("mend what the message of Directus says", "%s: they cannot be read: %v", roomsName, err)
		return
	}
	if len(items) > r.Limit {
		p.note("raise rooms.limit", "%s: this user may read more than the %d of rooms.limit, and is told of the first ones", roomsName, r.Limit)
		items = items[:r.Limit]
	}
	all := len(items)
	items = slices.DeleteFunc(items, func(item map[string]any) bool { return p.names != nil && p.names.Archived(item[r.Fields.Archived]) })
	if len(items) == 0 {
		p.note("make one in the Directus app, or by JOIN of a new name if rooms.create is set; if there are some, grant read on them", "%s: this user sees none", roomsName)
		return
	}
	said := fmt.Sprintf("%s: this user sees %d", roomsName, len(items))
	if archived := all - len(items); archived > 0 {
		said += fmt.Sprintf(", and not the %d that are archived", archived)
	}
	if mine > 0 {
		said += fmt.Sprintf(", and is a member of %d", mine)
	}
	p.ok("%s%s", said, p.called(r, items))
}

// called names the channels of some rooms, and notes names that are not to be had.
func (p *prober) called(r config.Rooms, items []map[string]any) string {
	if p.names == nil {
		return ""
	}
	first := map[string]string{}
	for _, c := range p.cfg.Channels {
		first[c.Name] = "the channel " + c.Name
	}
	var list []string
	for _, item := range items {
		name, _ := item[r.Fields.Name].(string)
		channel := p.names.Room(name)
		id := keyOf(item["id"])
		switch {
		case channel == "":
			p.note("give it a name with a letter or a digit", "%s: the name of item %s makes no name of a channel, so it gets a number for one", roomsName, id)
			channel = "one with a number"
		case first[channel] != "":
			p.note("give one of them another name", "%s: item %s comes to the name %s, which %s has: it gets digits of its key behind it", roomsName, id, channel, first[channel])
			channel += "-…"
		default:
			first[channel] = "item " + id
		}
		list = append(list, channel)
	}
	more := ""
	if len(list) > fewRooms {
		list, more = list[:fewRooms], ", …"
	}
	return ": " + strings.Join(list, ", ") + more
}

// roomRights checks what the user may do with the rooms.
func (p *prober) roomRights(ctx context.Context, granted directus.Permissions) {
	r := p.cfg.Rooms
	if !p.canRead[r.Collection] {
		return
	}
	p.memberRights(ctx, granted)
	may := granted[r.Collection]
	if r.Create {
		p.creates(ctx, demand{where: roomsName, collection: r.Collection, written: []string{r.Fields.Name}, presets: may["create"].Presets, lost: "no room can be made"})
	}
	if granted == nil {
		return
	}
	grant := func(action string) string {
		return "grant " + action + " on " + r.Collection + " if this user should be able to: " + p.setupRooms()
	}
	if r.Create && (!may["create"].Allowed() || len(may["create"].Refused(r.Fields.Name)) > 0) {
		p.note(grant("create"), "%s: this user may not make rooms", roomsName)
	}
	for what, field := range map[string]string{"rename rooms": r.Fields.Name, "change topics": r.Fields.Topic} {
		if field != "" && (!may["update"].Allowed() || len(may["update"].Refused(field)) > 0) {
			p.note(grant("update"), "%s: this user may not %s (%s.%s)", roomsName, what, r.Collection, field)
		}
	}
	if may["read"].Access == "partial" && granted[r.Messages.Collection]["read"].Access == "full" {
		p.note("restrict the permission to read "+r.Messages.Collection+" to the rooms that people may read: "+p.setupRooms()+" says how", "%s: over the Directus API this user can read the messages of rooms that they may not read, though not on IRC", roomsName)
	}
}
