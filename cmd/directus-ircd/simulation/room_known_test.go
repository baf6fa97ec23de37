package simulation

import (
	"testing"
	"time"

	"directus-ircd/bridge/rooms"
	"directus-ircd/bridge/text"
)

// furnished is a small world of rooms alone: "Tea", "dev" and "!!!", which all are in.
func furnished(k kind, steps ...step) scenario {
	return small(k, "12.4.0", false, steps...).with(func(s *settings) {
		s.channels, s.formats = nil, map[string]text.Format{}
		s.rooms = roomSettings{on: true, count: 3, join: rooms.JoinAll, backlog: 5}
	})
}

// Rooms that change in the ways which were once found to break a promise, or which a daemon broken by hand was found by.
func TestKnownRooms(t *testing.T) {
	for what, s := range map[string]scenario{
		"two rooms get each other's names, which is told at once": furnished(paging,
			step{"web", 1, 0, 7, time.Second}, step{"events in reverse", 0, 0, 63, 0}, step{"rooms change names", 0, 1, 15, 5 * time.Second},
			step{"web", 1, 0, 9, 0}, step{"web", 1, 1, 11, time.Second}, step{"say", 0, 1, 3, time.Second},
		),
		"the right to the rooms is taken, and that to the messages is not": furnished(tagged,
			step{"web", 1, 0, 7, time.Second}, step{"rooms closed to somebody", 0, 0, 0, 3 * time.Minute}, step{"web", 1, 0, 9, time.Minute},
			step{"rooms opened to somebody", 0, 0, 0, 3 * time.Minute}, step{"web", 1, 0, 11, time.Second},
		),
		"the right to a room is taken": furnished(tagged,
			step{"web", 1, 0, 7, time.Second}, step{"room closed to somebody", 0, 0, 0, 3 * time.Minute}, step{"web", 1, 0, 9, time.Minute},
			step{"room opened to somebody", 0, 0, 0, 3 * time.Minute}, step{"web", 1, 0, 11, time.Second},
		),
		"a room is renamed": furnished(plain,
			step{"web", 1, 0, 7, time.Second}, step{"room renamed", 0, 0, 15, 0}, step{"web", 1, 0, 9, time.Second}, step{"say", 0, 0, 9, time.Second},
		),
		"the name of a room that is deleted is given to another": furnished(paging,
			step{"web", 1, 0, 7, time.Second}, step{"name given on", 0, 0, 0, time.Second}, step{"web", 1, 2, 9, time.Second},
		),
		"a message is moved from one room to another, and back": furnished(tagged,
			step{"web", 1, 0, 7, time.Second}, step{"message moved", 1, 0, 0, time.Second}, step{"message moved", 0, 0, 0, time.Second},
		),
		"somebody leaves, the rooms are taken out of the configuration, and what they may read changes": furnished(tagged,
			step{"web", 1, 0, 7, 28 * time.Second}, step{"leave", 0, 0, 0, time.Second}, step{"rooms not configured", 0, 0, 0, 0},
			step{"rooms closed to somebody", 0, 0, 0, 40 * time.Second}, step{"rooms not configured", 0, 0, 0, time.Minute},
			step{"rooms opened to somebody", 0, 0, 0, time.Minute}, step{"come", 0, 0, 0, time.Minute},
		),
		"a channel of the configuration takes the name of a room, and gives it back": furnished(paging,
			step{"room renamed", 0, 0, 6, time.Second}, step{"web", 1, 0, 7, time.Second}, step{"reload", 0, 0, 1, time.Minute},
			step{"web", 1, 0, 9, time.Second}, step{"web", 1, 1, 11, time.Second}, step{"say", 0, 0, 3, time.Second}, step{"say", 0, 1, 3, time.Second},
			step{"reload", 0, 0, 1, time.Minute}, step{"web", 1, 0, 13, time.Second},
		).with(func(s *settings) {
			s.channels = []channelSpec{{name: "#ops", collection: "messages", room: "ops", backlog: 5, autoJoin: true, late: true}}
		}),
	} {
		t.Run(what, func(t *testing.T) {
			w := simulate(t, s)
			if len(w.failures) > 0 {
				report(t, w)
			}
			if n := w.verdict["rooms have their own names"]; n < 6 {
				t.Errorf("clients were told of %d rooms", n)
			}
		})
	}
}

// A name is that of a room whose name is written so, with digits of its key where another one is called so.
func TestNamesThatFit(t *testing.T) {
	for _, c := range []struct {
		id, name, called string
		fits             bool
	}{
		{"7", "Tea", "#tea", true}, {"7", "Tea", "#tea-7", true}, {"7", "Tea", "#tea-8", false}, {"7", "Tea", "#coffee", false},
		{"7", "", "#room-7", true}, {"7", "", "#room", false}, {"1a2b-3c4d", "Tea", "#tea-1a2b3", true}, {"1a2b-3c4d", "Tea", "#tea-3c4d", false},
		{"7", "Tea Time", "#tea-time", true}, {"7", "Tea Time", "#tea-7", false},
	} {
		if fits(c.id, c.name, c.called) != c.fits {
			t.Errorf("%+v", c)
		}
	}
}
