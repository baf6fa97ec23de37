package simulation

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

var (
	lasting   = flag.Duration("simulate.for", 0, "go on for so long; 0: until -simulate.messages and -simulate.faults are reached")
	oneSeed   = flag.Uint64("simulate.seed", 0, "try this seed alone; 0: one after the other")
	first     = flag.Uint64("simulate.first", 1, "the seed to begin with")
	length    = flag.Int("simulate.steps", 150, "steps of a scenario")
	messages  = flag.Int("simulate.messages", 300, "go on until so many messages were sent")
	wrong     = flag.Int("simulate.faults", 40, "go on until so many faults were committed")
	order     = flag.Bool("simulate.order", true, "judge what is lost and what is out of order, too")
	brief     = flag.Bool("simulate.brief", false, "name broken promises without looking for a smaller scenario")
	atMost    = flag.Duration("simulate.atmost", 0, "stop after so long though -simulate.messages and -simulate.faults are not reached; 0: do not")
	trace     = flag.Bool("simulate.trace", false, "log measurements of each world")
	printing  = flag.Bool("simulate.wire", false, "print the wire of all, of -simulate.seed")
	failing   = flag.Int("simulate.broken", 3, "stop at so many broken worlds")
	withRooms = flag.Int("simulate.rooms", 0, "one world of so many has rooms; 0: none has")
	again     = flag.Int("simulate.again", 0, "a world is broken if it breaks in one of so many further runs, too; else it is printed and counted as one that broke once; 0: it is in any case")
)

// shortWorlds is how many worlds each process plays in -short: on two cores some two thousand steps in ten seconds.
const shortWorlds = 7

// Whatever happens, the promises that are judged hold.
func TestSimulation(t *testing.T) {
	if *exact {
		out, failed := runExactly(t, builtExactly(t))
		if t.Log(out); failed {
			t.Error("see above")
		}
		return
	}
	if *oneSeed != 0 {
		w := simulate(t, newScenario(*oneSeed, *length))
		if *printing {
			fmt.Println(wireMark + w.transcript())
		}
		if len(w.failures) > 0 {
			report(t, w)
		}
		return
	}
	begin, sums := time.Now(), newTotal()
	if *tallyFile != "" {
		go endWithInput()
		voyage(t, sums, begin)
		sums.save(t, 0)
		return
	}
	if testing.Short() {
		*processes = max(*processes, min(runtime.NumCPU(), 2))
	}
	fleet(t, sums)
	t.Logf("%v in %v", sums, time.Since(begin).Round(time.Second))
	if missing := sums.uncovered(); *covered && !t.Failed() && len(missing) > 0 {
		t.Errorf("never put to the test:\n   %s", strings.Join(missing, "\n   "))
	}
	if ending := sums.ending(); ending != "" {
		t.Log("\n" + ending)
	}
}

// voyage tries one seed after the other.
func voyage(t *testing.T, sums *total, begin time.Time) {
	said := begin
	enough := func() bool {
		switch {
		case len(sums.broken) >= *failing:
			return true
		case *lasting > 0:
			return time.Since(begin) > *lasting
		case *atMost > 0 && time.Since(begin) > *atMost:
			return true
		case testing.Short():
			return sums.worlds >= shortWorlds
		}
		return sums.messages >= *messages && sum(sums.faults) >= *wrong
	}
	for seed := *first; !enough(); seed += *stride {
		sums.save(t, seed)
		w := simulate(t, newScenario(seed, *length))
		sums.add(w)
		switch {
		case len(w.failures) == 0:
		case *again > 0 && !breaksAgain(t, seed):
			sums.once = append(sums.once, brokenBy(seed, w.failures[0]))
			fmt.Fprintf(os.Stderr, "seed %d broke a promise, and not in %d further runs of it: the scheduler had a part in that. %s\nThe wire of all: %s\n",
				seed, *again, w.failures[0], keep(t, seed, w.scenario.String()+strings.Join(w.failures, "\n")+"\n"+w.transcript()))
		default:
			sums.broken = append(sums.broken, brokenBy(seed, w.failures[0]))
			report(t, w)
		}
		if time.Since(said) > 10*time.Minute {
			said = time.Now()
			fmt.Fprintln(os.Stderr, sums.progress(begin))
		}
	}
}

// breaksAgain reports whether a seed breaks a promise in one of some further runs. Not all that
// the scheduler of Go decides follows from the seed: what somebody has to look for before others
// go on is what can be found again.
func breaksAgain(t *testing.T, seed uint64) bool {
	for range *again {
		if len(simulate(t, newScenario(seed, *length)).failures) > 0 {
			return true
		}
	}
	return false
}
