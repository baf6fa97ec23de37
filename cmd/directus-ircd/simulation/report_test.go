package simulation

import (
	"cmp"
	"errors"
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
	worlds, messages, delivered int
	broken                      []string // a line for each world that broke
	once                        []string // and for those that did not again: see breaksAgain
	verdict                     verdict
	faults, deeds, traits       map[string]int
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
	fmt.Fprintf(&b, "%d worlds, %d of them broken, %d more once and not again; %d messages, delivered %d times; %d faults\n", s.worlds, len(s.broken), len(s.once), s.messages, s.delivered, sum(s.faults))
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

// ending names the worlds that broke, each in a line with the first promise that it broke, those that broke again last: what is
// read of a long log is its end.
func (s *total) ending() string {
	var b strings.Builder
	for _, part := range []struct {
		title string
		lines []string
	}{{"broke once and not again", s.once}, {"broken", s.broken}} {
		for _, line := range part.lines {
			fmt.Fprintf(&b, "%s: %s\n", part.title, line)
		}
	}
	return b.String()
}

// brokenBy is a line for a world that broke.
func brokenBy(seed uint64, failure string) string {
	first, _, _ := strings.Cut(failure, "\n")
	return fmt.Sprintf("seed %d: %s", seed, first)
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

// The end of what a fleet says names each world that broke, be it that its process broke off.
func TestEndingNamesWhatBroke(t *testing.T) {
	sums := newTotal()
	sums.merge(tally{Worlds: 9, Broken: []string{brokenBy(7, "lost: a line\nand more of it")}, Once: []string{brokenBy(8, "panic: dead")}})
	said := "10m0s: 70 worlds\npanic: of one\n\tpanic: of another\ngoroutine 1 [running]:\n"
	sums.merge(tally{Broken: []string{brokenBy(3, brokeOff(said, nil)), brokenBy(4, brokeOff("", errors.New("killed")))}})
	want := "broke once and not again: seed 8: panic: dead\nbroken: seed 7: lost: a line\n" +
		"broken: seed 3: panic: of one\nbroken: seed 4: the process ended: killed\n"
	if got := sums.ending(); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if got := sums.String(); !strings.HasPrefix(got, "9 worlds, 3 of them broken, 1 more once") {
		t.Error(got)
	}
}
