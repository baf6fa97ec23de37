package bridge_test

import (
	"context"
	"fmt"
	"net/url"
	"sync"
	"testing"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
	"directus-ircd/ircd/wire"
)

// aDirectus is where names are looked up: the fake one or a real one, which answers few
// users at a time.
type aDirectus struct {
	client *directus.Client
	add    func(firstName string) (id string, login ircd.Credentials)
	// kept says that nicks outlast the daemon. Else a plain name is nobody's nick before
	// all names are known.
	kept bool
}

// People who were never here are found by the nick that they then have, however it is
// written and on whatever page of the users they stand; of two who share one neither is.
func testFindsByFutureNick(t *testing.T, at aDirectus) {
	type user struct {
		name, nick string
		id         string
		login      ircd.Credentials
	}
	users := []*user{
		{name: "José Núñez", nick: "Jose_Nunez"}, {name: "Søren", nick: "soren"}, {name: "Jean Luc", nick: "Jean_Luc"},
		{name: "\u0410нна", nick: "Anna"}, {name: "小明", nick: "Xiao_Ming"}, {name: "O'Neil", nick: "ONeil"}, {name: "4chan", nick: "_4CHAN"},
		{name: "Ádá"}, {name: "\u0410da."}, {name: "unknown"}, {name: "user-1"}, {name: "Kevin-b02b"}, {name: "A name of more than thirty letters"}, {name: "a Name of more than thirty Letters"},
	}
	for _, u := range users {
		u.id, u.login = at.add(u.name)
		switch {
		case u.name == "Kevin-b02b" || u.name == "user-1" || u.name == "unknown":
			u.nick = u.name + "-" + u.id[:4]
		case len(u.name) > wire.NickLen:
			u.nick = "A_name_of_more_than_thirt-" + u.id[:4]
		case u.nick == "":
			u.nick = "Ada-" + u.id[:4]
		}
	}
	_, viewer := at.add("Walt")
	var state *bridge.State
	if !at.kept {
		var err error
		if state, err = bridge.OpenState("", logger(t)); err != nil {
			t.Fatal(err)
		}
	}
	b, err := bridge.New(bridge.Options{State: state, Client: at.client, Channels: []collection.Config{messages("messages")}, NickFields: []string{"first_name"}, Logger: logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close(context.Background()) })
	enter := func(login ircd.Credentials) fullSession {
		s, err := full(b.Login(t.Context(), login))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close(context.Background()) })
		return s
	}
	walt := enter(viewer)
	find := func(nick string) *ircd.User {
		u, err := walt.Lookup(t.Context(), nick)
		if err != nil {
			t.Errorf("%s: %v", nick, err)
		}
		return u
	}
	for _, nick := range []string{"Ada", "Adá", "Kevin-b02b", "unknown", "user-1", "A_name_of_more_than_thirty_let", "nobody-" + users[0].id[:4], "Jose"} {
		if u := find(nick); u != nil && u.ID != "" {
			t.Errorf("%s is %s", nick, u.Nick)
		}
	}
	for _, u := range users {
		got := find(u.nick)
		if got == nil || got.ID != u.id {
			t.Errorf("%s is not found by %s, but %v", u.name, u.nick, got)
			continue
		}
		if nick := enter(u.login).User().Nick; nick != got.Nick {
			t.Errorf("%s was found as %s and comes as %s", u.name, got.Nick, nick)
		}
	}
}

func TestFindsByFutureNick(t *testing.T) {
	for _, most := range []int{0, 1, 2, 5, 15, 16} {
		t.Run(fmt.Sprint(most), func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				fake := directustest.NewFake(t, directustest.FakeOptions{QueryLimitMax: most})
				client := directus.New(fake.URL(), directus.Options{NetDial: fake.Dial, Logger: logger(t)})
				t.Cleanup(client.Close)
				testFindsByFutureNick(t, aDirectus{client, func(name string) (string, ircd.Credentials) {
					id := fake.AddUser(directustest.FakeUser{FirstName: name})
					fake.EditUser(id, func(u *directustest.FakeUser) { u.Email, u.Password = id+"@example.com", id })
					return id, ircd.Credentials{Account: id + "@example.com", Secret: id}
				}, most == 1})
			})
		})
	}
}

