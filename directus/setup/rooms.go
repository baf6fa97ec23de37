package setup

import (
	"context"
	"fmt"
	"net/http"

	"directus-ircd/directus"
)

// Names of what the rooms are made of.
const (
	roomsCollection   = "rooms"
	membersCollection = "rooms_members"
	roomField         = "room" // of the messages
	nameField         = "name"
	topicField        = "topic"
	archivedField     = "archived"
	closedField       = "members_only"
	membersField      = "members" // of the rooms, many to many
	roomMember        = "rooms_id"
	userMember        = "directus_users_id"
)

// nameLength is the length of the name of a room, in characters: more than the name of a channel can have.
const nameLength = 64

// rooms is what the configuration says of the rooms.
type rooms struct {
	Collection string       `yaml:"collection"`
	Fields     roomFields   `yaml:"fields,flow"`
	Messages   roomMessages `yaml:"messages"`
	Join       string       `yaml:"join"`
	Create     bool         `yaml:"create"`
}

// roomFields names the fields of the rooms; a name is empty if there is no such field.
type roomFields struct {
	Name     string `yaml:"name"`
	Topic    string `yaml:"topic,omitempty"`
	Archived string `yaml:"archived,omitempty"`
	Member   string `yaml:"member,omitempty"`
}

type roomMessages struct {
	Collection string      `yaml:"collection"`
	Room       string      `yaml:"room"`
	Fields     Fields      `yaml:"fields,flow"`
	Correct    bool        `yaml:"corrections,omitempty"`
	Reactions  *collection `yaml:"reactions,flow,omitempty"`
}

// rooms makes the collection of the rooms and the relation from the messages to it. Where Directus grants rights on single
// items, a room can be open to its members alone.
func (r *run) rooms(ctx context.Context) error {
	licensed, err := r.licensed(ctx)
	if err != nil {
		return err
	}
	keyType := "integer"
	good, err := r.keep(ctx, store{name: roomsCollection, instead: renameCollection, icon: "meeting_room", note: "Rooms of the chat", parts: roomParts(),
		inspect: func(found []field) { keyType = r.inspectRoomKey(found) }})
	if err != nil {
		return err
	}
	fields := roomFields{Name: nameField}
	if good(topicField) {
		fields.Topic = topicField
	}
	if good(archivedField) {
		fields.Archived = archivedField
	}
	// With the room its messages go. Without one they would be everybody's.
	_, err = r.parts(ctx, store{name: r.opts.Collection, parts: []part{toRooms(roomField, keyType)}}, true)
	if err != nil {
		return err
	}
	r.report.note("messages without a room, such as those of before, are shown in the channel #%s; a room is made in the Directus app, or by JOIN of a new name", r.opts.Collection)
	if licensed {
		fields.Member = membersField
		err = r.closable(ctx, keyType)
	} else {
		err = r.open(ctx)
	}
	r.report.rooms = &fields
	return err
}

func roomParts() []part {
	author := toUsers(authorField("user_created"), checkAuthor)
	author.without = "nobody knows who made a room"
	return []part{
		{check: checkName, body: object{"field": nameField, "type": "string",
			"schema": object{"is_unique": true, "is_nullable": false, "max_length": nameLength},
			"meta":   object{"interface": "input", "required": true, "note": "The channel is # and this name"}}},
		{check: checkText, without: "rooms have no topic", body: object{"field": topicField, "type": "text", "schema": object{}, "meta": object{"interface": "input"}}},
		{check: checkYes, without: "rooms cannot be archived, only deleted",
			body: yesField(archivedField, "Hides the room and keeps its messages")},
		author,
		{check: checkDate, without: "nobody knows when a room was made", body: dateField("date_created")},
	}
}

func yesField(name, note string) object {
	return object{"field": name, "type": "boolean", "schema": object{"default_value": false, "is_nullable": false},
		"meta": object{"special": []string{"cast-boolean"}, "interface": "boolean", "note": note}}
}

// toRooms is a field that points to a room.
func toRooms(name, keyType string) part {
	return part{target: roomsCollection, onDelete: "CASCADE", check: checkAny, body: object{
		"field": name, "type": keyType, "schema": object{},
		"meta": object{"special": []string{"m2o"}, "interface": "select-dropdown-m2o",
			"options": object{"template": "{{" + nameField + "}}"}, "display": "related-values"},
	}}
}

// inspectRoomKey returns the type of the primary key of rooms that exist, which the fields that point to them have too.
func (r *run) inspectRoomKey(fields []field) (keyType string) {
	for _, f := range fields {
		if !f.is("is_primary_key") {
			continue
		}
		if keyType = f.Type; f.special("uuid") {
			keyType = "uuid" // the type may be string in SQLite
		}
		if step := (Step{What: "primary key " + roomsCollection + "." + f.Field, Status: Differs, Fix: renameCollection}); f.Field != "id" {
			step.Detail = "its name is not id"
			r.report.add(step)
		} else if !f.is("has_auto_increment") && !f.special("uuid") {
			step.Detail = "nothing fills it in, so no room could be made from IRC"
			r.report.add(step)
		}
	}
	return keyType
}

// checkName checks that a field can hold the names of rooms. Two people who make the same room at once are told apart only
// where it is unique.
func checkName(f field) finding {
	if f.Type != "string" && f.Type != "text" {
		return finding{Differs, fmt.Sprintf("it is of type %s, not string", f.Type), renameCollection}
	}
	if !f.is("is_unique") {
		return finding{Limited, "it is not unique, so two who make a room at once make two of the same name", "make it unique in the Directus app"}
	}
	return finding{}
}

