package simulation

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// total is what many worlds come to.
type total struct {
	worlds, failed, messages, delivered int
	once                                int // worlds that broke, and did not again: see breaksAgain
	verdict                             verdict
	faults, deeds, traits               map[string]int
}

func newTotal() *total {
	return &total{verdict: verdict{}, faults: map[string]int{}, deeds: map[string]int{}, traits: map[string]int{}}
}

func (s *total) add(w *world) {
	s.worlds++
	s.messages += w.book.count()
	s.addTraits(w)
	for _, c := range w.clients {
		s.delivered += len(c.sights)
	}
	for _, sum := range []struct{ to, from map[string]int }{{s.verdict, w.verdict}, {s.faults, w.faults}, {s.deeds, w.deeds}} {
		for name, n := range sum.from {
			sum.to[name] += n
		}
	}
}

func sum(m map[string]int) (n int) {
	for _, k := range m {
		n += k
	}
	return n
}

func (s *total) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d worlds, %d of them broken, %d more once and not again; %d messages, delivered %d times; %d faults\n", s.worlds, s.failed, s.once, s.messages, s.delivered, sum(s.faults))
	for _, part := range []struct {
		title string
		m     map[string]int
	}{{"promise", s.verdict}, {"fault", s.faults}, {"deed", s.deeds}, {"setting", s.traits}} {
		for _, name := range slices.Sorted(maps.Keys(part.m)) {
			fmt.Fprintf(&b, "%s: %s\t%d\n", part.title, name, part.m[name])
		}
	}
	return b.String()
}

// most is how much of something a report shows.
const most = 12

// report tells of a broken world: what is broken, how to see it again, what of the scenario matters, and the wire of those
// concerned. The whole of it is in a file.
func report(t *testing.T, w *world) {
	t.Helper()
	if *brief {
		t.Errorf("seed %d:\n   %s\nThe wire of all: %s", w.scenario.seed, strings.Join(w.failures[:min(len(w.failures), most)], "\n   "),
			keep(t, w.scenario.seed, w.scenario.String()+w.transcript()))
		return
	}
	broken := symptom(w.failures[0])
	s, small := shrink(t, w.scenario, broken)
	small = cmp.Or(small, w)
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d breaks a promise; again: go test -run Simulation ./cmd/directus-ircd/simulation -simulate.seed=%d -simulate.steps=%d\n",
		w.scenario.seed, w.scenario.seed, len(w.scenario.steps))
	for _, f := range w.failures[:min(len(w.failures), most)] {
		fmt.Fprintln(&b, "  ", f)
	}
	if at := difference(w.transcript(), simulate(t, w.scenario).transcript()); at != "" {
		fmt.Fprintf(&b, "another run of this seed differs %s\nWith -simulate.exact the choices of the Go runtime follow from the seed.\n", at)
	}
	fmt.Fprintf(&b, "of %d steps %d are enough for:\n", len(w.scenario.steps), len(s.steps))
	for _, f := range small.failures[:min(len(small.failures), most)] {
		fmt.Fprintln(&b, "  ", f)
	}
	fmt.Fprint(&b, s)
	t.Errorf("%sThe wire of all: %s", b.String(), keep(t, w.scenario.seed, b.String()+small.transcript()))
}

// keep writes what is told of a seed to a file, and returns its name.
func keep(t *testing.T, seed uint64, text string) string {
	file := filepath.Join(os.TempDir(), fmt.Sprintf("simulation-%d.log", seed))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Error(err)
	}
	return file
}

// transcript is everything that was said, by the time of the world.
func (w *world) transcript() string {
	var lines []string
	for _, c := range w.clients {
		for _, line := range c.log {
			lines = append(lines, line[:10]+c.name+line[10:])
		}
	}
	for _, line := range w.log {
		lines = append(lines, line[:10]+"daemon"+line[10:])
	}
	slices.SortStableFunc(lines, func(a, b string) int { return cmp.Compare(a[:10], b[:10]) })
	return strings.Join(lines, "\n") + "\n"
}
