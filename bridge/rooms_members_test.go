package bridge_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/bridge/rooms"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
)

// memberChat is a roomChat whose rooms have members, in which clients are.
func memberChat(t *testing.T, change func(*rooms.Config)) *chat {
	c := roomChat(t, func(cfg *rooms.Config) {
		cfg.Fields.Member, cfg.Members, cfg.Join = "members", "rooms_members", rooms.JoinMember
		if change != nil {
			change(cfg)
		}
	})
	c.fake.AddCollection("rooms", directustest.FakeCollection{Fields: []string{"name", "topic", "archived"}, Lists: map[string]string{"members": "rooms_members.rooms_id"}})
	c.fake.AddCollection("messages", directustest.FakeCollection{
		Fields: []string{"text", "nonce", "date_created", "user_created", "room"}, Relations: map[string]string{"room": "rooms"},
	})
	c.fake.AddCollection("rooms_members", directustest.FakeCollection{
		Fields: []string{"rooms_id", "directus_users_id"}, Relations: map[string]string{"rooms_id": "rooms", "directus_users_id": "directus_users"},
	})
	return c
}

// closed lets somebody see only the rooms that they are members of, and their messages.
func (c *chat) closed(name string) (id string) {
	id = c.person(name)
	mine := map[string]any{"members": map[string]any{"directus_users_id": map[string]any{"_eq": "$CURRENT_USER"}}}
	c.fake.Restrict(id, "rooms", mine)
	c.fake.Restrict(id, "messages", map[string]any{"room": mine})
	return id
}

func (c *chat) admit(room, user string) (id string) {
	return c.fake.Insert("rooms_members", "", map[string]any{"rooms_id": room, "directus_users_id": user})
}

// changes are news, with JOINs that the client is to make told apart from invitations.
func (v *visitor) changes() []string {
	v.t.Helper()
	lines := []string{}
	for _, ev := range v.lately() {
		switch ev := ev.(type) {
		case *ircd.Admission:
			lines = append(lines, "joins "+ev.Channel)
		case *ircd.Invitation:
			lines = append(lines, "is invited to "+ev.Channel)
		default:
			lines = append(lines, describe(ev))
		}
	}
	return lines
}

// Who is made a member of a room that only members see is in it at once, and out of it with the
// membership.
func TestMembershipOpensRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memberChat(t, nil)
		tea, attic := c.room("Tea"), c.room("Attic")
		mallory := c.closed("mallory")
		first := c.admit(tea, mallory)
		m, kevin := c.visit("mallory"), c.visit("kevin", "#tea", "#attic")
		same(t, m.list(), "#messages", "#tea About Tea")
		same(t, m.changes(), "joins #tea")
		m.into("#tea")
		second := c.admit(attic, mallory)
		same(t, m.changes(), "joins #attic")
		m.into("#attic")
		kevin.say("#attic", "hush")
		same(t, m.news(), "kevin says in #attic: hush")
		c.fake.Remove("rooms_members", first)
		same(t, m.news(), "&{Channel:#tea Reason:Directus does not allow you to read this room any more Closed:false}")
		same(t, m.list(), "#attic About Attic", "#messages")
		// An event that is lost is made up for within directus.recheck.
		c.fake.LoseEvents(true)
		c.fake.Remove("rooms_members", second)
		c.admit(tea, mallory)
		c.fake.LoseEvents(false)
		same(t, m.later(6*time.Minute), "&{Channel:#attic Reason:Directus does not allow you to read this room any more Closed:false}", "&{Channel:#tea}")
		same(t, kevin.news())
	})
}

// Where everybody sees every room, clients are in those that they are members of, unless they have
// left them, and in those that they have joined.
func TestMembershipOfOpenRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memberChat(t, nil)
		tea, attic, hall := c.room("Tea"), c.room("Attic"), c.room("Hall")
		kevin, ann := c.visit("kevin", "#hall"), c.visit("ann")
		kevin.news()
		ann.news()
		member := c.admit(tea, kevin.id)
		other := c.admit(hall, kevin.id)
		same(t, kevin.changes(), "joins #tea")
		same(t, ann.news())
		kevin.into("#tea")
		c.fake.Remove("rooms_members", member)
		same(t, kevin.news(), "&{Channel:#tea Reason:You are not a member of this room any more Closed:false}")
		c.fake.Remove("rooms_members", other) // which it has joined by its own wish
		same(t, kevin.news())
		if err := kevin.session.Part(t.Context(), "#hall"); err != nil {
			t.Fatal(err)
		}
		c.admit(hall, kevin.id)
		same(t, kevin.changes(), "is invited to #hall")
		c.fake.Update("rooms_members", c.admit(attic, ann.id), map[string]any{"directus_users_id": kevin.id})
		same(t, kevin.changes(), "joins #attic")
		same(t, ann.news())
		if n := len(c.fake.Subscribers("rooms_members")); n != 1 {
			t.Errorf("%d users follow the memberships", n)
		}
	})
}

