package needs

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What is missing is named at once, with a line for the system at hand.
func TestExplain(t *testing.T) {
	debian := map[string]string{"ID": "debian"}
	e := &Error{Programs: Directus, Later: []Program{Chromium}}
	for _, tt := range []struct {
		name string
		m    machine
		want []string
	}{
		{"root on Debian", machine{os: debian, root: true, sudo: true},
			[]string{"not found: python3, make and g++\n", ":  apt-get install --no-install-recommends python3 make g++\n", "need Chromium as well", "  apt-get install --no-install-recommends python3 make g++ chromium"}},
		{"sudo on Debian", machine{os: debian, sudo: true}, []string{":  sudo apt-get install --no-install-recommends python3"}},
		{"neither", machine{os: debian}, []string{":  apt-get install --no-install-recommends python3 make g++   (as root)"}},
		{"Ubuntu", machine{os: map[string]string{"ID": "ubuntu", "ID_LIKE": "debian"}, root: true}, []string{"g++ chromium-browser"}},
		{"Mint", machine{os: map[string]string{"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}, root: true}, []string{"apt-get install", "chromium-browser"}},
		{"Fedora", machine{os: map[string]string{"ID": "fedora"}, root: true}, []string{"dnf install python3 make gcc-c++\n", "gcc-c++ chromium"}},
		{"elsewhere", machine{os: map[string]string{"ID": "nixos"}}, []string{"apt-get install --no-install-recommends python3 make g++   (on Debian"}},
		{"macOS", machine{system: "darwin", os: map[string]string{}}, []string{"xcode-select --install"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := explain(tt.m, e)
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("want %q in\n%s", want, got)
				}
			}
		})
	}
	if got, ok := (machine{os: map[string]string{"ID": "fedora"}}).command(Tests); ok {
		t.Errorf("on Fedora, where some packages are unknown, it says %q", got)
	}
}

// Every program that is named has a package on Debian, for there it is tried.
func TestPackages(t *testing.T) {
	packages, known := machine{os: map[string]string{"ID": "debian"}}.packages(slices.Concat(Directus, Tests))
	if !known || len(packages) != len(Directus)+len(Tests) {
		t.Errorf("got %d packages for %d programs: %q", len(packages), len(Directus)+len(Tests), packages)
	}
}

// Nobody is told to install what a newer Debian no longer has.
func TestGone(t *testing.T) {
	p := Program{Name: "old", Any: []string{"old"}, Debian: "old", LastDebian: 12}
	for release, want := range map[string]bool{"11": false, "12": false, "13": true, "": false} {
		if got := (machine{os: osRelease("# Debian\nID=debian\nVERSION_ID=\"" + release + "\"\n")}).gone(p); got != want {
			t.Errorf("on Debian %s: %v, want %v", release, got, want)
		}
	}
}

func TestUnattended(t *testing.T) {
	for line, want := range map[string]string{
		"apt-get install make":      "apt-get update -qq; env DEBIAN_FRONTEND=noninteractive apt-get install make -y -qq",
		"sudo apt-get install make": "sudo apt-get update -qq; sudo env DEBIAN_FRONTEND=noninteractive apt-get install make -y -qq",
		"sudo dnf install make":     "sudo dnf install make -y",
	} {
		var got []string
		for _, argv := range unattended(strings.Fields(line)) {
			got = append(got, strings.Join(argv, " "))
		}
		if got := strings.Join(got, "; "); got != want {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
}

// A program is found in PATH, by another command that does its work, and by the path of a file.
func TestMissing(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	for _, name := range []string{"gmake", "server"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	got := Missing(Directus, []Program{{Name: "server", Any: []string{filepath.Join(dir, "s*r")}}, {Name: "plugin", Any: []string{filepath.Join(dir, "p*")}}})
	if text := names(got); text != "python3, g++ and plugin" {
		t.Errorf("missing: %s", text)
	}
}

// Only a yes installs anything.
func TestAsk(t *testing.T) {
	e := &Error{Programs: []Program{{Name: "nothing", Any: []string{"no-such-program"}, Debian: "no-such-package", Fedora: "no-such-package"}}}
	for _, answer := range []string{"", "\n", "no\n", "maybe"} {
		var out bytes.Buffer
		if err := e.Ask(t.Context(), strings.NewReader(answer), &out); err != e {
			t.Errorf("%q: got %v", answer, err)
		}
		if strings.Contains(out.String(), "$") {
			t.Errorf("%q ran\n%s", answer, &out)
		}
	}
}
