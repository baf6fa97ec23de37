package clients

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"directus-ircd/directus/localserver/process"
	"directus-ircd/ircd/ircdtest"
)

const (
	// startTimeout is how long the daemon may take until it listens, stopTimeout until it has ended; it promises 5 s.
	startTimeout = 30 * time.Second
	stopTimeout  = 15 * time.Second
)

// daemon is directus-ircd as a process, which comes back at the same addresses.
type daemon struct {
	t               testing.TB
	program, config string
	plain, secure   string // where it listens, without TLS and with it
	certificate     string // the file of the one that it presents, which signs itself
	log             *os.File
	process         *process.Process
}

// newDaemon builds the program, writes its configuration and starts it.
func newDaemon(t testing.TB, config string) *daemon {
	t.Helper()
	dir := t.ArtifactDir()
	d := &daemon{t: t, program: filepath.Join(t.TempDir(), "directus-ircd"), config: filepath.Join(dir, "daemon.yaml"),
		plain: freeAddress(t), secure: freeAddress(t)}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", d.program, "directus-ircd/cmd/directus-ircd").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	var key string
	d.certificate, key = ircdtest.WriteCertificate(t, t.TempDir(), 1, time.Hour)
	config += fmt.Sprintf(`
listen: [{address: %q}, {address: %q, tls: {cert: %q, key: %q}}]
resume: {directory: %q}
`, d.plain, d.secure, d.certificate, key, t.TempDir())
	if err := os.WriteFile(d.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if d.log, err = os.Create(filepath.Join(dir, "daemon.log")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.stop()
		d.log.Close()
	})
	d.start()
	return d
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start returns when the daemon listens.
func (d *daemon) start() {
	d.t.Helper()
	cmd := exec.Command(d.program, "serve", "--config", d.config)
	cmd.Stdout, cmd.Stderr = d.log, d.log
	var err error
	if d.process, err = process.Start(cmd); err != nil {
		d.t.Fatal(err)
	}
	err = await(startTimeout, d.process.Done(), func() error {
		conn, err := net.Dial("tcp", d.plain)
		if err == nil {
			conn.Close()
		}
		return err
	})
	if err != nil {
		d.t.Fatalf("start the daemon: %v", err)
	}
}

// stop ends the daemon in good order.
func (d *daemon) stop() {
	d.t.Helper()
	if d.process != nil && !d.process.Stop(stopTimeout) {
		d.t.Errorf("the daemon runs %v after SIGTERM", stopTimeout)
	}
}
