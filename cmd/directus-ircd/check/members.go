package check

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/directus"
)

// memberUser is the field of the memberships with the user; that with the room is memberRoom.
const memberUser = "directus_users_id"

func memberRoom(r config.Rooms) string { return r.Collection + "_id" }

// relation is a relation as GET /relations and GET /relations/<collection>/<field> describe it.
// Directus shows it to those who may read both sides.
type relation struct {
	Collection string `json:"collection"`
	Field      string `json:"field"`
	Related    string `json:"related_collection"`
	Meta       struct {
		Listed string `json:"one_field"` // the field of the related collection that lists the items
	} `json:"meta"`
}

// members tries all that the daemon does with the memberships of rooms, but for storing one. It
// returns of how many rooms the user is a member, and -1 if that cannot be found.
func (p *prober) members(ctx context.Context, r config.Rooms) int {
	if !p.memberRelation(ctx, r) {
		return -1
	}
	name := r.MembersCollection()
	if !p.readable(ctx, name, "grant read on it ("+p.setupRooms()+"), or set rooms.members to the collection that "+r.Collection+"."+r.Fields.Member+" leads to, or rooms.fields.member to \"\" if there is none") {
		return -1
	}
	p.key(ctx, name, "id", "")
	hasRoom, hasUser := p.memberField(ctx, name, memberRoom(r), r.Collection), p.memberField(ctx, name, memberUser, "directus_users")
	p.memberships = hasRoom && hasUser
	mine := p.member(ctx, r)
	if mine < 0 || !p.memberships {
		return mine
	}
	var items []json.RawMessage
	if err := p.account.Items(ctx, name, directus.Query{Fields: []string{"id"}, Filter: directus.Eq(memberUser, p.account.ID()), Limit: r.Limit}, &items); err != nil {
		p.miss("mend what the message of Directus says", "%s: the memberships of this user cannot be read: %v", roomsName, err)
	} else if len(items) != mine {
		p.note("delete memberships that are there twice, or let this user read the rooms of all of them", "%s: this user has %d memberships in %s, and finds %d rooms by them", roomsName, len(items), name, mine)
	}
	return mine
}

// memberRelation checks that the field with the members is a list of memberships, and that they are
// in the collection that the configuration names, as far as Directus tells this user.
func (p *prober) memberRelation(ctx context.Context, r config.Rooms) bool {
	where, name := r.Collection+"."+r.Fields.Member, r.MembersCollection()
	const many = "make another field that is a many-to-many relation to directus_users, and name it as rooms.fields.member"
	var is definition
	if p.account.Fields(ctx, &is, r.Collection, r.Fields.Member) == nil && is.Type != "alias" && is.Type != "" {
		p.miss(many, "%s: %s is of type %s, which holds one member at most", roomsName, where, is.Type)
		return false
	}
	var all []relation
	_ = p.account.Do(ctx, http.MethodGet, "/relations", nil, nil, &all) // an error leaves none
	i := slices.IndexFunc(all, func(has relation) bool {
		return has.Related == r.Collection && has.Meta.Listed == r.Fields.Member
	})
	if i < 0 {
		return true
	}
	switch found := all[i]; {
	case found.Collection == "directus_users":
		p.miss(many, "%s: %s leads to the users themselves, so that nobody can be a member of two rooms", roomsName, where)
	case found.Collection != name:
		p.miss("set rooms.members to "+found.Collection, "%s: %s leads to %s, not to %s", roomsName, where, found.Collection, name)
	case found.Field != memberRoom(r):
		p.miss("give "+name+" a many-to-one field to "+r.Collection+" of the name "+memberRoom(r)+", and make "+where+" lead to that", "%s: %s goes by %s.%s, not by %s.%s", roomsName, where, name, found.Field, name, memberRoom(r))
	default:
		p.ok("%s: %s leads to %s", roomsName, where, name)
		return true
	}
	return false
}

// memberField reports whether there is a field of the memberships, and it leads to a collection.
func (p *prober) memberField(ctx context.Context, collection, field, leads string) bool {
	where := collection + "." + field
	if err := p.known(ctx, collection, field); err != nil {
		p.miss("give it a many-to-one field of this name that leads to "+leads+", and grant read on that ("+p.setupRooms("--extend")+"); or correct rooms.members", "%s: %s is missing, or this user may not read it: %v", roomsName, where, err)
		return false
	}
	var is relation
	if p.account.Do(ctx, http.MethodGet, "/relations/"+collection+"/"+field, nil, nil, &is) == nil && is.Related != "" && is.Related != leads {
		p.miss("make it lead to "+leads, "%s: %s leads to %s, not to %s", roomsName, where, is.Related, leads)
		return false
	}
	p.ok("%s: %s can be read", roomsName, where)
	return true
}

// member tries the filter by which the daemon finds the rooms that a user is a member of, and
// returns how many there are; -1 if they cannot be found.
func (p *prober) member(ctx context.Context, r config.Rooms) int {
	var items []json.RawMessage
	err := p.account.Items(ctx, r.Collection, directus.Query{
		Fields: []string{"id"}, Filter: nested(r.Fields.Member+"."+memberUser, map[string]any{"_eq": "$CURRENT_USER"}), Limit: r.Limit,
	}, &items)
	if err != nil {
		p.miss("make it a many-to-many relation to directus_users whose junction has the field directus_users_id, and grant read on the junction ("+p.setupRooms()+"); or set rooms.fields.member to \"\"",
			"%s: the members in %s.%s cannot be found: %v", roomsName, r.Collection, r.Fields.Member, err)
		return -1
	}
	return len(items)
}

// memberRights checks whether the user's INVITE can make members.
func (p *prober) memberRights(ctx context.Context, granted directus.Permissions) {
	r, name := p.cfg.Rooms, p.cfg.Rooms.MembersCollection()
	if !p.memberships {
		return
	}
	written := []string{memberRoom(r), memberUser}
	may := granted[name]["create"]
	p.creates(ctx, demand{where: roomsName, collection: name, written: written, presets: may.Presets, lost: "INVITE can add no member"})
	switch {
	case granted == nil:
	case may.Allowed() && len(may.Refused(written...)) == 0:
		p.ok("%s: this user can add members by INVITE", roomsName)
	default:
		p.note("grant create on "+name+" if this user should be able to: whoever may do so can become a member of any room", "%s: this user may not add members by INVITE", roomsName)
	}
}
