package simulation

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// shrinkTime bounds the search for a smaller scenario.
const shrinkTime = 40 * time.Second

// symptom is the promise that a failure names.
func symptom(failure string) string {
	name, _, _ := strings.Cut(failure, ":")
	return name
}

// shrink takes out of a failing scenario what it does not need to break the same promise: steps first, in ever smaller
// pieces, then clients from the last on.
func shrink(t *testing.T, s scenario, broken string) (scenario, *world) {
	deadline := time.Now().Add(shrinkTime)
	var last *world
	fails := func(candidate scenario) bool {
		if time.Now().After(deadline) {
			return false
		}
		w := simulate(t, candidate)
		if slices.ContainsFunc(w.failures, func(f string) bool { return symptom(f) == broken }) {
			last = w
			return true
		}
		return false
	}
	for size := (len(s.steps) + 1) / 2; size > 0; size /= 2 {
		for from := 0; from < len(s.steps); {
			candidate := s
			candidate.steps = slices.Delete(slices.Clone(s.steps), from, min(from+size, len(s.steps)))
			if fails(candidate) {
				s = candidate
			} else {
				from += size
			}
		}
	}
	for i := len(s.settings.clients) - 1; i >= 0 && len(s.settings.clients) > 1; i-- {
		candidate := s
		candidate.settings.clients = slices.Delete(slices.Clone(s.settings.clients), i, i+1)
		if fails(candidate) {
			s = candidate
		}
	}
	return s, last
}