// What may not be read is not found, and neither is whoever may not be read; nor does
// the nick tell that there is such a one.
func TestFindsWhatMayBeRead(t *testing.T) {
	for what, test := range map[string]struct {
		limit func(f *directustest.Fake, user string)
		finds map[string]bool
	}{
		"all": {allUsers, map[string]bool{"Soren": true, "Jose_Nunez": true}},
		"one": {func(f *directustest.Fake, user string) {
			f.Restrict(user, "directus_users", map[string]any{"first_name": map[string]any{"_eq": "Søren"}})
		}, map[string]bool{"Soren": true, "Jose_Nunez": false}},
		"none": {noUsers, map[string]bool{"Soren": false, "Jose_Nunez": false}},
		"ids":  {readUsers("id"), map[string]bool{"Soren": false, "Jose_Nunez": false}},
	} {
		for _, first := range []bool{false, true} { // somebody else has looked before
			t.Run(fmt.Sprint(what, first), func(t *testing.T) {
				ircdtest.Bubble(t, func(t *testing.T) {
					r := newRestarts(t, t.TempDir())
					r.add("", "Søren")
					r.add("", "José Núñez")
					all, some := r.add("", "Walt"), r.add("", "Ada")
					test.limit(r.fake, some)
					if s := r.enter(all); first {
						r.find(s, "Soren")
						r.find(s, "Jose_Nunez")
					}
					s := r.enter(some)
					for nick, want := range test.finds {
						if got := r.find(s, nick) != ""; got != want {
							t.Errorf("%s found: %v", nick, got)
						}
					}
				})
			})
		}
	}
}

// A message to a nick that two could have goes to neither, and one to the nick of
// somebody who was never here to that one alone.
func TestPrivateToWhoWasNeverHere(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		r := newRestarts(t, t.TempDir())
		r.add("", "Søren")
		r.add("", "Soren")
		jose, ada := r.add("", "José Núñez"), r.enter(r.add("", "Ada"))
		send := func(nick string) error {
			_, err := ada.Send(t.Context(), ircd.Outgoing{Target: nick, Text: "to " + nick})
			return err
		}
		if err := send("Soren"); err == nil {
			t.Error("sent to one of two")
		}
		if err := send("jose_nunez"); err != nil {
			t.Error(err)
		}
		items := r.fake.Items("private_messages")
		if len(items) != 1 || items[0]["recipient"] != jose {
			t.Errorf("stored: %v", items)
		}
	})
}

// All who may read everybody share one reading of the names, and those who share a name
// with nobody take it from there; nor does it matter how many nicks are looked for.
func TestNamesAreReadOnce(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		r := newRestarts(t, "")
		var ids []string
		for i := range 2000 {
			ids = append(ids, r.add("", fmt.Sprint("Person ", i)))
		}
		before := r.fake.Count("GET /users")
		var all sync.WaitGroup
		for _, id := range ids[:40] {
			all.Go(func() {
				s := login(t, r.backend, id)
				for i := range 10 {
					if u, err := s.Lookup(t.Context(), fmt.Sprint("nobody", id[:4], i)); u != nil || err != nil {
						t.Errorf("found %v, %v", u, err)
					}
				}
			})
		}
		all.Wait()
		const pages = 4
		if asked := r.fake.Count("GET /users") - before; asked > pages {
			t.Errorf("Directus was asked %d times", asked)
		}
		time.Sleep(time.Minute)
		if got := r.find(login(t, r.backend, ids[0]), "person_1999"); got != ids[1999] {
			t.Errorf("found %q", got)
		}
	})
}

// Whoever comes after the names were read is found soon.
func TestFindsANewUser(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		r := newRestarts(t, t.TempDir())
		s := r.enter(r.add("", "Ada"))
		time.Sleep(20 * time.Second)
		zoe := r.add("", "Zoë")
		if got := r.find(s, "Zoe"); got != zoe {
			t.Errorf("found %q", got)
		}
	})
}

func TestRealFindsByFutureNick(t *testing.T) {
	dx := ownServer(t, directustest.Env("QUERY_LIMIT_MAX", "7"))
	base, err := url.Parse(dx.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := directus.New(base, directus.Options{Logger: logger(t)})
	t.Cleanup(client.Close)
	testFindsByFutureNick(t, aDirectus{client: client, add: func(name string) (string, ircd.Credentials) {
		u := dx.CreateUser(name, "")
		return u.ID, ircd.Credentials{Account: u.Email, Secret: u.Password}
	}})
}
