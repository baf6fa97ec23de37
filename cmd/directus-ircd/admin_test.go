package main

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"directus-ircd/cmd/directus-ircd/admin"
	"directus-ircd/ircd/ircdtest"
)

// adminWorld is a daemon with a socket for its operator, and somebody logged in.
type adminWorld struct {
	*process
	socket, file string
	client       *ircdtest.Client
}

func newAdminWorld(t *testing.T) *adminWorld {
	t.Helper()
	url, _ := stubbornDirectus(t)
	w := &adminWorld{socket: filepath.Join(ircdtest.SocketDir(t), "admin.sock")}
	w.file = writeConfig(t, "directus: {url: \""+url+"\"}\nlisten: [{address: \"127.0.0.1:0\"}]\n"+
		"channels: [{name: \"#a\", auto_join: false}]\nlog: {format: json}\nadmin: {socket: "+w.socket+"}\n")
	w.process = startProcess(t, w.file, 1, false)
	w.waitLog("directus answers", 0)
	w.client = ircdtest.Dial(t, w.IRC[0])
	w.client.LoginPass("kevin", "kevin@example.com/laptop:pw-kevin")
	return w
}

func TestStatus(t *testing.T) {
	w := newAdminWorld(t)
	info, err := os.Stat(w.socket)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	got := runCommand(t, "", "status", "--json", "--config", w.file)
	var status admin.Status
	if err := json.Unmarshal([]byte(got.stdout), &status); err != nil || got.code != 0 {
		t.Fatalf("%v: exit status %d, %s%s", err, got.code, got.stdout, got.stderr)
	}
	if status.PID != w.cmd.Process.Pid || status.State != "serving" || !status.Directus.Answers || status.Config != w.file ||
		len(status.Listeners) != 1 || status.Listeners[0] != w.IRC[0] || status.Counts.Users != 1 {
		t.Errorf("%+v", status)
	}
	if len(status.Sessions) != 1 || !strings.HasPrefix(status.Sessions[0].Nick, "Kevin") || status.Sessions[0].Device != "laptop" || status.Sessions[0].TLS {
		t.Errorf("%+v", status.Sessions)
	}
	table := runCommand(t, "", "status", "--config", w.file)
	for _, want := range []string{"serving for ", "Kevin", "laptop", "limits.connections", "login_attempts_per_minute", " answers, for "} {
		if !strings.Contains(table.stdout, want) {
			t.Errorf("the table lacks %q:\n%s", want, table.stdout)
		}
	}
	for _, secret := range []string{"@example.com", "pw-kevin", "refresh"} {
		if strings.Contains(got.stdout+table.stdout, secret) {
			t.Errorf("%q is shown:\n%s%s", secret, got.stdout, table.stdout)
		}
	}
	if health := runCommand(t, "", "health", "--config", w.file); health.stdout != "ready\n" {
		t.Errorf("%+v", health)
	}
	w.signal(syscall.SIGTERM)
	w.wait(5 * time.Second)
	if _, err := os.Stat(w.socket); !os.IsNotExist(err) {
		t.Errorf("the socket is left: %v", err)
	}
	if gone := runCommand(t, "", "status", "--config", w.file); gone.code != 1 || !strings.Contains(gone.stderr, "no daemon answers at "+w.socket) {
		t.Errorf("%+v", gone)
	}
}

// The socket is taken over from a daemon that is gone and from no other, moves by a reload, and does not depend on who
// uses it.
func TestAdminSocket(t *testing.T) {
	w := newAdminWorld(t)
	second := startRefused(t, w.file)
	if !strings.Contains(second, "another program listens there") {
		t.Errorf("a second daemon at the same socket: %s", second)
	}
	for range maxAdmins { // who says nothing
		nc, err := net.Dial("unix", w.socket)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
	}
	if got := runCommand(t, "", "status", "--config", w.file); got.code != 0 {
		t.Errorf("while others say nothing: %+v", got)
	}
	moved := w.socket + "2"
	text, err := os.ReadFile(w.file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.file, []byte(strings.Replace(string(text), w.socket, moved+", mode: \"0660\"", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	w.signal(syscall.SIGHUP)
	w.waitLog("reloaded the configuration", 0)
	info, err := os.Stat(moved)
	if err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("%v, %v", info, err)
	}
	if got := runCommand(t, "", "status", "--config", w.file); got.code != 0 {
		t.Errorf("after a reload: %+v", got)
	}
	w.signal(syscall.SIGKILL)
	w.wait(5 * time.Second)
	again := startProcess(t, w.file, 1, false)
	if got := runCommand(t, "", "status", "--config", w.file); got.code != 0 {
		t.Errorf("after a crash: %+v", got)
	}
	again.signal(syscall.SIGTERM)
	again.wait(5 * time.Second)
}

// startRefused runs a daemon that cannot start, and returns what it says.
func startRefused(t *testing.T, file string) string {
	t.Helper()
	got := runCommand(t, "", "serve", "--config", file)
	if got.code != exitFailure {
		t.Errorf("exit status %d", got.code)
	}
	return got.stderr
}
