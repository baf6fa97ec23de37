package people

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"directus-ircd/bridge/state"
	"directus-ircd/ircd/wire"

	"github.com/rs/zerolog"
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
		strings.Repeat("x", 200): strings.Repeat("x", wire.NickLen),
	} {
		got := nickify(name)
		if got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
		if got != "" && !wire.IsNick(got) {
			t.Errorf("%q: %q is no nick", name, got)
		}
	}
}

func FuzzNickify(f *testing.F) {
	f.Add("Jörg\u202e!u@h")
	f.Fuzz(func(t *testing.T, name string) {
		if got := nickify(name); got != "" && !wire.IsNick(got) {
			t.Fatalf("%q: %q is no nick", name, got)
		}
	})
}

// newPeople returns nicks that outlive the daemon or, if not durable, do not.
func newPeople(t *testing.T, durable bool) *nicks {
	t.Helper()
	store := state.InMemory(zerolog.Nop())
	n := newNicks(store, NewNickTable(store), "http://directus.example.com")
	n.durable = durable
	return n
}

// numbered returns the id of a user that begins with some digits.
func numberedID(digits string) string {
	const id = "00000000-0000-4000-8000-000000000000"
	return digits + id[len(digits):]
}

func named(digits, name string) Person {
	return Person{ID: numberedID(digits), name: name, realname: name}
}

var alone = namesakes{all: true}

func TestNicksAreUniqueAndStable(t *testing.T) {
	n := newPeople(t, true)
	first := n.Connect(named("aaaa1111", "Kevin"), namesakes{}).user
	second := n.Connect(named("bbbb2222", "kévin"), namesakes{}).user
	if first.Nick != "Kevin" || second.Nick != "kevin-bbbb" {
		t.Errorf("got %s and %s", first.Nick, second.Nick)
	}
	third := n.Connect(named("cccc3333", "Kevin."), namesakes{}).user
	twin := n.Connect(named("cccc4444", "Kevin"), namesakes{}).user
	if third.Nick != "Kevin-cccc" || twin.Nick != "Kevin-cccc4444" {
		t.Errorf("got %s and %s", third.Nick, twin.Nick)
	}
	if got := n.user(named("aaaa1111", "Kevin"), namesakes{ids: []string{second.ID}}); got.Nick != "Kevin" {
		t.Errorf("the nick changed to %s because somebody else appeared", got.Nick)
	}
}

// The nick of a user depends on what is known of namesakes, and not on who comes first. Where
// little is known, nobody gets a nick that might be another's.
func TestNicksOfNamesakes(t *testing.T) {
	kevin, other := named("aaaa1111", "Kevin"), numberedID("bbbb2222")
	for _, test := range []struct {
		what    string
		durable bool
		ns      namesakes
		want    string
	}{
		{"nobody else, kept", true, alone, "Kevin"},
		{"nobody known, kept", true, namesakes{}, "Kevin"},
		{"nobody else, not kept", false, alone, "Kevin"},
		{"nobody known, not kept", false, namesakes{}, "Kevin-aaaa11110000"},
		{"one other", false, namesakes{ids: []string{other}, all: true}, "Kevin-aaaa"},
		{"one other, kept", true, namesakes{ids: []string{other}}, "Kevin-aaaa"},
		{"an id that begins alike", false, namesakes{ids: []string{other, numberedID("aaaa2222")}, all: true}, "Kevin-aaaa1111"},
	} {
		if got := newPeople(t, test.durable).user(kevin, test.ns); got.Nick != test.want {
			t.Errorf("%s: got %s, want %s", test.what, got.Nick, test.want)
		}
	}
}

func TestNickFollowsTheNameOnlyBetweenSessions(t *testing.T) {
	n := newPeople(t, false)
	session := n.Connect(named("aaaa1111", "Ada"), alone)
	renamed := named("aaaa1111", "Augusta")
	if got := n.user(renamed, alone); got.Nick != "Ada" {
		t.Errorf("renamed while connected: %s", got.Nick)
	}
	n.Release(session)
	if got := n.user(renamed, alone); got.Nick != "Augusta" {
		t.Errorf("renamed after leaving: %s", got.Nick)
	}
	if got := n.user(named("bbbb2222", "Ada"), alone); got.Nick != "Ada-bbbb" {
		t.Errorf("the old nick went to somebody else: %s", got.Nick)
	}
	if got := n.user(named("aaaa1111", "ada"), alone); got.Nick != "ada" {
		t.Errorf("who takes the old name back is called %s", got.Nick)
	}
}