func checkYes(f field) finding {
	if f.Type != "boolean" && f.Type != "integer" && f.Type != "string" {
		return finding{Differs, fmt.Sprintf("not used: it is of type %s, not boolean", f.Type), "make another field that says by true that a room is archived, and name it in the configuration"}
	}
	return finding{}
}

// open lets everybody with the role into every room.
func (r *run) open(ctx context.Context) error {
	r.report.add(Step{What: "members of rooms", Status: Limited,
		Detail: "left out: this Directus has no licence for permissions on single items, so every room is open to everybody with the role",
		Fix:    "if some rooms are not for all: add a licence key, delete the permissions on " + roomsCollection + " and to read " + r.opts.Collection + ", and run setup again"})
	r.report.note("everybody with the role may read, make, rename, describe and archive every room")
	return r.permit(ctx, roomsCollection, "read", "create", "update")
}

// closable lets people see the rooms that are open, that they have made, or that they are members of.
func (r *run) closable(ctx context.Context, keyType string) error {
	if _, err := r.parts(ctx, store{name: roomsCollection, parts: []part{
		{check: checkYes, body: yesField(closedField, "Only its members and its maker see the room")},
	}}, true); err != nil {
		return err
	}
	user := object{"field": userMember, "type": "uuid", "schema": object{}, "meta": object{"special": []string{"m2o"}, "interface": "select-dropdown-m2o",
		"options": object{"template": "{{first_name}} {{last_name}}"}, "display": "user"}}
	room := toRooms(roomMember, keyType)
	room.meta = object{"one_field": membersField, "junction_field": userMember}
	if _, err := r.keep(ctx, store{name: membersCollection, instead: renameCollection, icon: "group", note: "Members of the rooms", parts: []part{
		room, {body: user, check: checkRecipient, target: "directus_users", onDelete: "CASCADE", meta: object{"junction_field": roomMember}},
	}}); err != nil {
		return err
	}
	if err := r.memberList(ctx); err != nil {
		return err
	}
	r.report.closable = true
	r.report.note("only its maker and its members see a room whose field %s is set. Administrators add members, in the Directus app or by INVITE. "+
		"Whoever else may create %s can add themselves to any room", closedField, membersCollection)
	r.report.note("Directus applies no such rule to what is created: over its API, people with the role can write into rooms that they may not read")
	if err := r.permit(ctx, roomsCollection, "create"); err != nil {
		return err
	}
	return r.seeRooms(ctx)
}

// memberList makes the field of the rooms that lists the members. It has no column.
func (r *run) memberList(ctx context.Context) error {
	step := Step{What: fieldName(roomsCollection, membersField), Status: Present}
	var found field
	err := r.get(ctx, "/fields/"+roomsCollection+"/"+membersField, nil, &found)
	switch {
	case directus.IsCode(err, directus.CodeForbidden): // to an administrator, this means that it does not exist
		step.Status = Created
		return r.change(ctx, step, http.MethodPost, "/fields/"+roomsCollection, object{"field": membersField, "type": "alias", "schema": nil,
			"meta": object{"special": []string{"m2m"}, "interface": "list-m2m", "display": "related-values"}})
	case err != nil:
		return fmt.Errorf("look for the %s: %w", step.What, err)
	case !found.special("m2m"):
		step.Status, step.Detail, step.Fix = Differs, "it is no many-to-many relation", "rename it in the Directus app, so that setup can make another one"
	}
	r.report.add(step)
	return nil
}

// seen matches the rooms that the current user sees.
func seen() object {
	return object{"_or": []object{
		{closedField: object{"_eq": false}}, own("user_created"), {membersField: own(userMember)},
	}}
}

// allRooms is what is told where a permission that exists covers more than the rooms that somebody sees.
const allRooms = "the permission to %s %s covers those of rooms for members only as well. It is older, and setup changes none: to restrict it, " +
	"delete it in the Directus app (Access Policies) and run setup again"

// seeRooms grants what people may do with the rooms that they see.
func (r *run) seeRooms(ctx context.Context) error {
	for _, want := range []rule{
		{collection: roomsCollection, action: "read", fields: []string{"*"}, items: seen()},
		{collection: roomsCollection, action: "update", fields: []string{nameField, topicField, archivedField}, items: seen()},
		{collection: membersCollection, action: "read", fields: []string{"*"}, items: object{"_or": []object{own(userMember), {roomMember: seen()}}}},
	} {
		want.which = "of rooms that they see"
		if err := r.permitNarrow(ctx, want, fmt.Sprintf(allRooms, want.action, want.collection)); err != nil {
			return err
		}
	}
	return nil
}

// readMessages lets people read the messages of the rooms that they see, and those without a room.
func (r *run) readMessages(ctx context.Context) error {
	if !r.report.closable {
		return r.permit(ctx, r.opts.Collection, "read")
	}
	want := rule{collection: r.opts.Collection, action: "read", fields: []string{"*"}, which: "of rooms that they see",
		items: object{"_or": []object{{roomField: object{"_null": true}}, {roomField: seen()}}}}
	return r.permitNarrow(ctx, want, fmt.Sprintf(allRooms, want.action, want.collection))
}
