package people

import (
	"fmt"
	"hash/maphash"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
)

// A census knows namesakes by the nicks that their names make, and for a nick with digits
// everybody whose id begins with them.
func TestCensus(t *testing.T) {
	all := []Person{
		named("aaaa1111", "Søren"), named("bbbb2222", "Soren."), named("aaaa3333", "Kevin"), named("cccc4444", "Ada"),
		named("cccc4444", "Ada"), // read twice
	}
	c := newCensus(maphash.MakeSeed(), all, true)
	for nick, want := range map[string][]string{
		"soren": nil, "Kevin": {all[2].ID}, "ada": {all[3].ID}, "nobody": nil, "Soren-bbbb": {all[1].ID},
		"x-aaaa": {all[0].ID, all[2].ID}, "X-AAAA3": {all[2].ID}, "user-cccc44": {all[3].ID}, "user-": nil, "user-nobody": nil,
	} {
		if nick == "user-" { // all of them, and none has that nick
			want = []string{all[0].ID, all[1].ID, all[2].ID, all[3].ID}
		}
		got := c.candidates(nick)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", nick, got, want)
		}
	}
	if ns := c.namesakes(Person{ID: all[0].ID, name: "sören"}); !ns.all || !slices.Equal(ns.ids, []string{all[1].ID}) {
		t.Errorf("namesakes %v", ns)
	}
}

// The cache of censuses is bounded, and keeps the most recently used ones.
func TestCensusesAreBounded(t *testing.T) {
	cs := newCensuses()
	big := &census{taken: time.Now(), entries: make([]counted, maxCounted)}
	for i := range 3 * maxCensuses {
		key := fmt.Sprint(i)
		cs.keep(key, cs.turn(key), big)
		if cs.recent("0", time.Hour) == nil || cs.recent(key, time.Hour) == nil {
			t.Fatalf("with %d: one in use is gone", i)
		}
		if n := len(cs.kept); n > maxCensusEntries/maxCounted {
			t.Fatalf("%d are kept", n)
		}
	}
	for range 3 * maxCensuses {
		cs.turn(uuid.NewString())
	}
	if n := len(cs.kept); n > maxCensuses {
		t.Errorf("%d are kept", n)
	}
}
