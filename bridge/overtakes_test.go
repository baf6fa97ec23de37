package bridge_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// A client that leaves when it was shown its own line, and not yet what others have stored before, is shown that when it goes on
// from its line; who was shown all of it is not shown it again.
func TestOwnLineInFrontOfOthers(t *testing.T) {
	for _, slow := range []bool{true, false} {
		for _, byTime := range []bool{false, true} {
			t.Run(fmt.Sprintf("slow %v, by time %v", slow, byTime), func(t *testing.T) {
				ircdtest.Bubble(t, func(t *testing.T) {
					c := newChat(t, nil)
					c.visit("ada", "#messages") // stays
					c.write("before")
					away := c.fetcher("bob")
					time.Sleep(time.Second)
					c.write("shown")
					time.Sleep(time.Second)
					polled[*ircd.Message](t, away)
					if slow {
						c.fake.HoldEvents()
					}
					say := func(text string) ircd.Position {
						m, err := away.Send(t.Context(), ircd.Outgoing{Target: "#messages", Text: text, Echo: true})
						if err != nil {
							t.Fatal(err)
						}
						if byTime {
							return ircd.Position{Time: m.Time}
						}
						return ircd.Position{MsgID: m.ID}
					}
					c.write("in front of both")
					time.Sleep(time.Second)
					say("own")
					time.Sleep(time.Second)
					c.write("in front of the last")
					time.Sleep(time.Second)
					from := say("own again")
					if !slow {
						time.Sleep(time.Second)
						if got := polled[*ircd.Message](t, away); len(got) != 2 {
							t.Errorf("shown %v", got)
						}
					}
					closeSession(t, away)
					c.fake.ReleaseEvents(false)
					time.Sleep(time.Second)
					c.write("missed")
					s := c.fetcher("bob")
					want := []string{"missed"}
					if slow {
						want = []string{"in front of both", "in front of the last", "missed"}
					}
					if got := pages(t, s, from, 500, byTime); !slices.Equal(got, want) {
						t.Errorf("got %q, want %q", got, want)
					}
					closeSession(t, s)
				})
			})
		}
	}
}

// What a line has overtaken and what came late since come in one order, the one by which the client orders all.
func TestOvertakenAndLateRowsInOrder(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		c.visit("ada", "#messages") // stays
		away := c.fetcher("bob")
		time.Sleep(time.Second)
		begun := time.Now()
		time.Sleep(time.Second)
		c.write("known")
		time.Sleep(time.Second)
		polled[*ircd.Message](t, away)
		c.fake.HoldEvents()
		c.write("overtaken")
		time.Sleep(time.Second)
		own, err := away.Send(t.Context(), ircd.Outgoing{Target: "#messages", Text: "own", Echo: true})
		if err != nil {
			t.Fatal(err)
		}
		closeSession(t, away)
		c.fake.ReleaseEvents(false)
		time.Sleep(time.Second)
		want := append(c.commit(2, begun, time.Millisecond), "overtaken", "behind")
		time.Sleep(time.Second)
		c.write("behind")
		time.Sleep(time.Second)
		for _, limit := range []int{500, 2} {
			s := c.fetcher("bob")
			if got := pages(t, s, ircd.Position{MsgID: own.ID}, limit, false); !slices.Equal(got, want) {
				t.Errorf("limit %d: got %q, want %q", limit, got, want)
			}
			closeSession(t, s)
		}
	})
}

// Where what waits for the client when it leaves is dated before what it was shown last, it is shown that too when it goes on from
// its own line, be it that its feed has that already, or gets it later.
func TestOwnLineInFrontOfLateRows(t *testing.T) {
	for _, held := range []bool{false, true} {
		for _, byTime := range []bool{false, true} {
			t.Run(fmt.Sprintf("held %v, by time %v", held, byTime), func(t *testing.T) {
				ircdtest.Bubble(t, func(t *testing.T) {
					c := newChat(t, nil)
					c.visit("ada", "#messages") // stays
					away := c.fetcher("bob")
					time.Sleep(time.Second)
					begun := time.Now()
					time.Sleep(time.Second)
					c.write("shown")
					time.Sleep(time.Second)
					polled[*ircd.Message](t, away)
					if held {
						c.fake.HoldEvents()
					}
					want := append(c.commit(2, begun, time.Millisecond), "missed")
					time.Sleep(time.Second)
					own, err := away.Send(t.Context(), ircd.Outgoing{Target: "#messages", Text: "own", Echo: true})
					if err != nil {
						t.Fatal(err)
					}
					closeSession(t, away)
					c.fake.ReleaseEvents(false)
					time.Sleep(time.Second)
					c.write("missed")
					from := ircd.Position{MsgID: own.ID}
					if byTime {
						from = ircd.Position{Time: own.Time}
					}
					for _, limit := range []int{500, 1} {
						s := c.fetcher("bob")
						if got := pages(t, s, from, limit, byTime); !slices.Equal(got, want) {
							t.Errorf("limit %d: got %q, want %q", limit, got, want)
						}
						closeSession(t, s)
					}
				})
			})
		}
	}
}
