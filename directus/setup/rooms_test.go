package setup_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
	"directus-ircd/directus/setup"
)

// Rooms are added to a chat that has messages: a dry run foretells it, a second run finds it, and what was there stays.
func TestRooms(t *testing.T) {
	d := directustest.Shared(t)
	licensed := !strings.HasPrefix(d.Version, "12.")
	ada, kevin, eve := d.CreateUser("Ada", ""), d.CreateUser("Kevin", ""), d.CreateUser("Eve", "")
	d.AddMessage(ada, "before there were rooms")
	old := keysOf(t, d.Account(eve), "messages")
	if licensed { // as the report says, so that the messages of rooms can be for members only
		d.Revoke("messages", "read")
	}
	opts := setup.Options{Rooms: true, Reactions: true}
	dry := opts
	dry.DryRun = true
	planned := run(t, d.Admin(), dry)
	made := run(t, d.Admin(), opts)
	if got, want := lines(made), strings.Split(strings.ReplaceAll(strings.Join(lines(planned), "\n"), "would create", "created"), "\n"); !slices.Equal(got, want) {
		t.Errorf("made\n%s\nplanned\n%s", made, planned)
	}
	found := run(t, d.Admin(), opts)
	if found.Changed() || !found.Complete() || !made.Complete() || found.Config(site) != made.Config(site) {
		t.Errorf("a second run:\n%s\nafter\n%s", found, made)
	}
	if told := strings.Contains(made.String(), "every room is open to everybody with the role"); told == licensed {
		t.Errorf("on Directus %s, that all rooms are open, is told: %v\n%s", d.Version, told, made)
	}
	fields := "{name: name, topic: topic, archived: archived}"
	if licensed {
		fields = "{name: name, topic: topic, archived: archived, member: members}"
	}
	want := `directus:
  url: https://chat.example.com
channels:
  - name: '#messages'
    collection: messages
    filter: {room: {_null: true}}
    fields: {text: text, author: user_created, date: date_created, nonce: nonce, kind: irc_kind}
    reactions: {collection: messages_reactions}
rooms:
  collection: rooms
  fields: ` + fields + `
  messages:
    collection: messages
    room: room
    fields: {text: text, author: user_created, date: date_created, nonce: nonce, kind: irc_kind}
    reactions: {collection: messages_reactions}
  join: member
  create: true
`
	if got := keys(made.Config(site)); got != want {
		t.Errorf("configuration:\n%s\nwant\n%s", got, want)
	}
	a := d.Account(ada)
	room := add(t, a, "rooms", object{"name": "Kitchen"})
	if err := a.Do(t.Context(), http.MethodPost, "/items/rooms", nil, object{"name": "Kitchen"}, nil); !directus.IsCode(err, directus.CodeRecordNotUnique) {
		t.Errorf("a second room of the name: %v", err)
	}
	refused(t, d.Account(kevin), false, http.MethodPatch, "/items/rooms/"+room, object{"topic": "Tea"})
	refused(t, d.Account(kevin), true, http.MethodDelete, "/items/rooms/"+room, nil)
	said := add(t, a, "messages", object{"text": "tea", "room": json.Number(room)})
	open := append(slices.Clone(old), said)
	sees(t, d.Account(eve), open, room)
	if licensed {
		closes(t, d, ada, kevin, eve, open, room)
	}
	d.Do(http.MethodDelete, "/items/rooms/"+room, nil, nil, nil)
	sees(t, d.Account(eve), old)
	checkPublic(t, d)
}

// keysOf lists the keys of the items of a collection that an account sees.
func keysOf(t *testing.T, account *directus.Account, collection string) (keys []string) {
	t.Helper()
	var items []struct{ ID json.Number }
	if err := account.Do(t.Context(), http.MethodGet, "/items/"+collection, url.Values{"fields": {"id"}, "sort": {"id"}, "limit": {"-1"}}, nil, &items); err != nil {
		t.Fatalf("read %s: %v", collection, err)
	}
	for _, item := range items {
		keys = append(keys, item.ID.String())
	}
	return keys
}

// sees expects an account to see these messages and rooms, and no others.
func sees(t *testing.T, account *directus.Account, messages []string, rooms ...string) {
	t.Helper()
	if got := keysOf(t, account, "messages"); !slices.Equal(got, messages) {
		t.Errorf("sees the messages %q, want %q", got, messages)
	}
	if got := keysOf(t, account, "rooms"); !slices.Equal(got, rooms) {
		t.Errorf("sees the rooms %q, want %q", got, rooms)
	}
}

// closes lets a room be for members only.
func closes(t *testing.T, d *directustest.Server, ada, kevin, eve directustest.User, open []string, kitchen string) {
	t.Helper()
	a := d.Account(ada)
	cellar := add(t, a, "rooms", object{"name": "Cellar", "members_only": true})
	secret := add(t, a, "messages", object{"text": "wine", "room": json.Number(cellar)})
	all := append(slices.Clone(open), secret)
	sees(t, a, all, kitchen, cellar)
	sees(t, d.Account(kevin), open, kitchen)
	var member struct{ ID json.Number }
	d.Do(http.MethodPost, "/items/rooms_members", nil, object{"rooms_id": json.Number(cellar), "directus_users_id": kevin.ID}, &member)
	sees(t, d.Account(kevin), all, kitchen, cellar)
	sees(t, d.Account(eve), open, kitchen)
	refused(t, d.Account(eve), true, http.MethodPost, "/items/rooms_members", object{"rooms_id": json.Number(cellar), "directus_users_id": eve.ID})
	refused(t, d.Account(eve), true, http.MethodPatch, "/items/rooms/"+cellar, object{"members_only": false})
	refused(t, d.Account(kevin), true, http.MethodPatch, "/items/rooms/"+cellar, object{"members_only": false})
	refused(t, d.Account(kevin), false, http.MethodPatch, "/items/rooms/"+cellar, object{"topic": "Port"})
	t.Cleanup(func() { d.Do(http.MethodDelete, "/items/rooms/"+cellar, nil, nil, nil) })
	if n := len(keysOf(t, d.Account(eve), "rooms_members")); n != 0 {
		t.Errorf("Eve sees %d members of a room that she does not see", n)
	}
	d.Do(http.MethodDelete, "/items/rooms_members/"+member.ID.String(), nil, nil, nil)
	sees(t, d.Account(kevin), open, kitchen)
}
