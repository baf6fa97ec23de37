package bridge_test

import (
	"testing"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// TestDoubtsAreCounted: messages that Directus did not answer are told apart by what became of them.
func TestDoubtsAreCounted(t *testing.T) {
	for name, test := range map[string]struct {
		frame directustest.FrameVerdict
		rest  directustest.RESTVerdict
		want  bridge.Stats
	}{
		"answered":   {directustest.FrameVerdict{}, directustest.RESTVerdict{}, bridge.Stats{}},
		"stored":     {directustest.FrameVerdict{Mute: true}, directustest.RESTVerdict{}, bridge.Stats{DoubtStored: 1}},
		"not stored": {directustest.FrameVerdict{Skip: true, Mute: true}, directustest.RESTVerdict{Status: 500, Code: directus.CodeInternal}, bridge.Stats{DoubtAbsent: 1}},
		"unknown":    {directustest.FrameVerdict{Skip: true, Mute: true}, directustest.RESTVerdict{Hang: true}, bridge.Stats{DoubtOpen: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				c := newChat(t, nil)
				ada := c.visit("ada", "#messages")
				c.fake.OnFrame(func(f directustest.FakeFrame) directustest.FrameVerdict {
					if f.Action != "create" {
						return directustest.FrameVerdict{}
					}
					return test.frame
				})
				c.fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
					if r.Method != "POST" || r.Path != "/items/messages" {
						return directustest.RESTVerdict{}
					}
					return test.rest
				})
				_, err := ada.session.Send(t.Context(), ircd.Outgoing{Target: "#messages", Text: "x"})
				if lost := test.want.DoubtAbsent+test.want.DoubtOpen > 0; (err != nil) != lost {
					t.Error(err)
				}
				got := c.backend.Stats()
				if got.DoubtStored != test.want.DoubtStored || got.DoubtAbsent != test.want.DoubtAbsent || got.DoubtOpen != test.want.DoubtOpen {
					t.Errorf("counted as %+v", got)
				}
				list := c.backend.Status(10).Doubts
				if name == "answered" {
					list = append(list, bridge.Doubt{Outcome: name, UserID: c.person("ada"), Collection: "messages", Took: 1})
				}
				if len(list) != 1 || list[0].Outcome != name || list[0].UserID != c.person("ada") || list[0].Collection != "messages" || list[0].Took <= 0 {
					t.Errorf("the operator is told %+v", list)
				}
			})
		})
	}
}

// TestMissedEventsAreCounted: a missing key is counted, and so is each message that a reading finds.
func TestMissedEventsAreCounted(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		ada := c.visit("ada", "#messages")
		count := func(misplaced, recovered int64) {
			t.Helper()
			if s := c.backend.Stats(); s.Misplaced != misplaced || s.Recovered != recovered {
				t.Errorf("%d keys were missing and %d messages found, want %d and %d", s.Misplaced, s.Recovered, misplaced, recovered)
			}
		}
		c.write("one")
		c.write("two")
		ada.later(time.Second)
		count(0, 0)
		c.unheard("messages", map[string]any{"text": "lost"})
		c.write("next")
		ada.later(time.Second)
		count(1, 2) // the reading is quicker than the row that waits for the missing one
		c.fake.Cut()
		c.write("while the link is down")
		ada.later(time.Minute)
		count(1, 3)
	})
}
