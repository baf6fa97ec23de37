package bridge_test

import (
	"slices"
	"testing"
	"time"

	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// What a client was shown live though it is dated in the very moment of its JOIN, its own line has not overtaken; what waits
// unread when it leaves, it has.
func TestOvertakenSinceTheMomentOfJoin(t *testing.T) {
	for name, held := range map[string]bool{"events on their way": true, "events not looked at": false} {
		for _, byTime := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				ircdtest.Bubble(t, func(t *testing.T) { testOvertakenSinceTheMomentOfJoin(t, held, byTime) })
			})
		}
	}
}

func testOvertakenSinceTheMomentOfJoin(t *testing.T, held, byTime bool) {
	c := newChat(t, nil)
	c.visit("ada", "#messages") // stays, so that the feed goes on
	away := c.fetcher("bob")
	c.write("known")
	time.Sleep(time.Second)
	polled[*ircd.Message](t, away)
	if held {
		c.fake.HoldEvents()
	}
	c.write("in front")
	time.Sleep(time.Second)
	own, err := away.Send(t.Context(), ircd.Outgoing{Kind: ircd.Privmsg, Target: "#messages", Text: "own", Echo: true})
	if err != nil {
		t.Fatal(err)
	}
	closeSession(t, away)
	c.fake.ReleaseEvents(false)
	time.Sleep(time.Second)
	c.write("behind")
	time.Sleep(time.Second)

	from := ircd.Position{MsgID: own.ID}
	if byTime {
		from = ircd.Position{Time: own.Time}
	}
	s := c.fetcher("bob")
	if got := pages(t, s, from, 500, byTime); !slices.Equal(got, []string{"in front", "behind"}) {
		t.Errorf("got %q", got)
	}
	if got := pages(t, c.fetcher("eve"), from, 500, byTime); !slices.Equal(got, []string{"behind"}) {
		t.Errorf("somebody else got %q", got)
	}
	// Where the feed has brought the own line, too, there is nothing in front of it.
	own, err = s.Send(t.Context(), ircd.Outgoing{Kind: ircd.Privmsg, Target: "#messages", Text: "own again", Echo: true})
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	polled[*ircd.Message](t, s)
	if got := pages(t, s, ircd.Position{MsgID: own.ID}, 500, false); len(got) > 0 {
		t.Errorf("then got %q", got)
	}
}
