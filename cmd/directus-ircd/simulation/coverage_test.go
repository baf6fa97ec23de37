package simulation

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"time"

	"directus-ircd/bridge/text"
	"directus-ircd/directus/directustest"
)

var covered = flag.Bool("simulate.covered", false, "fail where a promise, a deed, a fault or a setting was never put to the test")

// promises are what the worlds are judged by.
var promises = []string{
	"PING is answered", "a quiet system is quiet", "feeds are shared as configured", "lines written in part stay whole", "memory is bounded",
	"messages carry their author", "nicks never change hands", "nobody is named to strangers", "nobody is shown what they may not read",
	"nothing is doubled", "nothing is lost", "nothing is out of order", "nothing is stored twice", "queues are bounded",
	"senders are told the truth",
}

// traits are what scenarios differ by, beside their steps.
var traits = map[string]func(settings) bool{
	"Directus 10":              func(s settings) bool { return s.directus.Version[:2] == "10" },
	"Directus 11":              func(s settings) bool { return s.directus.Version[:2] == "11" },
	"Directus 12":              func(s settings) bool { return s.directus.Version[:2] == "12" },
	"answers from a cache":     func(s settings) bool { return s.directus.Cached },
	"clients on WebSockets":    anyClient(func(c clientSpec) bool { return c.web }),
	"clients that page":        anyClient(func(c clientSpec) bool { return c.kind == paging }),
	"clients with tags":        anyClient(func(c clientSpec) bool { return c.kind == tagged }),
	"corrections":              anyChannel(func(c channelSpec) bool { return c.corrections }),
	"dates in whole seconds":   func(s settings) bool { return s.dates == directustest.WholeSeconds },
	"devices":                  anyClient(func(c clientSpec) bool { return c.device != "" }),
	"edits that wait long":     func(s settings) bool { return s.merge > time.Minute },
	"feeds of one's own":       func(s settings) bool { return s.ownFeeds },
	"keys of another name":     func(s settings) bool { return s.keyName != "id" },
	"keys that are numbers":    func(s settings) bool { return !s.uuidKeys && !s.textKeys },
	"keys that are texts":      func(s settings) bool { return !s.uuidKeys && s.textKeys },
	"keys that are uuids":      func(s settings) bool { return s.uuidKeys },
	"limits of queries":        func(s settings) bool { return s.directus.QueryLimitMax > 0 },
	"limits of rate":           func(s settings) bool { return s.directus.RESTLimit.Points > 0 || s.directus.RateLimit.Points > 0 },
	"multiline clients":        anyClient(func(c clientSpec) bool { return c.kind == multiline }),
	"no state file":            func(s settings) bool { return s.forgetful },
	"no pace for clients":      func(s settings) bool { return s.hasty },
	"plain clients":            anyClient(func(c clientSpec) bool { return c.kind == plain }),
	"private messages":         func(s settings) bool { return s.private },
	"reactions":                anyChannel(func(c channelSpec) bool { return c.reactions }),
	"rights by rules":          func(s settings) bool { return s.ruled > 0 },
	"replies before events":    func(s settings) bool { return s.directus.EchoAfterReply },
	"short send queues":        func(s settings) bool { return s.sendQueue < 1<<20 },
	"soft deletion":            anyChannel(func(c channelSpec) bool { return c.softDelete }),
	"texts in HTML":            func(s settings) bool { return s.formats["messages"] == text.HTML },
	"texts in Markdown":        func(s settings) bool { return s.formats["messages"] == text.Markdown },
	"tokens that expire soon":  func(s settings) bool { return s.directus.AccessTTL > 0 },
	"tokens in place of users": anyClient(func(c clientSpec) bool { return c.token }),
}

func anyClient(is func(clientSpec) bool) func(settings) bool {
	return func(s settings) bool { return slices.ContainsFunc(s.clients, is) }
}

func anyChannel(is func(channelSpec) bool) func(settings) bool {
	return func(s settings) bool { return slices.ContainsFunc(s.channels, is) }
}

// addTraits counts the settings of a world.
func (s *total) addTraits(w *world) {
	for name, has := range traits {
		if has(w.scenario.settings) {
			s.traits[name]++
		}
	}
}

// uncovered are what was never put to the test.
func (s *total) uncovered() (missing []string) {
	for _, name := range promises {
		if s.verdict[name] == 0 {
			missing = append(missing, "promise: "+name)
		}
	}
	for _, name := range append(actNames(), clockSet) {
		if s.faults[name]+s.deeds[name] == 0 {
			missing = append(missing, "step: "+name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(traits)) {
		if s.traits[name] == 0 {
			missing = append(missing, "setting: "+name)
		}
	}
	return missing
}

// progress is a line for whoever waits for hours.
func (s *total) progress(since time.Time) string {
	return fmt.Sprintf("%v: %d worlds, %d broken; %d messages, %d faults", time.Since(since).Round(time.Second), s.worlds, len(s.broken), s.messages, sum(s.faults))
}
