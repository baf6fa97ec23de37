// Package backing runs the servers on which Directus can stand: PostgreSQL, MariaDB, Redis, and nginx in front of several
// processes of Directus. They come from the packages of Debian, listen on the loopback interface on ports that are free,
// keep their files in folders of their own, and end with the process that started them.
package backing

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"directus-ircd/directus/localserver/needs"
	"directus-ircd/directus/localserver/process"
)

const (
	// startTimeout is for a machine that has much else to do: PostgreSQL and Redis take 0.1 s, MariaDB 1 s.
	startTimeout = time.Minute
	// stopTimeout is how long a server may take to end in good order before it is killed.
	stopTimeout = 20 * time.Second
)

// Service is a server that runs. Its methods are for one goroutine at a time.
type Service struct {
	name    string // for errors
	dir     string // holds its files, and is removed by Remove
	port    int
	command func() *exec.Cmd
	ready   func(context.Context) error // nil once the server answers
	ending  os.Signal                   // asks it to end in good order, whoever is connected
	giving  os.Signal                   // gives it up: it ends at once and waits only for its own children

	process *process.Process
}

// find returns the path of a program, which may be in a folder that only the path of root has.
func find(program, pkg string) (string, error) {
	for _, name := range []string{program, filepath.Join("/usr/sbin", program)} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", missing(program, pkg)
}

func missing(program, pkg string) error {
	return fmt.Errorf("%s of the package %s is not installed.\n%w", program, pkg, needs.ForTests())
}

// begin starts a new service on a free port. Another program may take the port before the service does: then it gets
// another one.
func begin(ctx context.Context, s *Service) error {
	for attempt := 1; ; attempt++ {
		var err error
		if s.port, err = freePort(ctx); err != nil {
			return err
		}
		if err = s.Start(ctx); err == nil {
			return nil
		}
		if attempt == 3 || ctx.Err() != nil {
			s.Remove()
			return err
		}
	}
}

func freePort(ctx context.Context) (int, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// Port is the TCP port on 127.0.0.1. It stays the same over Stop and Start.
func (s *Service) Port() int { return s.port }

func (s *Service) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

func (s *Service) logFile() string { return filepath.Join(s.dir, "log") }

// Start starts a service that does not run, and returns when it answers.
func (s *Service) Start(ctx context.Context) error {
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := s.command()
	cmd.Stdout, cmd.Stderr = log, log
	if s.process, err = process.Start(cmd); err != nil {
		return fmt.Errorf("start %s: %w", s.name, err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("no answer after %s", startTimeout))
	defer cancel()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for {
		select {
		case <-poll.C:
			if s.ready(ctx) == nil {
				return nil
			}
		case <-s.process.Done():
			return fmt.Errorf("start %s: it ended at once: %w\n%s", s.name, s.process.Err(), s.LogTail())
		case <-ctx.Done():
			s.end(s.giving)
			return fmt.Errorf("start %s: %w\n%s", s.name, context.Cause(ctx), s.LogTail())
		}
	}
}

// Stop ends the service in good order: it writes what it holds and closes its connections. Its port refuses connections
// until Start. One that does not run is left alone.
func (s *Service) Stop() error {
	if !s.end(s.ending) {
		return fmt.Errorf("stop %s: it did not end within %v\n%s", s.name, stopTimeout, s.LogTail())
	}
	return nil
}

// end ends the service by a signal, and kills it if that is in vain. It reports whether it was not.
func (s *Service) end(by os.Signal) bool {
	if s.process == nil {
		return true
	}
	s.process.Signal(by)
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-s.process.Done():
		return true
	case <-timer.C:
		s.process.Kill()
		<-s.process.Done()
		return false
	}
}

// Remove ends the service at once and removes its files.
func (s *Service) Remove() {
	s.end(s.giving)
	_ = os.RemoveAll(s.dir)
}

// LogTail returns the end of what the service has printed.
func (s *Service) LogTail() string {
	const most = 3000
	log, err := os.ReadFile(s.logFile())
	if err != nil {
		return err.Error()
	}
	return string(log[max(0, len(log)-most):])
}

// talk sends a request to the service and reads the beginning of its answer, or of its greeting if there is no request.
func (s *Service) talk(ctx context.Context, request, want string) error {
	dialer := net.Dialer{Timeout: time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", s.address())
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, request); err != nil {
		return err
	}
	got := make([]byte, max(1, len(want)))
	if _, err := io.ReadFull(conn, got); err != nil {
		return err
	}
	if want != "" && string(got) != want {
		return fmt.Errorf("%s answered %q", s.name, got)
	}
	return nil
}

// run runs a program of a service to its end.
func run(ctx context.Context, cmd *exec.Cmd, dir string) error {
	log, err := os.CreateTemp(dir, "run-*.log")
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	p, err := process.Start(cmd)
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(cmd.Path), err)
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		p.Kill()
		<-p.Done()
		return context.Cause(ctx)
	}
	if err := p.Err(); err != nil {
		text, _ := os.ReadFile(log.Name())
		return fmt.Errorf("%s: %w\n%s", filepath.Base(cmd.Path), err, text)
	}
	return os.Remove(log.Name())
}
