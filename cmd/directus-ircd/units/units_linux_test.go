package units

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"directus-ircd/cmd/directus-ircd/admin"
	"directus-ircd/ircd/ircdtest"
)

// goodConfig has a Directus that is not there, which people are told and the unit need not know.
const goodConfig = "directus: {url: \"http://127.0.0.1:8055\"}\n"

// address is that of the default configuration, and of the socket unit.
const address = "127.0.0.1:6667"

// The units do what the manual says they do.
func TestUnits(t *testing.T) {
	m, err := boot(t)
	report(t, err)
	if m == nil || err != nil {
		return
	}
	for _, part := range []struct {
		name string
		play func(*machine)
	}{
		{"installed", installed},
		{"judged", judged},
		{"not configured", notConfigured},
		{"started", started},
		{"reloaded", reloaded},
		{"crashed and hung", crashed},
		{"mistake found at a restart", mistaken},
		{"restarted", restarted},
		{"upgraded", upgraded},
		{"started by the socket", bySocket},
		{"drained", drained},
		{"stopped", stopped},
		{"removed", removed},
	} {
		t.Run(part.name, func(t *testing.T) {
			part.play(&machine{t, m.first, m.root})
		})
	}
}

// report says whether the units were played, also in the file that UNITS_REPORT names: "go test" shows nothing of a test that
// passes.
func report(t *testing.T, err error) {
	said := "the units were played under systemd"
	if err != nil {
		said = fmt.Sprintf("the units were NOT played under systemd: %v", err)
	}
	t.Log(said)
	if file := os.Getenv("UNITS_REPORT"); file != "" {
		write(t, file, said+"\n")
	}
}

// dpkg installs the package as apt would, in a system that has no more of Debian than its programs.
func (m *machine) dpkg() {
	m.t.Helper()
	m.do("dpkg", "--install", "--force-depends", "--force-confold", "/package.deb")
}

// The package is installed, and does not start what nobody has configured.
func installed(m *machine) {
	if os.Getenv(packageVariable) == "" {
		return // they lie where they belong
	}
	m.dpkg()
	if s := m.state(); s.Active != "inactive" {
		m.t.Errorf("the service is %+v", s)
	}
}

// An upgrade restarts the daemon, keeps the configuration, and refuses nobody meanwhile.
func upgraded(m *machine) {
	if os.Getenv(packageVariable) == "" {
		return
	}
	before := m.state()
	meanwhile(m, m.dpkg)
	if s := m.state(); s.Active != "active" || s.PID == before.PID {
		m.t.Errorf("the service is %+v", s)
	}
}

// What the package has brought goes with it; what the operator wrote, and the state, when it is purged.
func removed(m *machine) {
	if os.Getenv(packageVariable) == "" {
		return
	}
	m.configure(goodConfig)
	m.do("systemctl", "start", unitName)
	m.do("dpkg", "--remove", "directus-ircd")
	if s := m.state(); s.Active != "inactive" {
		m.t.Errorf("the service is %+v", s)
	}
	if left := m.do("sh", "-c", "ls "+configFile); left == "" {
		m.t.Error("the configuration is gone")
	}
	m.do("dpkg", "--purge", "directus-ircd")
	// The drop-in is the test's own.
	const places = "/etc /run /var /usr/bin /usr/lib/systemd /usr/share/doc /usr/share/man /usr/share/bash-completion /usr/share/zsh /usr/share/fish"
	if left := m.do("sh", "-c", "find "+places+" -name '*directus-ircd*' ! -path '/etc/systemd/system/*.d*' 2>/dev/null || true"); left != "" {
		m.t.Errorf("left behind:\n%s", left)
	}
}

func judged(m *machine) {
	if out := m.do("systemd-analyze", "verify", unitName, socketName); out != "" {
		m.t.Error(out)
	}
}

// As long as directus.url is not set, the daemon says so and is not tried again.
func notConfigured(m *machine) {
	m.configure("directus: {url: \"\"}\n")
	if out, err := m.try("systemctl", "start", unitName); err == nil {
		m.t.Errorf("it was started: %s", out)
	}
	if s := m.state(); s.Active != "failed" || s.Status != 78 || s.Restarts != 0 {
		m.t.Errorf("the service is %+v", s)
	}
}

func started(m *machine) {
	m.configure(goodConfig)
	m.do("systemctl", "start", unitName)
	if s := m.state(); s.Active != "active" || s.PID == 0 {
		m.t.Errorf("the service is %+v", s)
	}
	served(m.connect(address))
}

// A file with a mistake fails the reload; one without it is taken over. Neither ends the daemon or a connection.
func reloaded(m *machine) {
	c, before := m.connect(address), m.state()
	m.configure("directus: {url: \"\"}\n")
	if out, err := m.try("systemctl", "reload", unitName); err == nil {
		m.t.Errorf("the reload of a file with a mistake did not fail: %s", out)
	}
	served(m.connect(address))
	m.configure(goodConfig + "listen: [{address: \"" + address + "\"}, {address: \"127.0.0.1:6668\"}]\n")
	m.do("systemctl", "reload", unitName)
	for {
		if conn, err := m.dial("127.0.0.1:6668"); err == nil {
			served(ircdtest.New(m.t, conn))
			break
		}
		m.await("serve the new listener", func(s state) bool { return s.Active == "active" })
	}
	served(c)
	if s := m.state(); s.PID != before.PID || s.Restarts != 0 {
		m.t.Errorf("the service was %+v and is %+v", before, s)
	}
	m.configure(goodConfig)
	m.do("systemctl", "reload", unitName)
}