// A room that a client is to join when it cannot be proven that the user may read it is joined later.
func TestMembershipInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memberChat(t, nil)
		tea := c.room("Tea")
		kevin := c.visit("kevin")
		same(t, kevin.changes())
		c.admit(tea, kevin.id)
		same(t, kevin.changes(), "joins #tea")
		c.fake.Down()
		time.Sleep(20 * time.Minute) // the right is to be looked at again
		if _, err := kevin.session.Join(t.Context(), "#tea", ircd.JoinOptions{Backlog: true}); err == nil {
			t.Fatal("joined without a proof of the right")
		}
		c.fake.Up()
		time.Sleep(10 * time.Minute)
		if told := kevin.changes(); !slices.Contains(told, "joins #tea") {
			t.Errorf("told %q", told)
		}
		kevin.into("#tea")
		time.Sleep(time.Minute)
		same(t, kevin.changes())
	})
}

// Who may not read the memberships is put into no room by them, and learns late of the rooms that they
// open: Directus lets nobody filter by what they may not read.
func TestMembershipThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memberChat(t, nil)
		tea, attic := c.room("Tea"), c.room("Attic")
		mallory := c.closed("mallory")
		c.fake.Deny(mallory, "rooms_members", "read")
		c.admit(tea, mallory)
		m := c.visit("mallory")
		same(t, m.list(), "#messages", "#tea About Tea")
		same(t, m.changes())
		c.admit(attic, mallory)
		same(t, m.later(6*time.Minute), "&{Channel:#attic}")
		if n := len(c.fake.Subscribers("rooms_members")); n != 0 {
			t.Errorf("%d users follow the memberships", n)
		}
	})
}

// INVITE makes somebody a member, who is in the room then.
func TestInvitationMakesMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memberChat(t, nil)
		c.room("Tea")
		attic, mallory := c.room("Attic"), c.closed("mallory")
		m, kevin := c.visit("mallory"), c.visit("kevin", "#tea", "#attic", "#messages")
		m.list()
		invite := func(channel string, v *visitor) string {
			t.Helper()
			member, err := kevin.session.Invite(t.Context(), channel, v.session.User())
			if err != nil {
				return err.Error()
			}
			return fmt.Sprint(member)
		}
		same(t, []string{invite("#attic", m)}, "true")
		if _, err := m.session.Join(t.Context(), "#attic", ircd.JoinOptions{}); err != nil { // at once, as clients do
			t.Error(err)
		}
		same(t, []string{invite("#attic", m), invite("#messages", m), invite("#nowhere", m)}, "true", "false", "false")
		if rows := c.fake.Items("rooms_members"); len(rows) != 1 || fmt.Sprint(rows[0]["rooms_id"]) != attic || rows[0]["directus_users_id"] != mallory {
			t.Errorf("the members are %v", rows)
		}
		c.fake.Deny(kevin.id, "rooms_members", "create")
		same(t, []string{invite("#tea", m)}, "482 Not invited: Directus does not allow you to add members to this room*")
	})
}

// Where rooms have no members, an invitation of somebody who may not read the room is none.
func TestInvitationWithoutMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := roomChat(t, nil)
		c.room("Tea")
		c.fake.Restrict(c.person("mallory"), "rooms", map[string]any{"id": map[string]any{"_eq": "99"}})
		m, kevin := c.visit("mallory"), c.visit("kevin", "#tea")
		m.list()
		_, err := kevin.session.Invite(t.Context(), "#tea", m.session.User())
		if err == nil || !strings.Contains(err.Error(), "mallory may not read this room in Directus, and the rooms have no members to add to") {
			t.Errorf("answered with %v", err)
		}
		if member, err := kevin.session.Invite(t.Context(), "#tea", c.visit("ann").session.User()); member || err != nil {
			t.Errorf("somebody who may read it: %v, %v", member, err)
		}
	})
}
