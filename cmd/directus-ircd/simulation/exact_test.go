package simulation

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

var exact = flag.Bool("simulate.exact", false, "run with a Go runtime whose choices follow from the seed, too; see exact_test.go")

// A patch replaces a text that is once in a file of the Go runtime.
type patch struct{ file, old, new string }

// patches make everything that the runtime chooses at random within a bubble a function of what was chosen in it before: the
// order of maps, of ready cases of a select and of timers due at one moment, math/rand/v2, and the turns of a contended
// lock. And nothing is taken off its processor by the time that it takes on this machine, nor in a system call.
//
// They are for a build of a test alone: go test -overlay, which leaves the installation as it is.
var patches = []patch{
	{"rand.go", "	mp := getg().m\n	c := &mp.chacha8\n", "	if b := ownBubble(); b != nil {\n		return b.choose()\n	}\n	mp := getg().m\n	c := &mp.chacha8\n"},
	{"rand.go", "	globalRand.state.Init(*seed)\n", "	*seed = [32]byte{}\n	globalRand.state.Init(*seed)\n"},
	{"select.go", "j := cheaprandn(uint32(norder + 1))", "j := chooseOf(uint32(norder + 1))"},
	{"time.go", "			t.rand = cheaprand()", "			t.rand = chooseOf(1 << 31)"},
	{"sema.go", "	s.ticket = cheaprand() | 1", "	s.ticket = chooseOf(1<<31) | 1"},
	{"sema.go", "func internal_sync_nanotime() int64 {\n	return nanotime()", "func internal_sync_nanotime() int64 {\n	return 1"},
	{"proc.go", "func retake(now int64) uint32 {\n	n := 0\n", "func retake(now int64) uint32 {\n	n := 0\n	if gomaxprocs == 1 {\n		return 0\n	}\n"},
	{"synctest.go", "	gp.bubble = bubble\n	defer func() {", "	getg().m.p.ptr().schedtick = 0\n	gp.bubble = bubble\n	defer func() {"},
	{"synctest.go", "	active  int // other sources of activity\n}\n", `	active  int // other sources of activity
	chosen  uint64
}

//go:nosplit
func ownBubble() *synctestBubble {
	gp := getg()
	if gp.bubble != nil || gp.m == nil || gp.m.curg == nil {
		return gp.bubble
	}
	return gp.m.curg.bubble
}

//go:nosplit
func chooseOf(n uint32) uint32 {
	if b := ownBubble(); b != nil {
		return uint32((b.choose() >> 32 * uint64(n)) >> 32)
	}
	return cheaprandn(n)
}

// choose is splitmix64.
//
//go:nosplit
func (b *synctestBubble) choose() uint64 {
	b.chosen += 0x9e3779b97f4a7c15
	z := b.chosen
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}
`},
}

// overlay writes the patched runtime to a folder, and returns the name of what go test -overlay takes.
func overlay(folder string) (string, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", err
	}
	source := filepath.Join(strings.TrimSpace(string(root)), "src", "runtime")
	replace := map[string]string{}
	for _, p := range patches {
		file, target := filepath.Join(source, p.file), filepath.Join(folder, p.file)
		from := target
		if replace[file] == "" {
			from, replace[file] = file, target
		}
		text, err := os.ReadFile(from)
		if err != nil {
			return "", err
		}
		if strings.Count(string(text), p.old) != 1 {
			return "", fmt.Errorf("the runtime of %s is not the one that this knows how to patch: %s has not once %q", runtime.Version(), p.file, p.old)
		}
		if err := os.WriteFile(target, []byte(strings.Replace(string(text), p.old, p.new, 1)), 0o600); err != nil {
			return "", err
		}
	}
	index, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	name := filepath.Join(folder, "overlay.json")
	return name, os.WriteFile(name, index, 0o600)
}

// builtExactly builds this test anew with the patched runtime, which takes a minute or two when nothing of it is cached.
func builtExactly(t *testing.T) (binary string) {
	t.Helper()
	folder := t.TempDir()
	index, err := overlay(folder)
	if err != nil {
		t.Fatal(err)
	}
	binary = filepath.Join(folder, "simulation.test")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-overlay", index, "-o", binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// runExactly runs TestSimulation in the binary of the patched runtime with the flags of this run, and without a garbage
// collector, whose turns depend on the machine.
func runExactly(t *testing.T, binary string, flags ...string) (output string, failed bool) {
	t.Helper()
	args := []string{"-test.run", "^TestSimulation$", "-test.v"}
	flag.Visit(func(f *flag.Flag) {
		if strings.HasPrefix(f.Name, "simulate.") && f.Name != "simulate.exact" {
			args = append(args, "-"+f.Name+"="+f.Value.String())
		}
	})
	run := exec.CommandContext(t.Context(), binary, append(args, flags...)...)
	run.Env = append(os.Environ(), "GOGC=off")
	out, err := run.CombinedOutput()
	return string(out), err != nil
}
