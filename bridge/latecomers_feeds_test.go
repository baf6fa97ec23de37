package bridge

import (
	"math"
	"testing"
	"time"
)

// Directus tells each subscription of rows of one moment in an order of its own. Who has been brought one, and goes on from it, is
// shown what its own feed brought behind it, though another had heard of that before; who reads the other is not.
func TestRowsThatFeedsBringInOrdersOfTheirOwn(t *testing.T) {
	fs := newFeeds()
	defer fs.close()
	g := &group{collection: "messages", dates: &dates{}}
	at := time.Now()
	one, two := row{id: "1", date: at, rawDate: "some"}, row{id: "2", date: at, rawDate: "some"}
	var feeds []*feed
	for _, order := range [][]row{{one, two}, {two, one}} {
		m := modelMember(fs, modelAccount(t), allRights)
		f := newFeed(feedKey{group: g, owner: m}, m, at)
		feeds = append(feeds, f)
		f.mu.Lock()
		for _, r := range order {
			f.arrive(r, at.Add(time.Hour))
		}
		f.mu.Unlock()
	}
	for i, want := range []int{0, 1} {
		late := g.dates.late.behind(border{date: at, id: "2", behind: true}, g.dates.late.placeOf("2", time.Time{}), math.MaxInt64, time.Time{},
			func(of audience) bool { return of == feeds[i].audience() })
		if len(late) != want || want > 0 && late[0].id != "1" {
			t.Errorf("feed %d: %v are late", i, late)
		}
	}
}
