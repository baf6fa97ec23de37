package simulation

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

var (
	processes = flag.Int("simulate.processes", 1, "share the seeds among so many processes; a world keeps one core busy")
	stride    = flag.Uint64("simulate.stride", 1, "try every seed of so many")
	tallyFile = flag.String("simulate.tally", "", "write what the worlds come to into a file, and end with the standard input: for -simulate.processes")
)

// tally is a total as one process hands it to another.
type tally struct {
	Playing                        uint64 // a seed; 0: the process has come to its end
	Worlds, Messages, Delivered    int
	Broken, Once                   []string
	Verdict, Faults, Deeds, Traits map[string]int
}

// fleet has the seeds tried by processes of their own. They can be several: a bubble runs on one processor, and there is
// one source of random numbers in a process. And no disk is full for this process, to which go test gives a file to write:
// see fillDisk.
func fleet(t *testing.T, sums *total) {
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var running sync.WaitGroup
	for i := range *processes {
		file := filepath.Join(t.TempDir(), "tally")
		cmd := exec.CommandContext(t.Context(), binary, shareOf(i, file)...)
		// Its end is that of this process, however that comes.
		_, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		// Worlds are short-lived: collecting them less often costs memory that is there.
		cmd.Env = append(os.Environ(), "GOGC=400")
		var said bytes.Buffer
		cmd.Stderr = io.MultiWriter(os.Stderr, &said) // how far a long run has come, and how it broke off
		running.Go(func() {
			out, failed := cmd.Output()
			var part tally
			text, err := os.ReadFile(file)
			if err == nil {
				err = json.Unmarshal(text, &part)
			}
			mu.Lock()
			defer mu.Unlock()
			if failed != nil || err != nil {
				t.Errorf("%v\n%s", errors.Join(failed, err), out)
			}
			if part.Playing != 0 {
				part.Broken = append(part.Broken, brokenBy(part.Playing, brokeOff(said.String(), failed)))
			}
			sums.merge(part)
		})
	}
	running.Wait()
}

// shareOf are the arguments of one process.
func shareOf(i int, file string) []string {
	args := []string{"-test.run=^TestSimulation$", "-test.timeout=0", fmt.Sprintf("-test.short=%v", testing.Short())}
	flag.Visit(func(f *flag.Flag) {
		switch name, ours := strings.CutPrefix(f.Name, "simulate."); {
		case !ours:
		case name == "messages" || name == "faults" || name == "processes" || name == "first" || name == "stride":
		default:
			args = append(args, fmt.Sprintf("-%s=%s", f.Name, f.Value))
		}
	})
	n := *processes
	return append(args, fmt.Sprintf("-simulate.first=%d", *first+uint64(i)), fmt.Sprintf("-simulate.stride=%d", n),
		fmt.Sprintf("-simulate.messages=%d", (*messages+n-1)/n), fmt.Sprintf("-simulate.faults=%d", (*wrong+n-1)/n), "-simulate.tally="+file)
}

// brokeOff says how a process ended that has not played a world to its end.
func brokeOff(said string, failed error) string {
	for line := range strings.Lines(said) {
		if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
			return line
		}
	}
	return fmt.Sprint("the process ended: ", failed)
}

// endWithInput ends the process when nobody holds its standard input open any more.
func endWithInput() {
	io.Copy(io.Discard, os.Stdin)
	os.Exit(2)
}

// save writes a total for the process that asked for it, and which seed is played now: a panic in a world ends its process.
func (s *total) save(t *testing.T, playing uint64) {
	text, err := json.Marshal(tally{playing, s.worlds, s.messages, s.delivered, s.broken, s.once, s.verdict, s.faults, s.deeds, s.traits})
	if err == nil {
		err = os.WriteFile(*tallyFile, text, 0o600)
	}
	if err != nil {
		t.Error(err)
	}
}

// merge adds what another process has come to.
func (s *total) merge(t tally) {
	s.worlds, s.messages, s.delivered = s.worlds+t.Worlds, s.messages+t.Messages, s.delivered+t.Delivered
	s.broken, s.once = append(s.broken, t.Broken...), append(s.once, t.Once...)
	for _, sum := range []struct{ to, from map[string]int }{{s.verdict, t.Verdict}, {s.faults, t.Faults}, {s.deeds, t.Deeds}, {s.traits, t.Traits}} {
		for name, n := range sum.from {
			sum.to[name] += n
		}
	}
}