// Whatever ends the daemon, or has it hang, it is started again.
func crashed(m *machine) {
	for _, signal := range []string{"SIGKILL", "SIGABRT", "SIGSTOP"} {
		m.do("systemctl", "reset-failed", unitName) // which sets back the number of restarts
		before := m.state()
		m.signal(signal)
		s := m.await(signal, func(s state) bool { return s.Active == "active" && s.PID != 0 && s.PID != before.PID })
		if s.Restarts == 0 {
			m.t.Errorf("%s: the service is %+v", signal, s)
		}
		served(m.connect(address))
	}
}

// A mistake that is found when the daemon starts again ends that.
func mistaken(m *machine) {
	m.do("systemctl", "reset-failed", unitName)
	m.configure("directus: {url: \"\"}\n")
	m.signal("SIGKILL")
	if s := m.await("give up", func(s state) bool { return s.Active == "failed" }); s.Status != 78 || s.Restarts != 1 {
		m.t.Errorf("the service is %+v", s)
	}
	m.configure(goodConfig)
	m.do("systemctl", "start", unitName)
}

// Who connects while the daemon restarts, as in an upgrade, waits and is served.
func restarted(m *machine) {
	meanwhile(m, func() { m.do("systemctl", "restart", unitName) })
}

// connectPause is the time between two connections of one address, which are few enough for every limit.
const connectPause = 100 * time.Millisecond

// meanwhile connects again and again while something is done. Nobody is refused: each client is served, or told that the
// server stops.
func meanwhile(m *machine, do func()) {
	m.t.Helper()
	over, came := make(chan struct{}), make(chan []*ircdtest.Client)
	go func() {
		var clients []*ircdtest.Client
		defer func() { came <- clients }()
		pace := time.NewTicker(connectPause)
		defer pace.Stop()
		for {
			conn, err := m.dial(address)
			if err != nil {
				m.t.Errorf("connect: %v", err)
				return
			}
			c := ircdtest.New(m.t, conn)
			c.Send("CAP LS 302")
			clients = append(clients, c)
			select {
			case <-over:
				return
			case <-pace.C:
			}
		}
	}()
	do()
	close(over)
	for _, c := range <-came {
		c.Expect("* CAP * LS *", "ERROR *shutting down*")
		c.Close()
	}
	served(m.connect(address))
}

// With the socket unit systemd opens the port before the daemon runs, and keeps it when it does not.
func bySocket(m *machine) {
	m.do("systemctl", "stop", unitName)
	m.configure(goodConfig + "listen: [{address: systemd}]\n")
	m.do("systemctl", "start", socketName)
	if s := m.state(); s.Active != "inactive" {
		m.t.Errorf("the service is %+v", s)
	}
	served(m.connect(address))
	meanwhile(m, func() { m.do("systemctl", "restart", unitName) })
	m.do("systemctl", "stop", socketName, unitName)
}

// The operator asks the daemon in its runtime directory. Who comes while it drains waits with the socket unit, which starts
// the next one.
func drained(m *machine) {
	m.configure(goodConfig + "listen: [{address: systemd}]\n")
	m.do("systemctl", "start", socketName)
	c := m.connect(address)
	served(c)
	before := m.state()
	m.status()
	m.do("directus-ircd", "drain", "--over", "0s")
	if lines := c.Closed(); len(lines) == 0 || !ircdtest.Match("ERROR *connect again", lines[len(lines)-1]) {
		m.t.Errorf("the client was told %q", lines)
	}
	if s := m.await("end", func(s state) bool { return s.PID != before.PID }); s.Active == "failed" || s.Status != 0 || s.Restarts != before.Restarts {
		m.t.Errorf("the service is %+v", s)
	}
	served(m.connect(address))
	m.do("systemctl", "stop", socketName, unitName)
}

// status has the daemon know how much memory the machine has, although the unit hides all of /proc but its own processes.
func (m *machine) status() {
	m.t.Helper()
	var status admin.Status
	if out := m.do("directus-ircd", "status", "--json"); json.Unmarshal([]byte(out), &status) != nil {
		m.t.Fatal(out)
	}
	var all unix.Sysinfo_t
	if err := unix.Sysinfo(&all); err != nil {
		m.t.Fatal(err)
	}
	for _, l := range status.Limits {
		if l.Name == "limits.memory" && l.Most > 0 && uint64(l.Most) < uint64(all.Totalram)*uint64(all.Unit) {
			return
		}
	}
	m.t.Errorf("no limit of memory below %d bytes in %+v", uint64(all.Totalram)*uint64(all.Unit), status.Limits)
}

func stopped(m *machine) {
	m.configure(goodConfig)
	m.do("systemctl", "restart", unitName)
	c := m.connect(address)
	served(c)
	m.do("systemctl", "stop", unitName)
	lines := c.Closed()
	if len(lines) == 0 || !ircdtest.Match("ERROR *shutting down*", lines[len(lines)-1]) {
		m.t.Errorf("the client was told %q", lines)
	}
	if s := m.state(); s.Active != "inactive" || s.Status != 0 || s.Result != "success" {
		m.t.Errorf("the service is %+v", s)
	}
	if left := m.do("sh", "-c", "ls -A /run/directus-ircd/ 2>/dev/null || true"); left != "" {
		m.t.Errorf("left in /run/directus-ircd: %s", left)
	}
}
