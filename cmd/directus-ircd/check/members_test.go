package check

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
)

// All that the daemon does with memberships is tried, and each mistake is told with what to do.
func TestCheckOfMembers(t *testing.T) {
	relations := func(d *deployment, collection, field string) {
		d.answer("/relations", http.StatusOK, `{"data":[{"collection":"messages","field":"room","related_collection":"rooms","meta":null},
			{"collection":"`+collection+`","field":"`+field+`","related_collection":"rooms","meta":{"one_field":"members"}}]}`)
	}
	for _, test := range []struct {
		what   string
		change func(d *deployment, r *config.Rooms)
		want   []string
	}{
		{"as it should be", func(d *deployment, _ *config.Rooms) { relations(d, "rooms_members", "rooms_id") }, []string{
			"ok       rooms: rooms.members leads to rooms_members", "ok       rooms: rooms_members.rooms_id can be read", "ok       rooms: rooms_members.directus_users_id can be read",
			"ok       rooms: this user can add members by INVITE", "ok       rooms: this user sees 2, and is a member of 1", "!MISSING"}},
		{"member of none", func(d *deployment, _ *config.Rooms) { d.fake.Remove("rooms_members", "1") }, []string{"sees 2: ", "!MISSING", "!is a member of"}},
		{"no relation of this name", func(_ *deployment, r *config.Rooms) { r.Fields.Member = "people" }, []string{
			"MISSING  the collection rooms_people is missing", "or rooms.fields.member to \"\" if there is none", "!INVITE"}},
		{"no relation of this name, but memberships", func(_ *deployment, r *config.Rooms) { r.Fields.Member, r.Members = "people", "rooms_members" }, []string{
			"MISSING  rooms: the members in rooms.people cannot be found", "or set rooms.fields.member to \"\""}},
		{"another collection, told", func(d *deployment, r *config.Rooms) { r.Members = "others"; relations(d, "rooms_members", "rooms_id") }, []string{
			"MISSING  rooms: rooms.members leads to rooms_members, not to others", "-> set rooms.members to rooms_members\n"}},
		{"another collection, not told", func(_ *deployment, r *config.Rooms) { r.Members = "others" }, []string{
			"MISSING  the collection others is missing", "or set rooms.members to the collection that rooms.members leads to"}},
		{"memberships of another name of the room, told", func(d *deployment, _ *config.Rooms) { relations(d, "rooms_members", "room") }, []string{
			"MISSING  rooms: rooms.members goes by rooms_members.room, not by rooms_members.rooms_id", "of the name rooms_id"}},
		{"memberships of another name of the room, not told", func(d *deployment, _ *config.Rooms) {
			d.members("room", "directus_users_id")
		}, []string{"MISSING  rooms: rooms_members.rooms_id is missing", "give it a many-to-one field of this name that leads to rooms", "!INVITE"}},
		{"memberships of another name of the user", func(d *deployment, _ *config.Rooms) {
			d.members("rooms_id", "user")
		}, []string{"MISSING  rooms: rooms_members.directus_users_id is missing", "leads to directus_users", "!INVITE"}},
		{"one to many, of users", func(d *deployment, _ *config.Rooms) { relations(d, "directus_users", "room") }, []string{
			"MISSING  rooms: rooms.members leads to the users themselves", "a many-to-many relation to directus_users"}},
		{"many to one", func(d *deployment, _ *config.Rooms) { d.fieldOf("rooms/members", "uuid") }, []string{
			"MISSING  rooms: rooms.members is of type uuid, which holds one member at most", "a many-to-many relation"}},
		{"a user of another kind", func(d *deployment, _ *config.Rooms) {
			d.answer("/relations/rooms_members/directus_users_id", http.StatusOK, `{"data":{"related_collection":"people"}}`)
		}, []string{"MISSING  rooms: rooms_members.directus_users_id leads to people, not to directus_users", "-> make it lead to directus_users"}},
		{"may not read them", func(d *deployment, _ *config.Rooms) { d.fake.Deny(userID, "rooms_members", "read") }, []string{
			"MISSING  the collection rooms_members is missing, or this user may not read it", "-> grant read on it (", "!INVITE"}},
		{"may not add any", func(d *deployment, _ *config.Rooms) { d.fake.Deny(userID, "rooms_members", "create") }, []string{
			"note     rooms: this user may not add members by INVITE", "-> grant create on rooms_members if", "!MISSING"}},
		{"may not add anybody else", func(d *deployment, _ *config.Rooms) {
			d.fake.OnlyFields(userID, "rooms_members", "create", "rooms_id")
		}, []string{"note     rooms: this user may not add members by INVITE"}},
		{"more to fill in", func(d *deployment, _ *config.Rooms) {
			d.answer("/fields/rooms_members", http.StatusOK, `{"data":[{"field":"id","schema":{"is_primary_key":true,"has_auto_increment":true}},
				{"field":"rank","schema":{"is_nullable":false}},{"field":"rooms_id","schema":{"is_nullable":false}}]}`)
		}, []string{"MISSING  rooms: rooms_members.rank is mandatory and has no default, so INVITE can add no member"}},
		{"twice", func(d *deployment, _ *config.Rooms) {
			d.fake.Insert("rooms_members", "", map[string]any{"rooms_id": "1", "directus_users_id": userID})
		}, []string{"note     rooms: this user has 2 memberships in rooms_members, and finds 1 rooms by them", "-> delete memberships"}},
	} {
		d := deployed(t)
		d.names = spoken{}
		d.members("rooms_id", "directus_users_id")
		for _, name := range []string{"Kitchen", "Hall"} {
			d.fake.Insert("rooms", userID, map[string]any{"name": name})
		}
		d.fake.Insert("rooms_members", "", map[string]any{"rooms_id": "1", "directus_users_id": userID})
		rooms := config.Default().Rooms
		rooms.Collection, rooms.Fields.Member = "rooms", "members"
		d.cfg.Channels, d.write = nil, false
		test.change(d, &rooms)
		d.cfg.Rooms = rooms
		said := d.checkRooms(t)
		for _, want := range test.want {
			if refuted, found := strings.CutPrefix(want, "!"); found == strings.Contains(said, refuted) {
				t.Errorf("%s: want %s:\n%s", test.what, want, said)
			}
		}
	}
}

// checkRooms is what check says of the rooms alone.
func (d *deployment) checkRooms(t *testing.T) string {
	t.Helper()
	base, err := url.Parse(d.cfg.Directus.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := directus.New(base, directus.Options{})
	defer client.Close()
	account, err := client.LoginToken(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	granted, err := account.Permissions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	p := prober{client: client, cfg: d.cfg, findings: &findings{out: &said}, names: d.names, account: account, canRead: map[string]bool{"messages": true}}
	p.rooms(t.Context())
	p.roomRights(t.Context(), granted)
	return said.String()
}

// members makes rooms with memberships that have these fields.
func (d *deployment) members(room, user string) {
	d.fake.AddCollection("rooms", directustest.FakeCollection{Fields: []string{"name"}, Lists: map[string]string{"members": "rooms_members." + room}})
	d.fake.AddCollection("messages", directustest.FakeCollection{Fields: []string{"text", "nonce", "date_created", "user_created", "room"}, Relations: map[string]string{"room": "rooms"}})
	d.fake.AddCollection("rooms_members", directustest.FakeCollection{Fields: []string{room, user}, Relations: map[string]string{room: "rooms", user: "directus_users"}})
}
