package bridge_test

import (
	"fmt"
	"testing"

	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// A room in which little was said long ago has its backlog, however much was said in others since.
func TestManyRoomsOfWhichFewAreBusy(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		const many = 40
		c, ids := manyRooms(t, many, nil)
		for i := range 3 * many {
			if i%many != 7 { // in which nothing was said
				c.says(ids[i%many], fmt.Sprint("before ", i/many))
			}
		}
		for i := range 2600 {
			c.says(ids[i%2], fmt.Sprint("busy ", i/2))
		}
		c.enters(c.visit("ann").session, ircd.JoinOptions{}) // a colleague who reads the same
		asked := c.asked(func() {
			s := c.returns("")
			defer closeSession(t, s)
			for channel, list := range c.enters(s, ircd.JoinOptions{Backlog: true}) {
				want, last := 3, "before 2"
				switch channel {
				case "#room-0", "#room-1":
					want, last = 50, "busy 1299"
				case "#room-7":
					want = 0
				}
				if n := len(list); n != want || n > 0 && list[n-1] != last {
					t.Errorf("%s has a backlog of %d: %q", channel, n, list)
				}
			}
		})
		if n := asked["SEARCH /items/messages"]; n > 7 { // five, and those of the feed
			t.Errorf("the backlogs take %d questions", n)
		}
	})
}