func TestReservedAndAnonymousNicks(t *testing.T) {
	n := newPeople(t, true)
	// Names that are nobody's, and those that look like nicks with digits of an id.
	for _, name := range []string{"unknown", "Directus", "NickServ", "user-eeee55", "User-x", "Kevin-b02b", "Anne-Bade"} {
		if got := n.user(named("dddd4444", name), alone); got.Nick != nickify(name)+"-dddd" {
			t.Errorf("%s is called %s", name, got.Nick)
		}
	}
	for _, name := range []string{"Anne-Marie", "Jean-Luc-Bo", "Ana-Bea"} {
		if got := n.user(named("cccc"+fmt.Sprint(len(name)), name), alone); got.Nick != name {
			t.Errorf("%s is called %s", name, got.Nick)
		}
	}
	hidden := n.user(named("eeee5555", ""), namesakes{})
	shown := n.user(named("eeee5555", "Eve"), namesakes{})
	if hidden.Nick != "user-eeee55" || shown.Nick != "Eve" {
		t.Errorf("got %s and %s", hidden.Nick, shown.Nick)
	}
	if hidden.ID != shown.ID {
		t.Error("one user, two accounts")
	}
	if got := n.user(named("eeee5577", ""), namesakes{}); got.Nick != "user-eeee557700" {
		t.Errorf("an id that begins alike: %s", got.Nick)
	}
	if got := newPeople(t, false).user(named("eeee5577", ""), namesakes{}); got.Nick != "user-eeee55770000" {
		t.Errorf("where nothing is kept: %s", got.Nick)
	}
}

// Authors that are no users of Directus have a nick each, the same at every start.
func TestNicksOfOtherAuthors(t *testing.T) {
	ids := []string{"17", "bot", "Bot", "b-o-t", "customer-1", "customer-2", "", "小明"}
	names := map[string]string{}
	for _, durable := range []bool{false, true} {
		for range 10 {
			rand.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
			n := newPeople(t, durable)
			used := map[string]bool{}
			for _, id := range ids {
				nick := n.user(Person{ID: id}, namesakes{}).Nick
				if used[wire.Fold(nick)] || !wire.IsNick(nick) {
					t.Errorf("%q is called %s", id, nick)
				}
				used[wire.Fold(nick)] = true
				if was := names[fmt.Sprint(id, durable)]; was != "" && was != nick {
					t.Errorf("%q was called %s and is called %s", id, was, nick)
				}
				names[fmt.Sprint(id, durable)] = nick
			}
		}
	}
	if got := names["bottrue"]; got != "user-bot" {
		t.Errorf("bot is called %s", got)
	}
}

// A name that one viewer may read is not shown to another who may not.
func TestRealnameOfAnotherViewer(t *testing.T) {
	n := newPeople(t, true)
	n.user(Person{ID: "aaaa", name: "Eve", realname: "Eve Secret"}, alone)
	d := &Directory{nicks: n, probed: time.Now()}
	users, err := d.identify(t.Context(), MeetsNobody, map[string]Person{"aaaa": {ID: "aaaa", name: "Eve", realname: "Eve"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := users["aaaa"].Realname; got != "Eve" {
		t.Errorf("shown as %q", got)
	}
}

// A user who may no longer read their own name can connect again.
func TestOneNickForAllSessions(t *testing.T) {
	n := newPeople(t, true)
	for _, names := range [][2]string{{"Ada", ""}, {"", "Ada"}, {"Ada", "Augusta"}} {
		first := n.Connect(named("aaaa1111", names[0]), alone)
		second := n.Connect(named("aaaa1111", names[1]), alone)
		if first.user != second.user {
			t.Errorf("one user is %v and %v", first.user, second.user)
		}
		n.Release(first)
		n.Release(second)
	}
}

// However many names a user takes, few nicks are kept. Others keep theirs, and nobody else gets
// a nick that is not kept.
func TestManyNames(t *testing.T) {
	n := newPeople(t, true)
	ada := n.user(named("bbbb2222", "Ada"), namesakes{})
	for i := range 3 * maxUserNicks {
		name := fmt.Sprint("Eve", i)
		session := n.Connect(named("aaaa1111", name), namesakes{})
		want := name
		if i >= maxUserNicks {
			want += "-aaaa11110000"
		}
		if session.user.Nick != want || n.holder(want) != session.user.ID {
			t.Errorf("%s is called %s, held by %q", name, session.user.Nick, n.holder(want))
		}
		n.Release(session)
	}
	if stored, _ := n.stored.Get(n.origin + numberedID("aaaa1111")); len(stored.Nicks) != maxUserNicks {
		t.Errorf("kept: %v", stored)
	}
	if got := n.user(named("aaaa1111", ""), namesakes{}); got.Nick != "user-aaaa11" {
		t.Errorf("without a name: %s", got.Nick)
	}
	if got := n.user(named("aaaa1111", "Ada"), namesakes{}); got.Nick == ada.Nick {
		t.Errorf("two are called %s", got.Nick)
	}
}

// When all is full, newcomers get nicks that need not be kept.
func TestNicksAreFull(t *testing.T) {
	n := newPeople(t, true)
	n.user(named("aaaa1111", "Ada"), namesakes{})
	n.anonymous = maxAnonymous
	if got := n.user(named("bbbb2222", ""), namesakes{}); got.Nick != "user-bbbb22220000" || len(n.byUser) != 1 {
		t.Errorf("invented people: %s", got.Nick)
	}
	n.kept = maxNicks
	if got := n.user(named("bbbb2222", "Bob"), namesakes{}); got.Nick != "Bob-bbbb22220000" || len(n.byUser) != 1 {
		t.Errorf("a newcomer: %s", got.Nick)
	}
	if got := n.user(named("aaaa1111", "Ada"), namesakes{}); got.Nick != "Ada" {
		t.Errorf("who was here: %s", got.Nick)
	}
}
