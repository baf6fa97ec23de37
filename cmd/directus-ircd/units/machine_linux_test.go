package units

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"directus-ircd/ircd/ircdtest"
)

const (
	unitName   = "directus-ircd.service"
	socketName = "directus-ircd.socket"
	configFile = "/etc/directus-ircd/config.yaml"
	// patience is how long anything may take that is waited for. Other tests keep the processors busy.
	patience = 60 * time.Second
)

// machine is a systemd that runs for a test, as the first process of a namespace.
type machine struct {
	t     *testing.T
	first *exec.Cmd
	root  string // its root folder, as seen from here
}

// boot starts the machine with the units and the program. Its error is what this machine lacks for that.
func boot(t *testing.T) (*machine, error) {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil, errors.New("it takes root")
	}
	if _, err := exec.LookPath("systemctl"); err != nil {
		return nil, err
	}
	files, group := t.TempDir(), cgroupOf(t)+"/directus-ircd-units-"+strconv.Itoa(os.Getpid())
	install(t, files)
	m := &machine{t: t}
	script, err := filepath.Abs("testdata/boot.sh")
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	m.first = exec.Command("sh", script, t.TempDir(), files, group)
	m.first.Stdout, m.first.Stderr = &said, &said
	m.first.SysProcAttr = &syscall.SysProcAttr{
		Setsid:     true,
		Pdeathsig:  syscall.SIGKILL,
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS | syscall.CLONE_NEWNET,
	}
	// The thread that starts it must live as long, see Pdeathsig.
	runtime.LockOSThread()
	if err := m.first.Start(); err != nil {
		runtime.UnlockOSThread()
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- m.first.Wait() }()
	t.Cleanup(func() {
		_ = m.first.Process.Kill() // and with it everything in the namespace
		<-ended
		runtime.UnlockOSThread()
		removeCgroup(t, group)
		if t.Failed() {
			t.Logf("systemd said:\n%s", said.String())
		}
	})
	m.root = fmt.Sprintf("/proc/%d/root", m.first.Process.Pid)
	return m, m.awaitBoot(ended, &said)
}

// awaitBoot waits until systemd takes commands.
func (m *machine) awaitBoot(ended chan error, said *bytes.Buffer) error {
	for begin := time.Now(); time.Since(begin) < patience; {
		select {
		case err := <-ended:
			ended <- err
			reason := strings.TrimSpace(said.String())
			if !strings.Contains(reason, "denied") && !strings.Contains(reason, "not permitted") {
				m.t.Fatalf("systemd did not come up: %v\n%s", err, reason)
			}
			return fmt.Errorf("this machine does not let root do it: %s", reason)
		case <-time.After(50 * time.Millisecond):
		}
		if _, err := m.try("systemctl", "is-active", "test.target"); err == nil {
			return nil
		}
	}
	m.t.Fatal("systemd did not come up")
	return nil
}

// packageVariable names a Debian package to install, in place of the program and the units of the tree.
const packageVariable = "UNITS_PACKAGE"

// install lays out what boot.sh copies: the program, and the units as they are shipped, or the package that has both. A drop-in
// makes what they wait for short, and lets the test start them as often as it wants.
func install(t *testing.T, dir string) {
	t.Helper()
	write(t, filepath.Join(dir, unitName+".d", "short.conf"), "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestartSec=100ms\nWatchdogSec=4s\n")
	write(t, filepath.Join(dir, "test.target"), "[Unit]\nDescription=Nothing but what a test starts\nDefaultDependencies=no\n")
	if pkg := os.Getenv(packageVariable); pkg != "" {
		text, err := os.ReadFile(pkg)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "package.deb"), string(text))
		return
	}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", dir, "directus-ircd/cmd/directus-ircd").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	for _, name := range []string{unitName, socketName} {
		text, err := os.ReadFile(filepath.Join("../../../deploy", name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), string(text))
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// cgroupOf is the cgroup of this process in the unified hierarchy.
func cgroupOf(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			return strings.TrimSuffix(path, "/")
		}
	}
	return ""
}

