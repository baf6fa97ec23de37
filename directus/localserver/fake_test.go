package localserver_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"directus-ircd/directus/localserver"
)

// The test binary also plays "node" and "npm" for the code under test, by links of these names in PATH, and the parent
// that dies in a test about that.
func TestMain(m *testing.M) {
	switch name := filepath.Base(os.Args[0]); {
	case name == "node" || os.Getenv("FAKE_PROGRAM") == "node":
		os.Exit(fakeNode())
	case name == "npm":
		os.Exit(fakeNpm())
	case os.Getenv("LOCALSERVER_TEST_PARENT") != "":
		os.Exit(dyingParent())
	}
	os.Exit(m.Run())
}

// noExitSleep keeps a fake built with the race detector from taking a second to end.
const noExitSleep = "atexit_sleep_ms=0"

// fakePath makes PATH lead to nothing but fakes of these names.
func fakePath(t *testing.T, names ...string) {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range names {
		if err := os.Symlink(binary, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	t.Setenv("GORACE", noExitSleep)
}

// fakeNode tells a version, or does what npm's or Directus' command line does.
func fakeNode() int {
	if os.Args[1] == "-p" {
		version := os.Getenv("FAKE_NODE")
		if version == "" || os.Getenv("FAKE_PROGRAM") != "" {
			version = "22.20.0"
		}
		fmt.Println(version, "linux x64 127")
		return 0
	}
	if filepath.Base(os.Args[1]) == "npm-cli.js" {
		os.Args = os.Args[1:]
		return fakeNpm()
	}
	if os.Args[2] == "bootstrap" {
		return fakeBootstrap()
	}
	return fakeDirectus()
}

func fakeBootstrap() int {
	switch os.Getenv("FAKE") {
	case "bootstrap fails":
		fmt.Println("no such table: directus_users")
		_ = os.WriteFile(os.Getenv("DB_FILENAME"), []byte("half a database"), 0o600)
		return 1
	case "bootstrap makes nothing":
		return 0
	}
	old, _ := os.ReadFile(os.Getenv("DB_FILENAME"))
	if err := os.WriteFile(os.Getenv("DB_FILENAME"), append(old, "bootstrapped "...), 0o600); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func fakeDirectus() int {
	switch os.Getenv("FAKE") {
	case "ends at once":
		fmt.Println("some plugin is broken")
		return 3
	case "port taken":
		fmt.Println("ERROR: Port 1 is already in use")
		return 1
	case "no answer":
		select {}
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
	}
	started := time.Now()
	mux := http.NewServeMux()
	mux.HandleFunc("/server/ping", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "pong") })
	mux.HandleFunc("/server/health", func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer "+os.Getenv("ADMIN_TOKEN"):
			w.WriteHeader(http.StatusForbidden)
		case os.Getenv("FAKE") == "healthy later" && time.Since(started) < 200*time.Millisecond:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/environ", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(os.Environ()) })
	mux.HandleFunc("/crash", func(http.ResponseWriter, *http.Request) { fmt.Println("out of memory"); os.Exit(7) })
	fmt.Println(http.ListenAndServe(net.JoinHostPort(os.Getenv("HOST"), os.Getenv("PORT")), mux))
	return 1
}

// fakeNpm does the steps of an installation in the current folder, and writes as many files as the code under test looks at.
// FAKE_NPM is what it prints when it fails, after the name of the step in which it does.
func fakeNpm() int {
	if os.Args[1] == "config" {
		fmt.Println(os.Getenv("FAKE_REGISTRY"))
		return 0
	}
	if log := os.Getenv("FAKE_NPM_LOG"); log != "" {
		f, err := os.OpenFile(log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return 1
		}
		defer f.Close()
		fmt.Fprintf(f, "%s nodedir=%s\n", strings.Join(os.Args[1:], " "), os.Getenv("npm_config_nodedir"))
	}
	step, mode, _ := strings.Cut(os.Getenv("FAKE_NPM"), ": ")
	switch {
	case mode == "does nothing":
		return 0
	case step != os.Args[1]:
	case mode == "hangs":
		_ = os.WriteFile("started", nil, 0o600)
		select {}
	default:
		_ = os.WriteFile("leftover", []byte(mode), 0o600)
		fmt.Fprintln(os.Stderr, mode)
		return 1
	}
	if os.Args[1] != "ci" {
		return 0
	}
	manifest, err := os.ReadFile("package.json")
	if err != nil {
		return 1
	}
	var pkg struct{ Dependencies map[string]string }
	if err := json.Unmarshal(manifest, &pkg); err != nil {
		return 1
	}
	return writeInstallation(".", pkg.Dependencies["directus"])
}

func writeInstallation(dir, version string) int {
	for path, text := range map[string]string{
		"node_modules/directus/package.json":         fmt.Sprintf(`{"version":%q}`, version),
		"node_modules/@directus/api/dist/cli/run.js": "",
	} {
		path = filepath.Join(dir, path)
		if os.MkdirAll(filepath.Dir(path), 0o700) != nil || os.WriteFile(path, []byte(text), 0o600) != nil {
			return 1
		}
	}
	return 0
}

// fakeInstallation is a folder for Config.Install that the fake node runs.
func fakeInstallation(t *testing.T, version string) string {
	t.Helper()
	dir := t.TempDir()
	if writeInstallation(dir, version) != 0 {
		t.Fatal("cannot write the fake installation")
	}
	return dir
}

// dyingParent starts a Directus, says where, and waits to be killed.
func dyingParent() int {
	s, err := localserver.Start(context.Background(), localserver.Config{
		Install: os.Getenv("LOCALSERVER_TEST_PARENT"), DataDir: os.Getenv("LOCALSERVER_TEST_DATA"),
	})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(s.URL())
	select {}
}
