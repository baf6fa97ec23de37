package simulation

import (
	"fmt"
	"strings"
	"testing"
)

// The same seed makes the same run, as far as the scheduler of Go allows: with -simulate.exact two runs of 60 steps have the
// same log to the last line. Without, the first thing that differs is told, and what must not differ is what the seed chooses.
func TestSameSeedSameRun(t *testing.T) {
	s := newScenario(*first, min(*length, 60))
	if again := newScenario(*first, min(*length, 60)); s.String() != again.String() {
		t.Fatalf("the scenario of seed %d:\n%v\nand again:\n%v", s.seed, s, again)
	}
	if *exact {
		binary, flags := builtExactly(t), []string{fmt.Sprintf("-simulate.seed=%d", s.seed), "-simulate.wire"}
		one, _ := runExactly(t, binary, flags...)
		other, _ := runExactly(t, binary, flags...)
		if at := difference(wireOf(one), wireOf(other)); at != "" {
			t.Errorf("seed %d: the second run differs %s", s.seed, at)
		}
		return
	}
	one, other := simulate(t, s), simulate(t, s)
	if at := difference(one.transcript(), other.transcript()); at != "" {
		t.Logf("seed %d: the second run differs %s\nWith -simulate.exact the choices of the Go runtime follow from the seed.", s.seed, at)
	}
}

// wireMark stands in front of the wire of all where it is printed.
const wireMark = "=== WIRE\n"

// wireOf is the transcript in what a run prints with -simulate.wire.
func wireOf(output string) string {
	_, wire, _ := strings.Cut(output, wireMark)
	wire, _, _ = strings.Cut(wire, "--- ")
	return wire
}

// difference says where two logs differ first; empty if they do not.
func difference(one, other string) string {
	a, b := strings.Split(one, "\n"), strings.Split(other, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("from line %d of %d on:\n%s\n%s", i, len(a), a[i], b[i])
		}
	}
	if len(a) != len(b) {
		return fmt.Sprintf("in length: %d lines and %d", len(a), len(b))
	}
	return ""
}
