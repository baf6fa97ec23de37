package bridge

import (
	"strings"
	"testing"
	"time"

	"directus-ircd/ircd"
)

func TestNickify(t *testing.T) {
	for name, want := range map[string]string{
		"Kevin":                  "Kevin",
		"Jörg Müller":            "Jorg_Muller",
		"小明":                     "Xiao_Ming",
		" O'Neil ":               "ONeil",
		"J. R. R. Tolkien":       "J_R_R_Tolkien",
		"4chan":                  "_4chan",
		"-dash-":                 "dash",
		"ev\u200bil\u202e":       "evil",
		"a!b@c:d #e,*":           "a_bc_d_e",
		"...":                    "",
		"":                       "",
		"\r\n\x00":               "",
		strings.Repeat("x", 200): strings.Repeat("x", ircd.NickLen),
	} {
		got := nickify(name)
		if got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
		if got != "" && !ircd.IsNick(got) {
			t.Errorf("%q: %q is no nick", name, got)
		}
	}
}

func FuzzNickify(f *testing.F) {
	f.Add("Jörg\u202e!u@h")
	f.Fuzz(func(t *testing.T, name string) {
		if got := nickify(name); got != "" && !ircd.IsNick(got) {
			t.Fatalf("%q: %q is no nick", name, got)
		}
	})
}

func kevin(id string) person { return person{id: id, name: "Kevin", realname: "Kevin"} }

func TestNicksAreUniqueAndStable(t *testing.T) {
	n := newNicks()
	first := n.connect(kevin("aaaa1111-0000"), false).user
	second := n.connect(kevin("bbbb2222-0000"), true).user
	if first.Nick != "Kevin" || second.Nick != "Kevin-bbbb" {
		t.Errorf("got %s and %s", first.Nick, second.Nick)
	}
	// The same whoever comes first, because the claim depends on the ids.
	n = newNicks()
	second = n.connect(kevin("bbbb2222-0000"), true).user
	first = n.connect(kevin("aaaa1111-0000"), false).user
	if first.Nick != "Kevin" || second.Nick != "Kevin-bbbb" {
		t.Errorf("in the other order: got %s and %s", first.Nick, second.Nick)
	}
	// Unique also where the directory did not tell of the namesake.
	third := n.connect(kevin("cccc3333-0000"), false).user
	if third.Nick != "Kevin-cccc" {
		t.Errorf("unknown namesake: got %s", third.Nick)
	}
	if twin := n.connect(kevin("cccc3333-0001"), true).user; ircd.Fold(twin.Nick) == ircd.Fold(third.Nick) {
		t.Errorf("two users are called %s", twin.Nick)
	}
	if got := n.user(kevin("aaaa1111-0000"), true); got.Nick != "Kevin" {
		t.Errorf("the nick changed to %s because somebody else appeared", got.Nick)
	}
}

func TestNickFollowsTheNameOnlyBetweenSessions(t *testing.T) {
	n := newNicks()
	ada := person{id: "aaaa1111-0000", name: "Ada"}
	session := n.connect(ada, false)
	renamed := ada
	renamed.name = "Augusta"
	if got := n.user(renamed, false); got.Nick != "Ada" {
		t.Errorf("renamed while connected: %s", got.Nick)
	}
	n.release(session)
	if got := n.user(renamed, false); got.Nick != "Augusta" {
		t.Errorf("renamed after leaving: %s", got.Nick)
	}
	if got := n.user(person{id: "bbbb2222-0000", name: "Ada"}, false); got.Nick != "Ada" {
		t.Errorf("the old nick is not free again: %s", got.Nick)
	}
}

func TestReservedAndAnonymousNicks(t *testing.T) {
	n := newNicks()
	for _, name := range []string{"unknown", "Directus", "NickServ"} {
		if got := n.user(person{id: "dddd4444-" + name, name: name}, false); ircd.Fold(got.Nick) == ircd.Fold(name) {
			t.Errorf("a user may be called %s", got.Nick)
		}
	}
	hidden := n.user(person{id: "eeee5555-0000"}, false)
	named := n.user(person{id: "eeee5555-0000", name: "Eve"}, false)
	if hidden.Nick != "user-eeee55" || named.Nick != "Eve" {
		t.Errorf("got %s and %s", hidden.Nick, named.Nick)
	}
	if hidden.ID != named.ID {
		t.Error("one user, two accounts")
	}
}

// What one viewer may read of somebody is not shown to another who may not.
func TestRealnameOfAnotherViewer(t *testing.T) {
	n := newNicks()
	n.user(person{id: "aaaa", name: "Eve", realname: "Eve Secret"}, false)
	d := &directory{nicks: n, probed: time.Now()}
	users, err := d.identify(t.Context(), map[string]person{"aaaa": {id: "aaaa", name: "Eve", realname: "Eve"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := users["aaaa"].Realname; got != "Eve" {
		t.Errorf("shown as %q", got)
	}
}

// A user who may not read the own name any more connects once more.
func TestOneNickForAllSessions(t *testing.T) {
	n := newNicks()
	for _, names := range [][2]string{{"Ada", ""}, {"", "Ada"}, {"Ada", "Augusta"}} {
		first := n.connect(person{id: "aaaa1111-0000", name: names[0]}, false)
		second := n.connect(person{id: "aaaa1111-0000", name: names[1]}, false)
		if first.user != second.user {
			t.Errorf("one user is %v and %v", first.user, second.user)
		}
		n.release(first)
		n.release(second)
	}
}
