package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/directus/directustest"
)

// runMainEnv makes the test binary behave as the program, for tests that send
// signals to a process of its own.
const runMainEnv = "DIRECTUS_IRCD_TEST_RUN_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(runMainEnv) != "" {
		// Who starts a process does not know its id before.
		if os.Getenv("LISTEN_PID") == "self" {
			os.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()))
		}
		main()
	}
	// No test works in the state directory of this machine.
	os.Setenv("STATE_DIRECTORY", os.DevNull)
	directustest.Main(m)
}

// result is what a command line came to.
type result struct {
	code           int
	stdout, stderr string
}

func runCommand(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := execute(t.Context(), args, &environment{Stdin: strings.NewReader(stdin), Stdout: &stdout, Stderr: &stderr})
	return result{code, stdout.String(), stderr.String()}
}

// clearEnvironment keeps the credentials of whoever runs the tests out of them.
func clearEnvironment(t *testing.T) {
	t.Helper()
	for _, name := range []string{"DIRECTUS_EMAIL", "DIRECTUS_PASSWORD", "DIRECTUS_PASSWORD_FILE", "DIRECTUS_TOKEN", "DIRECTUS_TOKEN_FILE"} {
		t.Setenv(name, "")
		os.Unsetenv(name)
	}
}

// minimalConfig is the shortest file that is accepted; tests add to it.
const minimalConfig = "directus:\n  url: https://chat.example.com\n"

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestCommandLine(t *testing.T) {
	clearEnvironment(t)
	missing := filepath.Join(t.TempDir(), "nothing.yaml")
	for _, test := range []struct {
		args           string
		code           int
		stdout, stderr string // parts
	}{
		{"--help", 0, "Print the commented example configuration.", ""},
		{"serve --help", 0, defaultConfigFile, ""},
		{"setup --help", 0, "On the command line other users", ""},
		{"version", 0, "directus-ircd ", ""},
		{"--version", 0, "directus-ircd ", ""},
		{"version --json", 0, `"commit": `, ""},
		{"config", 0, config.Example, ""},
		{"", 2, "", `Run "directus-ircd --help"`},
		{"serve --verbose", 2, "", `Run "directus-ircd serve --help" for its flags.`},
		{"setup", 2, "", `Run "directus-ircd setup --help" for its flags.`},
		{"sevre", 2, "", `Run "directus-ircd --help" for the commands`},
		{"sevre", 2, "", "unexpected argument sevre"},
		{"serve --verbose", 2, "", "unknown flag --verbose"},
		{"serve extra", 2, "", "unexpected argument extra"},
		{"serve --config " + missing, 78, "", `there is no configuration file ` + missing + `: write one with "directus-ircd config > `},
		{"check --config " + missing, 78, "", "there is no configuration file"},
		{"check --offline --config " + missing, 78, "", "there is no configuration file"},
		{"check --offline --config " + writeConfig(t, minimalConfig), 0, "has no mistakes", ""},
		{"check --offline --config " + writeConfig(t, "directus: {url: \"\"}\n"), 78, "", "directus.url"},
		{"check --offline --write --config " + missing, 2, "", "leave out one of them"},
		{"serve --config .", 78, "", "read the configuration: read .: is a directory"},
		{"setup", 2, "", "missing flags: --url=URL"},
		{"setup --url http://localhost", 2, "", "no login is given: use --token or --token-file (DIRECTUS_TOKEN, "},
		{"setup --url localhost:8055 --token x", 2, "", "--url: the address must begin with https:// or http://"},
		{"setup --url http://localhost --token x --email a@b", 2, "", "both a token and an e-mail address are given"},
		{"setup --url http://localhost --token -", 2, "", "the token is empty"},
		{"setup --url http://localhost --email a@b", 2, "", "the password is empty"},
	} {
		t.Run(test.args, func(t *testing.T) {
			got := runCommand(t, "", strings.Fields(test.args)...)
			if got.code != test.code {
				t.Errorf("exit status %d, want %d", got.code, test.code)
			}
			if !strings.Contains(got.stdout, test.stdout) || test.stdout == "" && got.stdout != "" {
				t.Errorf("stdout: got %q, want %q in it", got.stdout, test.stdout)
			}
			if !strings.Contains(got.stderr, test.stderr) || test.stderr == "" && got.stderr != "" {
				t.Errorf("stderr: got %q, want %q in it", got.stderr, test.stderr)
			}
		})
	}
}

