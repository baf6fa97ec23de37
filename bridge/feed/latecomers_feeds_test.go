package feed

import (
	"math"
	"testing"
	"time"

	"directus-ircd/bridge/collection"
)

// Directus tells each subscription of rows of one moment in an order of its own. Who has been brought one, and goes on from it, is
// shown what its own feed brought behind it, though another had heard of that before; who reads the other is not.
func TestRowsThatFeedsBringInOrdersOfTheirOwn(t *testing.T) {
	fs := NewSet()
	defer fs.Close()
	g := &collection.Group{Collection: "messages", Dates: &collection.Dates{}}
	at := time.Now()
	one, two := collection.Row{ID: "1", Date: at, RawDate: "some"}, collection.Row{ID: "2", Date: at, RawDate: "some"}
	var feeds []*Feed
	for _, order := range [][]collection.Row{{one, two}, {two, one}} {
		m := newTestMember(modelAccount(t), allRights)
		f := New(Key{Group: g, Owner: m}, m, at)
		feeds = append(feeds, f)
		f.mu.Lock()
		for _, r := range order {
			f.arrive(r, at.Add(time.Hour))
		}
		f.mu.Unlock()
	}
	for i, want := range []int{0, 1} {
		late := g.Dates.Late.Behind(collection.Bound{Date: at, ID: "2", Behind: true}, g.Dates.Late.PlaceOf("2", time.Time{}), math.MaxInt64, time.Time{},
			func(of collection.Audience) bool { return of == feeds[i].Audience() })
		if len(late) != want || want > 0 && late[0].ID != "1" {
			t.Errorf("feed %d: %v are late", i, late)
		}
	}
}