// removeCgroup removes what is left of the machine's cgroup, which is empty by now.
func removeCgroup(t *testing.T, group string) {
	cmd := exec.Command("sh", "-c", `mount --make-rprivate / && mount -t cgroup2 cgroup2 "$1" && cd "$1$2" && find . -depth -type d ! -name . -exec rmdir {} + && cd / && rmdir "$1$2"`, "sh", t.TempDir(), group)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Logf("the cgroup %s stays: %v\n%s", group, err, out)
	}
}

// try runs a command on the machine.
func (m *machine) try(command ...string) (string, error) {
	ctx, cancel := context.WithTimeout(m.t.Context(), patience)
	defer cancel()
	args := append([]string{"--target", strconv.Itoa(m.first.Process.Pid), "--all", "--"}, command...)
	out, err := exec.CommandContext(ctx, "nsenter", args...).CombinedOutput()
	return string(out), err
}

// do runs a command that has to succeed.
func (m *machine) do(command ...string) string {
	m.t.Helper()
	out, err := m.try(command...)
	if err != nil {
		state, _ := m.try("systemctl", "status", "--no-pager", "--full", unitName, socketName)
		m.t.Fatalf("%q: %v\n%s\n%s", command, err, out, state)
	}
	return out
}

// configure writes the configuration.
func (m *machine) configure(text string) {
	m.t.Helper()
	write(m.t, m.root+configFile, text)
}

// state is what systemd knows of the service.
type state struct {
	Active, Sub, Result string
	PID, Status         int // of the main process, and how the last one ended
	Restarts            int
}

func (m *machine) state() state {
	m.t.Helper()
	values := map[string]string{}
	for line := range strings.Lines(m.do("systemctl", "show", unitName, "--property=ActiveState,SubState,Result,MainPID,ExecMainStatus,NRestarts")) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		values[key] = value
	}
	number := func(key string) int {
		n, err := strconv.Atoi(values[key])
		if err != nil {
			m.t.Fatalf("%s=%s", key, values[key])
		}
		return n
	}
	return state{values["ActiveState"], values["SubState"], values["Result"], number("MainPID"), number("ExecMainStatus"), number("NRestarts")}
}

// await waits for a state of the service.
func (m *machine) await(what string, reached func(state) bool) state {
	m.t.Helper()
	var s state
	for begin := time.Now(); time.Since(begin) < patience; time.Sleep(50 * time.Millisecond) {
		if s = m.state(); reached(s) {
			return s
		}
	}
	m.t.Fatalf("%s: the service is %+v", what, s)
	return s
}

// signal sends a signal to the daemon.
func (m *machine) signal(name string) {
	m.t.Helper()
	m.do("systemctl", "kill", "--kill-whom=main", "--signal="+name, unitName)
}

// dial connects to an address of the machine.
func (m *machine) dial(address string) (net.Conn, error) {
	type dialed struct {
		conn net.Conn
		err  error
	}
	result := make(chan dialed)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		conn, err := m.dialHere(address)
		result <- dialed{conn, err}
	}()
	d := <-result
	return d.conn, d.err
}

// dialHere connects from the machine's network, which the thread then belongs to.
func (m *machine) dialHere(address string) (net.Conn, error) {
	network, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", m.first.Process.Pid))
	if err != nil {
		return nil, err
	}
	defer network.Close()
	if err := unix.Setns(int(network.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, err
	}
	return net.Dial("tcp", address)
}

// connect is a client at an address of the machine, which need not be served yet.
func (m *machine) connect(address string) *ircdtest.Client {
	m.t.Helper()
	conn, err := m.dial(address)
	if err != nil {
		m.t.Fatal(err)
	}
	return ircdtest.New(m.t, conn)
}

// served makes sure that a client is talked to.
func served(c *ircdtest.Client) {
	c.Send("CAP LS 302")
	c.Expect("* CAP * LS *")
}