// Secrets that come from the environment must not be shown as defaults.
func TestHelpShowsNoSecret(t *testing.T) {
	for _, name := range []string{"DIRECTUS_EMAIL", "DIRECTUS_PASSWORD", "DIRECTUS_PASSWORD_FILE", "DIRECTUS_TOKEN", "DIRECTUS_TOKEN_FILE"} {
		t.Setenv(name, "geheim")
	}
	for _, command := range []string{"setup", "check"} {
		if got := runCommand(t, "", command, "--help"); strings.Contains(got.stdout+got.stderr, "geheim") {
			t.Errorf("%s --help shows a secret:\n%s", command, got.stdout)
		}
	}
}

// process is the program running as a child, logging JSON.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	// IRC are the addresses of the listeners, Metrics that of the monitoring.
	IRC     []string
	Metrics string

	exited chan struct{} // closed when it has ended and its log is complete

	mu     sync.Mutex
	log    []map[string]any // guarded by mu
	more   chan struct{}    // guarded by mu; closed and replaced with each line
	stderr bytes.Buffer     // guarded by mu; what is no JSON
}

// startProcess runs "serve" on a configuration with that many listeners and
// waits until it listens.
func startProcess(t *testing.T, file string, listeners int, metrics bool, env ...string) *process {
	t.Helper()
	return startProcessWith(t, nil, file, listeners, metrics, env...)
}

// startProcessWith hands over open files as well, from descriptor 3 on.
func startProcessWith(t *testing.T, files []*os.File, file string, listeners int, metrics bool, env ...string) *process {
	t.Helper()
	p := &process{t: t, exited: make(chan struct{}), more: make(chan struct{})}
	p.cmd = exec.Command(os.Args[0], "serve", "--config", file)
	p.cmd.ExtraFiles = files
	p.cmd.Env = append(append(os.Environ(), runMainEnv+"=1", "NOTIFY_SOCKET="), env...)
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.read(stderr)
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.exited
		if t.Failed() {
			t.Logf("log of the process: %v\n%s", p.log, p.stderr.String())
		}
	})
	for range listeners {
		p.IRC = append(p.IRC, p.waitLog("listening", len(p.IRC))["address"].(string))
	}
	if metrics {
		p.Metrics = "http://" + p.waitLog("serving metrics", 0)["address"].(string)
	}
	return p
}

func (p *process) read(stderr io.Reader) {
	defer close(p.exited)
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		p.mu.Lock()
		var entry map[string]any
		if json.Unmarshal(lines.Bytes(), &entry) == nil {
			p.log = append(p.log, entry)
		} else {
			p.stderr.Write(append(lines.Bytes(), '\n'))
		}
		close(p.more)
		p.more = make(chan struct{})
		p.mu.Unlock()
	}
	_ = p.cmd.Wait() // its state is what tests look at
}

// waitLog waits for the nth log line, from 0, with that message.
func (p *process) waitLog(message string, nth int) map[string]any {
	p.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		p.mu.Lock()
		more := p.more
		found := p.lines(message)
		p.mu.Unlock()
		if len(found) > nth {
			return found[nth]
		}
		select {
		case <-more:
		case <-p.exited:
			p.t.Fatalf("the process ended without logging %q", message)
		case <-deadline:
			p.t.Fatalf("no log line %q", message)
		}
	}
}

// lines needs mu.
func (p *process) lines(message string) (found []map[string]any) {
	for _, entry := range p.log {
		if entry["message"] == message {
			found = append(found, entry)
		}
	}
	return found
}

func (p *process) countLog(message string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.lines(message))
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// wait returns how the process ended, which must be soon.
func (p *process) wait(within time.Duration) *os.ProcessState {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), within)
	defer cancel()
	select {
	case <-p.exited:
	case <-ctx.Done():
		p.t.Fatalf("the process did not end within %s", within)
	}
	return p.cmd.ProcessState
}
