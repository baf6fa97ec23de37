package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/coreos/go-systemd/v22/unit"

	"directus-ircd/cmd/directus-ircd/config"
)

const (
	unitFile   = "../../deploy/directus-ircd.service"
	socketFile = "../../deploy/directus-ircd.socket"
)

func readUnit(t *testing.T, file string) []*unit.UnitOption {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	options, err := unit.DeserializeOptions(f)
	if err != nil {
		t.Fatal(err)
	}
	return options
}

// What the daemon relies on, whatever else the unit restricts.
func TestUnit(t *testing.T) {
	options := readUnit(t, unitFile)
	for _, want := range []unit.UnitOption{
		{Section: "Service", Name: "Type", Value: "notify"},
		{Section: "Service", Name: "NotifyAccess", Value: "main"},
		{Section: "Service", Name: "ExecStart", Value: "/usr/local/bin/directus-ircd serve --config " + defaultConfigFile},
		{Section: "Service", Name: "ExecReload", Value: "/usr/local/bin/directus-ircd check --offline --config " + defaultConfigFile},
		{Section: "Service", Name: "ExecReload", Value: `/bin/sh -c "kill -HUP $MAINPID"`},
		{Section: "Service", Name: "RestartPreventExitStatus", Value: strconv.Itoa(exitConfig)},
		{Section: "Service", Name: "DynamicUser", Value: "yes"},
		{Section: "Service", Name: "MemoryDenyWriteExecute", Value: "yes"},
		{Section: "Install", Name: "WantedBy", Value: "multi-user.target"},
	} {
		if !slices.ContainsFunc(options, func(o *unit.UnitOption) bool { return *o == want }) {
			t.Errorf("the unit lacks %s=%s in [%s]", want.Name, want.Value, want.Section)
		}
	}
}

// Certificates, what devices have received and Unix sockets are all that the daemon
// keeps on disk, and their places are the defaults of the configuration.
func TestUnitGivesTheFolders(t *testing.T) {
	text, err := os.ReadFile(unitFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, option := range []string{"CacheDirectory=", "LogsDirectory=", "ReadWritePaths="} {
		if bytes.Contains(text, []byte("\n"+option)) {
			t.Errorf("the unit sets %s", option)
		}
	}
	t.Setenv("STATE_DIRECTORY", "")
	folders := map[string]string{"StateDirectory": "/var/lib/", "RuntimeDirectory": "/run/"}
	for _, o := range readUnit(t, unitFile) {
		if folders[o.Name] != "" {
			folders[o.Name] += o.Value + "/"
		}
	}
	if cache := config.Default().CertificateDirectory(); !strings.HasPrefix(cache, folders["StateDirectory"]) {
		t.Errorf("certificates are kept in %s, but the unit can write to %s", cache, folders["StateDirectory"])
	}
	if state := config.Default().Resume.Directory + "/"; state != folders["StateDirectory"] {
		t.Errorf("resume.directory is %s, but the unit can write to %s", state, folders["StateDirectory"])
	}
	if path := "unix:" + folders["RuntimeDirectory"] + "irc.sock"; !strings.Contains(config.Example, path) {
		t.Errorf("the example does not have its Unix socket at %s", path)
	}
}

// The socket unit starts the service of its name and passes what the
// configuration that it shows takes.
func TestSocketUnit(t *testing.T) {
	options := readUnit(t, socketFile)
	for _, want := range []unit.UnitOption{
		{Section: "Socket", Name: "ListenStream", Value: "127.0.0.1:6667"},
		{Section: "Install", Name: "WantedBy", Value: "sockets.target"},
	} {
		if !slices.ContainsFunc(options, func(o *unit.UnitOption) bool { return *o == want }) {
			t.Errorf("the unit lacks %s=%s in [%s]", want.Name, want.Value, want.Section)
		}
	}
	for _, o := range options {
		// One process serves all connections.
		if o.Name == "Accept" || o.Name == "Service" {
			t.Errorf("the unit sets %s", o.Name)
		}
		if o.Name == "FileDescriptorName" {
			if _, err := config.Parse("", []byte(minimalConfig+"listen: [{address: systemd:"+o.Value+"}]\n")); err != nil {
				t.Error(err)
			}
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
	dir := t.TempDir()
	var copies []string
	for _, file := range []string{unitFile, socketFile} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		// verify wants the program to exist.
		text = bytes.ReplaceAll(text, []byte("/usr/local/bin/directus-ircd"), []byte(os.Args[0]))
		copies = append(copies, filepath.Join(dir, filepath.Base(file)))
		if err := os.WriteFile(copies[len(copies)-1], text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	copied := copies[0]
	for _, args := range [][]string{
		{"verify", copied, copies[1]},
		{"security", "--offline=true", "--no-pager", "--threshold=19", copied}, // below 2.0
	} {
		if out, err := exec.Command(analyze, args...).CombinedOutput(); err != nil {
			t.Errorf("systemd-analyze %s: %v\n%s", args[0], err, out)
		} else if args[0] == "verify" && len(out) > 0 {
			t.Errorf("systemd-analyze verify:\n%s", out)
		}
	}
}
