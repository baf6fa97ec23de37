package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/coreos/go-systemd/v22/unit"
)

const unitFile = "../../deploy/directus-ircd.service"

// What the daemon relies on, whatever else the unit restricts.
func TestUnit(t *testing.T) {
	f, err := os.Open(unitFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	options, err := unit.DeserializeOptions(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []unit.UnitOption{
		{Section: "Service", Name: "Type", Value: "notify"},
		{Section: "Service", Name: "NotifyAccess", Value: "main"},
		{Section: "Service", Name: "ExecStart", Value: "/usr/local/bin/directus-ircd serve --config " + defaultConfigFile},
		{Section: "Service", Name: "ExecReload", Value: "/bin/kill -HUP $MAINPID"},
		{Section: "Service", Name: "RestartPreventExitStatus", Value: "2"},
		{Section: "Service", Name: "DynamicUser", Value: "yes"},
		{Section: "Service", Name: "MemoryDenyWriteExecute", Value: "yes"},
		{Section: "Install", Name: "WantedBy", Value: "multi-user.target"},
	} {
		if !slices.ContainsFunc(options, func(o *unit.UnitOption) bool { return *o == want }) {
			t.Errorf("the unit lacks %s=%s in [%s]", want.Name, want.Value, want.Section)
		}
	}
}

// The daemon keeps nothing on disk.
func TestUnitGivesNoFolderToWriteTo(t *testing.T) {
	text, err := os.ReadFile(unitFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, option := range []string{"StateDirectory=", "CacheDirectory=", "LogsDirectory=", "RuntimeDirectory=", "ReadWritePaths="} {
		if bytes.Contains(text, []byte("\n"+option)) {
			t.Errorf("the unit sets %s", option)
		}
	}
}

// systemd judges the unit where it is installed; elsewhere TestUnit has to do.
func TestUnitUnderSystemd(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("no systemd-analyze on this machine: the unit was read, but not judged")
		return
	}
	text, err := os.ReadFile(unitFile)
	if err != nil {
		t.Fatal(err)
	}
	// verify wants the program to exist.
	copied := filepath.Join(t.TempDir(), "directus-ircd.service")
	text = bytes.Replace(text, []byte("/usr/local/bin/directus-ircd"), []byte(os.Args[0]), 1)
	if err := os.WriteFile(copied, text, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"verify", copied},
		{"security", "--offline=true", "--no-pager", "--threshold=19", copied}, // below 2.0
	} {
		if out, err := exec.Command(analyze, args...).CombinedOutput(); err != nil {
			t.Errorf("systemd-analyze %s: %v\n%s", args[0], err, out)
		} else if args[0] == "verify" && len(out) > 0 {
			t.Errorf("systemd-analyze verify:\n%s", out)
		}
	}
}
