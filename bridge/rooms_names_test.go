package bridge_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/directus/directustest"
)

// Rooms that are made or deleted while the pages of the others are read do not let one of those be
// missed, or nobody would be left in it.
func TestRoomsAreReadWhileSomeAreDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := roomChatAt(t, directustest.FakeOptions{QueryLimitMax: 3}, nil)
		var ids []string
		for i := range 8 {
			ids = append(ids, c.room(fmt.Sprint("Room ", i)))
		}
		kevin := c.visit("kevin", "#room-3", "#room-6")
		pages := 0
		c.fake.OnREST(func(r directustest.RESTRequest) (v directustest.RESTVerdict) {
			if strings.HasSuffix(r.Path, "/items/rooms") && pages < 2 {
				if pages++; pages == 2 { // the second page is about to be read
					c.fake.LoseEvents(true)
					c.fake.Remove("rooms", ids[0])
					c.fake.LoseEvents(false)
				}
			}
			return v
		})
		same(t, kevin.later(6*time.Minute))
		if pages != 2 {
			t.Errorf("%d pages were read", pages)
		}
		if got := kevin.list(); len(got) != 8 || strings.Contains(got[1], "#room-0") {
			t.Errorf("listed are %q", got)
		}
	})
}
