package simulation

import (
	"flag"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"directus-ircd/directus/directustest"
)

var alone = flag.Bool("simulate.alone", false, "this process was started for one scenario, in which the disk is full; see fleet")

// small is a world of two people, with a client each, and one channel.
func small(kind kind, version string, uuids bool, steps ...step) scenario {
	return scenario{steps: steps, settings: settings{
		people: 2, clients: []clientSpec{{person: 0, kind: kind, token: true, page: 100}, {person: 1, kind: tagged, page: 100}},
		channels: []channelSpec{{name: "#dev", collection: "messages", room: "dev", backlog: 5, autoJoin: true}},
		directus: directustest.FakeOptions{Version: version}, uuidKeys: uuids, resume: true, merge: 5 * time.Second, sendQueue: 1 << 20, flood: 50,
	}}
}

// with changes the settings of a scenario.
func (s scenario) with(change func(*settings)) scenario {
	change(&s.settings)
	return s
}

// knownScenarios are the shortest scenarios found that show what a seed has once broken. A seed
// alone would not keep it: it means another scenario as soon as there is a further kind of step.
var knownScenarios = map[string]scenario{
	"what is behind a lost event is known to a client that pages, and the daemon starts anew": small(paging, "12.4.0", true,
		step{"web", 1, 0, 7, time.Second}, step{"events lost", 0, 0, 2, 0}, step{"web", 1, 0, 9, time.Second},
		step{"web", 1, 0, 11, time.Second}, step{"restart", 0, 0, 1, time.Minute},
	),
	"a message that Directus is slow to take is refused when it is sent again, and stored after that": small(tagged, "12.4.0", false,
		step{"web", 1, 0, 7, 20 * time.Second}, step{"frame late", 0, 63, 63, 0}, step{"REST 403", 2, 0, 63, 0}, step{"say", 0, 0, 3, time.Minute},
	),
	"a message is moved out of the channel while its sender waits for the answer": small(tagged, "12.4.0", false,
		step{"frame answer lost", 2, 0, 63, 0}, step{"say", 0, 0, 3, time.Millisecond}, step{"web move", 3, 0, 0, time.Minute},
	),
	"dates go back with the clock of Directus": small(multiline, "12.4.0", false,
		step{"web", 1, 0, 7, time.Second}, step{"Directus' clock set", 0, 0, 1, time.Second}, step{"web", 1, 0, 9, time.Second},
		step{"Directus' clock set", 0, 0, 60, time.Second}, step{"web", 1, 0, 11, time.Second},
	),
	"the clock of Directus is set back, and a device comes back at once": small(plain, "12.4.0", false,
		step{"web", 1, 0, 7, time.Second}, step{"Directus' clock set", 0, 0, 40, time.Second}, step{"web", 1, 0, 9, time.Second},
		step{"restart", 0, 0, 3, time.Second},
	).with(func(s *settings) { s.clients[0].device = "device0" }),
	"the clock of Directus is set back, a client joins, and an event is lost": small(tagged, "12.4.0", false,
		step{"web", 1, 0, 7, time.Second}, step{"web", 1, 0, 8, time.Second}, step{"web", 1, 0, 9, time.Second}, step{"web", 1, 0, 10, time.Second},
		step{"web", 1, 0, 11, time.Second}, step{"web", 1, 0, 12, time.Second}, step{"web", 1, 0, 13, time.Second},
		step{"Directus' clock set", 0, 0, 100, time.Second}, step{"leave", 0, 0, 0, time.Second}, step{"come", 0, 0, 0, time.Second},
		step{"events lost", 0, 0, 32, time.Second}, step{"web", 1, 0, 14, 10 * time.Second}, step{"web", 1, 0, 15, time.Minute},
	),
	"the clock of Directus is set back while nothing is stored, Directus is away, and a client leaves soon after": small(plain, "12.4.0", false,
		step{"Directus' clock set", 0, 0, 1, time.Second}, step{"Directus killed", 0, 0, 32, time.Second}, step{"web", 1, 0, 7, time.Minute},
		step{"web", 1, 0, 9, time.Second}, step{"part", 0, 0, 0, time.Minute},
	),
	"the clock of Directus is set back behind what a new device was not shown, and it comes back": small(tagged, "12.4.0", false,
		step{"leave", 0, 0, 0, time.Second}, step{"web", 1, 0, 7, 30 * time.Second}, step{"web, many", 1, 0, 0, time.Second},
		step{"restart", 0, 0, 3, time.Second}, step{"come", 0, 0, 0, 40 * time.Second},
		step{"web", 1, 0, 9, time.Second}, step{"Directus' clock set", 0, 0, 50, time.Second},
		step{"leave", 0, 0, 0, time.Second}, step{"come", 0, 0, 0, time.Minute},
	).with(func(s *settings) { s.clients[0].device, s.forgetful = "device0", true }),
	"the clock of Directus is set back, its link breaks, and a client comes before what was stored meanwhile is found": small(plain, "12.4.0", true,
		step{"leave", 2, 0, 0, time.Second}, step{"Directus' clock set", 0, 0, 220, time.Second}, step{"web", 1, 0, 7, time.Minute},
		step{"Directus' clock set", 0, 0, 20, 0}, step{"Directus frozen", 0, 0, 63, time.Second}, step{"web", 1, 0, 9, 80 * time.Second},
		step{"Directus' clock set", 0, 0, 220, time.Second}, step{"come", 2, 0, 0, time.Minute},
	).with(func(s *settings) {
		s.clients, s.channels[0].backlog, s.ownFeeds = append(s.clients, clientSpec{person: 0, kind: plain, page: 100}), 0, true
	}),
	"what is kept in memory because the disk was full when the daemon started is lost when it stops": small(plain, "12.4.0", false,
		step{"web", 1, 0, 7, time.Minute}, step{"disk full", 0, 0, 8, time.Second}, step{"restart", 0, 0, 3, 40 * time.Second},
		step{"web", 1, 0, 9, time.Minute}, step{"restart", 0, 0, 3, time.Minute},
	).with(func(s *settings) { s.clients[0].device = "device0" }),
	"what devices have received is lost, and one comes back at the moment at which the daemon starts": small(plain, "12.4.0", false,
		step{"web", 1, 0, 7, time.Minute}, step{"leave", 0, 0, 0, time.Second}, step{"web", 1, 0, 9, time.Second},
		step{"state wrecked", 0, 0, 0, 0}, step{"come", 0, 0, 0, time.Minute},
	).with(func(s *settings) { s.clients[0].device, s.channels[0].backlog = "device0", 0 }),
	"nothing is kept beyond the end of the daemon, and a device comes back at the moment at which it starts": small(plain, "12.4.0", false,
		step{"web", 1, 0, 7, time.Minute}, step{"leave", 0, 0, 0, time.Second}, step{"restart", 0, 0, 0, 0}, step{"come", 0, 0, 0, time.Minute},
	).with(func(s *settings) { s.clients[0].device, s.forgetful = "device0", true }),
	"more than are told apart come behind a message whose event is lost, and a device leaves before that is found": small(tagged, "12.4.0", true,
		step{"web", 1, 0, 7, time.Minute}, step{"events lost", 0, 0, 2, 0}, step{"web", 1, 0, 9, 10 * time.Second},
		step{"import", 1, 0, 550, 30 * time.Second}, step{"leave", 0, 0, 0, time.Second}, step{"come", 0, 0, 0, time.Minute},
	).with(func(s *settings) { s.clients[0].device, s.flood = "device0", 1000 }),
	"an edit that has waited for long tells what was there before": small(tagged, "12.4.0", false,
		step{"web", 1, 0, 10, time.Second}, step{"web edit, many", 3, 0, 0, time.Second},
	).with(func(s *settings) { s.merge = 3 * time.Minute }),
	"an answer to an old message quotes it, under the nick of who answers": small(plain, "12.4.0", false,
		step{"web", 0, 0, 7, 6 * time.Minute}, step{"reply", 1, 0, 3, time.Minute},
	),
	"a refused reaction says nothing of a message": small(tagged, "12.4.0", false,
		step{"say", 0, 0, 3, time.Second}, step{"part", 0, 0, 0, time.Second}, step{"react", 0, 0, 0, time.Minute},
	).with(func(s *settings) { s.channels[0].reactions = true }),
	"events come in reverse, and keys that count up tell which is missing": small(tagged, "12.4.0", false,
		step{"web", 1, 0, 7, time.Second}, step{"events in reverse", 0, 0, 63, 0}, step{"web", 1, 0, 9, 100 * time.Millisecond},
		step{"web", 1, 0, 11, 100 * time.Millisecond}, step{"web", 1, 0, 13, time.Minute},
	),
	"a client over WebSocket reads nothing for longer than it may, and goes on writing": small(tagged, "12.4.0", false,
		append([]step{{"client reads nothing", 0, 0, 63, 0}, {"web", 1, 0, 7, time.Second}}, slices.Repeat([]step{{"say", 0, 0, 3, 2 * time.Second}}, 25)...)...,
	).with(func(s *settings) { s.clients[0].web = true }),
}

func TestKnownScenarios(t *testing.T) {
	for what, s := range knownScenarios {
		t.Run(what, func(t *testing.T) {
			if !*alone && slices.ContainsFunc(s.steps, func(s step) bool { return s.name == "disk full" }) {
				again := exec.CommandContext(t.Context(), os.Args[0], "-test.run="+t.Name(), "-simulate.alone")
				if out, err := again.CombinedOutput(); err != nil {
					t.Errorf("%v\n%s", err, out)
				}
				return
			}
			if w := simulate(t, s); len(w.failures) > 0 {
				report(t, w)
			}
		})
	}
}
