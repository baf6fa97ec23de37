package main

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"directus-ircd/ircd/ircdtest"
)

// fifo makes a named pipe that nobody writes to.
func fifo(t *testing.T, path string) string {
	t.Helper()
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Whatever the daemon reads can become a pipe; no command waits for its other end.
func TestPipeInPlaceOfFile(t *testing.T) {
	dir := t.TempDir()
	cert, key := ircdtest.WriteCertificate(t, dir, 1, time.Hour)
	text := "directus: {url: \"" + noDirectus(t) + "\"}\nlisten: [{address: \"127.0.0.1:0\", tls: {cert: " + cert + ", key: " + key + "}}]\nlog: {format: json}\n"
	file := writeConfig(t, text)
	p := startProcess(t, file, 1, false)
	for i, path := range []string{key, cert, file} {
		fifo(t, path)
		for _, command := range []string{"check", "serve"} {
			if got := runCommand(t, "", command, "--config", file); got.code != exitConfig || !strings.Contains(got.stderr, "is a pipe or a device") {
				t.Errorf("%s with a pipe at %s: exit status %d: %s", command, path, got.code, got.stderr)
			}
		}
		p.signal(syscall.SIGHUP)
		p.waitLog("reload refused, everything stays as it was", i)
	}
	if _, serial := dialTLS(t, p.IRC[0]); serial != 1 {
		t.Errorf("serial number %d", serial)
	}
	p.signal(syscall.SIGTERM)
	if state := p.wait(5 * time.Second); state.ExitCode() != 0 {
		t.Errorf("it ended with %v", state)
	}
}

// Go ends a program with one status for a panic and for SIGABRT, which systemd's
// watchdog sends. The unit starts the daemon again after that.
func TestAbortIsNoMistakeInTheConfiguration(t *testing.T) {
	p := startProcess(t, writeConfig(t, "directus: {url: \""+noDirectus(t)+"\"}\nlisten: [{address: \"127.0.0.1:0\"}]\nlog: {format: json}\n"), 1, false)
	p.signal(syscall.SIGABRT)
	ended := strconv.Itoa(p.wait(5 * time.Second).ExitCode())
	for _, o := range readUnit(t, unitFile) {
		if o.Name == "RestartPreventExitStatus" && strings.Contains(o.Value, ended) {
			t.Errorf("an abort ends with %s, after which the unit does not start it again", ended)
		}
	}
}
