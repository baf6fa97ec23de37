package faults

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	// startTimeout is how long the daemon may take until it listens, stopTimeout until it has ended; it promises 5 s.
	startTimeout = 30 * time.Second
	stopTimeout  = 15 * time.Second
)

// daemon is directus-ircd as a process, which comes back at the same address.
type daemon struct {
	t       *testing.T
	name    string // what the others are not
	shares  bool   // one feed serves all who may read the same
	program string
	config  string
	address string
	log     *os.File

	namesakes []*person // in the order in which they came to this life of it

	cmd   *exec.Cmd
	ended chan error // cap 1: how the process ended
}

// build makes the program, with the race detector where the test has it.
func build(t *testing.T, dir string) string {
	t.Helper()
	program := filepath.Join(dir, "directus-ircd")
	args := []string{"build", "-o", program}
	if raceEnabled {
		args = append(args, "-race")
	}
	out, err := exec.CommandContext(t.Context(), "go", append(args, "directus-ircd/cmd/directus-ircd")...).CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

// newDaemon writes the configuration and starts the daemon.
func newDaemon(t *testing.T, program, name, config string) *daemon {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.ArtifactDir()
	d := &daemon{t: t, name: name, program: program, config: filepath.Join(dir, name+".yaml"), address: l.Addr().String()}
	l.Close()
	text := config + "\nlisten: [{address: \"" + d.address + "\"}]\nlog: {level: info, format: json}\n"
	if err := os.WriteFile(d.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if d.log, err = os.Create(filepath.Join(dir, name+".log")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if d.cmd != nil {
			d.kill()
		}
		d.log.Close()
		d.examine()
	})
	d.start()
	return d
}

// start returns when the daemon listens.
func (d *daemon) start() {
	d.t.Helper()
	d.cmd = exec.Command(d.program, "serve", "--config", d.config)
	d.cmd.Stdout, d.cmd.Stderr = d.log, d.log
	dieWithParent(d.cmd)
	d.ended = make(chan error, 1)
	started := make(chan error)
	go func() { // ends with the process, which kill and stop wait for
		// The kernel kills the process when the thread that started it ends.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := d.cmd.Start()
		started <- err
		if err == nil {
			d.ended <- d.cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		d.cmd = nil
		d.t.Fatal(err)
	}
	deadline := time.NewTimer(startTimeout)
	defer deadline.Stop()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		select {
		case <-poll.C:
			if conn, err := net.Dial("tcp", d.address); err == nil {
				conn.Close()
				return
			}
		case err := <-d.ended:
			d.cmd = nil
			d.t.Fatalf("the daemon ended: %v", err)
		case <-deadline.C:
			d.t.Fatalf("the daemon does not listen after %v", startTimeout)
		}
	}
}

// stop ends the daemon in good order.
func (d *daemon) stop() error {
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case err := <-d.ended:
		d.cmd = nil
		return err
	case <-timer.C:
		d.kill()
		return fmt.Errorf("it runs %v after SIGTERM", stopTimeout)
	}
}

// kill ends the daemon as a crash does.
func (d *daemon) kill() {
	_ = d.cmd.Process.Kill()
	<-d.ended
	d.cmd = nil
}

// examine looks for what no run may hold, and shows the end of the log of a test that failed.
func (d *daemon) examine() {
	log, err := os.ReadFile(d.log.Name())
	if err = errors.Join(err, findTrouble(log)); err != nil {
		d.t.Error(err)
	}
	if d.t.Failed() {
		lines := strings.Split(strings.TrimSpace(string(log)), "\n")
		d.t.Logf("the daemon %q logged at last:\n%s", d.name, strings.Join(lines[max(0, len(lines)-60):], "\n"))
	}
}

func findTrouble(log []byte) error {
	for _, trouble := range []string{"DATA RACE", "panic", "goroutine "} {
		if i := bytes.Index(log, []byte(trouble)); i >= 0 {
			return fmt.Errorf("the daemon's log holds:\n%s", log[max(0, i-200):min(len(log), i+4000)])
		}
	}
	return nil
}
