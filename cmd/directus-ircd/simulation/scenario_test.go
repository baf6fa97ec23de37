package simulation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"directus-ircd/bridge/text"
	"directus-ircd/directus/directustest"
)

// A scenario is everything that a seed chooses. It is data, so that a part of it is a scenario too: see shrink.
type scenario struct {
	seed     uint64
	settings settings
	steps    []step
}

// settings of a world.
type settings struct {
	people    int
	clients   []clientSpec
	channels  []channelSpec
	directus  directustest.FakeOptions
	dates     directustest.DateKind // of the collections
	ownFeeds  bool
	uuidKeys  bool                   // of the collection messages; the collection other has keys of the other kind
	textKeys  bool                   // of the collection that has no uuids, in place of numbers
	keyName   string                 // of the collections of channels
	formats   map[string]text.Format // of collections
	private   bool
	resume    bool
	forgetful bool          // there is no state file; names stay as they are there, or nobody could tell whose a nick was
	merge     time.Duration // edits.merge of the daemon
	sendQueue int64         // bytes
	hasty     bool          // nearly no limit to the lines of clients
	flood     int           // about so many messages come in one import
	rooms     roomSettings
	ruled     int // so many people may read what is not secret, from the start, the last of them first
}

// channelSpec is a channel as the configuration has it.
type channelSpec struct {
	name, collection, room string // room: the value of the field by which it differs from others of its collection
	backlog                int
	softDelete             bool
	corrections            bool
	reactions              bool
	autoJoin               bool
	item                   bool // room is the key of an item that the channel is
	lobby                  bool // of the messages that have no room
	late                   bool // added by a reload, not there at the start
}

// kind is what a client can do.
type kind int

const (
	plain     kind = iota // no capability
	tagged                // server-time, message-tags, batch, echo-message
	paging                // tagged, and asks for history itself
	multiline             // tagged, and sends texts of several lines
	kinds
)

func (k kind) String() string { return [...]string{"plain", "tagged", "paging", "multiline"}[k] }

// clientSpec is a client of a person.
type clientSpec struct {
	person int
	kind   kind
	device string // empty: none
	token  bool   // logs in by static token, not by password
	web    bool   // IRC over WebSocket
	page   int    // messages that it asks for at once, where it asks
}

// A step is one act. The operands mean what its kind makes of them, modulo what there is, so that a step stays valid
// whatever else is taken out of the scenario.
type step struct {
	name    string
	a, b, c int
	pause   time.Duration // behind it
}

func (s step) String() string {
	return fmt.Sprintf("%s(%d, %d, %d), then %v", s.name, s.a, s.b, s.c, s.pause)
}

// names of people. Several of them make one nick.
var firstNames = []string{"Søren", "Soren", "Ada", "Ádá", "Zoë", "Jean Luc", "jean_luc", "Kim", "Kim", "unknown", "Bo", "Олег"}

// newScenario chooses. length is the number of steps.
func newScenario(seed uint64, length int) scenario {
	r := rand.New(rand.NewPCG(seed, 0x5eed))
	s := scenario{seed: seed, settings: newSettings(r)}
	s.settings.shape(rand.New(rand.NewPCG(seed, 0x5a9e)))
	for range length {
		s.steps = append(s.steps, newStep(r))
	}
	s.furnish(rand.New(rand.NewPCG(seed, 0x20035)))
	return s
}

func newSettings(r *rand.Rand) settings {
	s := settings{
		people: 2 + r.IntN(5), directus: newDirectus(r), dates: directustest.DateKind(r.IntN(4) / 3),
		ownFeeds: r.IntN(4) == 0, uuidKeys: r.IntN(2) == 0, private: r.IntN(2) == 0, resume: r.IntN(4) != 0,
		merge: []time.Duration{time.Second, merge, merge, 3 * time.Minute}[r.IntN(4)], sendQueue: []int64{1 << 20, 64 << 10}[r.IntN(2)],
		hasty: r.IntN(4) == 0, forgetful: r.IntN(4) == 0, flood: []int{50, 200, 1000, 1500}[r.IntN(4)],
		ruled: max(0, r.IntN(4)-1),
	}
	for i := range s.people {
		for n := range 1 + r.IntN(3) {
			c := clientSpec{person: i, kind: kind(r.IntN(int(kinds))), token: r.IntN(2) == 0, web: r.IntN(4) == 0, page: []int{3, 10, 50, 100}[r.IntN(4)]}
			if s.resume && r.IntN(3) == 0 {
				c.device = fmt.Sprintf("device%d", n)
			}
			s.clients = append(s.clients, c)
		}
	}
	soft, corrections, reactions := r.IntN(2) == 0, r.IntN(2) == 0, r.IntN(2) == 0
	for i, room := range []string{"dev", "ops", "pub"}[:1+r.IntN(3)] {
		s.channels = append(s.channels, channelSpec{
			name: "#" + room, collection: "messages", room: room, backlog: []int{0, 5, 50}[r.IntN(3)],
			softDelete: soft, corrections: corrections, reactions: reactions, autoJoin: true, late: i > 0 && r.IntN(3) == 0,
		})
	}
	if r.IntN(2) == 0 {
		s.channels = append(s.channels, channelSpec{name: "#other", collection: "other", backlog: 20, corrections: r.IntN(2) == 0, autoJoin: true})
	}
	return s
}

// shape chooses what the items of channels look like.
func (s *settings) shape(r *rand.Rand) {
	s.textKeys, s.keyName = r.IntN(4) == 0, []string{"id", "id", "ref"}[r.IntN(3)]
	s.formats = map[string]text.Format{}
	for _, collection := range []string{"messages", "other"} {
		s.formats[collection] = []text.Format{text.Plain, text.Plain, text.Markdown, text.HTML}[r.IntN(4)]
	}
}

// newDirectus chooses how Directus is set up.
func newDirectus(r *rand.Rand) directustest.FakeOptions {
	o := directustest.FakeOptions{
		Version: []string{"12.4.0", "12.4.0", "11.17.4", "10.13.4"}[r.IntN(4)], AccessTTL: []time.Duration{0, 0, 0, 2 * time.Minute}[r.IntN(4)],
		EchoAfterReply: r.IntN(3) == 0, Ahead: time.Duration(r.IntN(3)-1) * time.Duration(r.IntN(120)) * time.Second, Cached: r.IntN(4) == 0,
	}
	if r.IntN(6) == 0 {
		o.RESTLimit = directustest.RateLimit{Points: 50, Duration: time.Second}
	}
	if r.IntN(6) == 0 {
		o.RateLimit = directustest.RateLimit{Points: 50, Duration: time.Second}
	}
	if r.IntN(8) == 0 {
		o.QueryLimitMax = 60
	}
	return o
}

// pauses between steps: most are short, some let everything settle, a few let time-outs and rechecks pass.
func newPause(r *rand.Rand) time.Duration {
	switch n := r.IntN(100); {
	case n < 40:
		return time.Duration(r.IntN(5)) * time.Millisecond
	case n < 75:
		return time.Duration(r.IntN(500)) * time.Millisecond
	case n < 95:
		return time.Duration(r.IntN(8000)) * time.Millisecond
	}
	return time.Duration(r.IntN(90)) * time.Second
}

func newStep(r *rand.Rand) step {
	n := r.IntN(totalWeight())
	for _, name := range actNames() {
		if n -= acts[name].weight; n < 0 {
			return step{name, r.IntN(1 << 16), r.IntN(1 << 16), r.IntN(1 << 16), newPause(r)}
		}
	}
	panic("unreachable: the weights add up")
}

func actNames() []string {
	names := make([]string, 0, len(acts))
	for name := range acts {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func totalWeight() (sum int) {
	for _, a := range acts {
		sum += a.weight
	}
	return sum
}

// String is the scenario as a report shows it.
func (s scenario) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %+v\n", s.seed, s.settings)
	for i, st := range s.steps {
		fmt.Fprintf(&b, "%4d %v\n", i, st)
	}
	return b.String()
}
