package localserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"directus-ircd/directus/localserver/process"
)

// ErrPortInUse says that another program listens on Config.Port.
var ErrPortInUse = errors.New("port in use")

// Server is a running Directus. Its methods are safe for concurrent use.
type Server struct {
	config  Config
	process *process.Process
	output  *tail
	done    <-chan struct{} // closed when the process has ended
}

// Start makes the database if there is none, starts Directus, and waits until it answers requests. If ctx ends
// before, so does Directus; later ctx has no effect. Stop and Kill end Directus, and on Linux the end of this process
// does too. If the port is in use, the error wraps ErrPortInUse.
func Start(ctx context.Context, config Config) (*Server, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	node, err := config.node(ctx)
	if err != nil {
		return nil, err
	}
	if err := config.prepareData(); err != nil {
		return nil, err
	}
	anyPort := config.Port == 0
	if err := config.choosePort(ctx); err != nil {
		return nil, err
	}
	if err := config.bootstrap(ctx, node.path); err != nil {
		return nil, err
	}
	config.Progress("starting Directus on " + config.address())
	for attempt := 1; ; attempt++ {
		s, err := start(ctx, config, node.path)
		if err == nil || !anyPort || attempt == 3 || !errors.Is(err, ErrPortInUse) {
			return s, err
		}
		// Another program took the port between choosePort and Directus' start.
		config.Port = 0
		if err := config.choosePort(ctx); err != nil {
			return nil, err
		}
	}
}

// choosePort chooses a free port if Port is zero, and otherwise checks that the port is free: Directus itself would
// find out only after it has loaded everything.
func (c *Config) choosePort(ctx context.Context) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", c.address())
	if err != nil {
		return portError(c, err)
	}
	if c.Port == 0 {
		c.Port = l.Addr().(*net.TCPAddr).Port
	}
	return l.Close()
}

func portError(c *Config, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w: another program listens on %s: stop it or choose another port for Directus", ErrPortInUse, c.address())
	}
	return fmt.Errorf("listen for directus: %w", err)
}

func start(ctx context.Context, config Config, node string) (*Server, error) {
	s := &Server{config: config, output: newTail(40)}
	cmd := exec.Command(node, filepath.Join(config.Install, entryPoint), "start")
	cmd.Dir = config.DataDir
	cmd.Env = config.environ(filepath.Join(config.DataDir, databaseFile))
	out := io.MultiWriter(s.output, config.Log)
	cmd.Stdout, cmd.Stderr = out, out
	p, err := process.Start(cmd)
	if err != nil {
		return nil, fmt.Errorf("start directus: %w", err)
	}
	s.process, s.done = p, p.Done()
	if err := s.waitReady(ctx); err != nil {
		s.Kill()
		return nil, err
	}
	return s, nil
}

// waitReady waits until Directus answers and, if there is an AdminToken, reports that it is healthy.
func (s *Server) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.config.StartTimeout, fmt.Errorf("no answer after %s", s.config.StartTimeout))
	defer cancel()
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	last := errors.New("no answer yet")
	for {
		select {
		case <-s.done:
			if strings.Contains(s.output.String(), "is already in use") {
				return portError(&s.config, syscall.EADDRINUSE)
			}
			return fmt.Errorf("start directus: it ended at once: %w%s", s.exitError(), quoted(s.output))
		case <-ctx.Done():
			return fmt.Errorf("start directus: %w (%w)%s", context.Cause(ctx), last, quoted(s.output))
		case <-poll.C:
			if last = s.probe(ctx, client); last == nil {
				return nil
			}
		}
	}
}

// probe asks Directus once whether it is ready; nil means that it is.
func (s *Server) probe(ctx context.Context, client *http.Client) error {
	if status, err := s.get(ctx, client, "/server/ping"); err != nil || status != http.StatusOK {
		return errors.Join(err, fmt.Errorf("/server/ping answered %d", status))
	}
	status, err := s.get(ctx, client, "/server/health")
	if err != nil {
		return err
	}
	switch status {
	case http.StatusOK, http.StatusUnauthorized, http.StatusForbidden: // 401 and 403: without a token Directus does not tell its health
		return nil
	}
	return fmt.Errorf("/server/health answered %d", status)
}

func (s *Server) get(ctx context.Context, client *http.Client, path string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL()+path, nil)
	if err != nil {
		return 0, err
	}
	if s.config.AdminToken != "" {
		req.Header.Set("Authorization", "Bearer "+s.config.AdminToken)
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, resp.Body.Close()
}

// URL is the address of this Directus, without a slash at the end.
func (s *Server) URL() string { return "http://" + s.config.address() }

// Port is the TCP port on which Directus listens. A later Start with this port makes Directus available at the same
// URL again.
func (s *Server) Port() int { return s.config.Port }

// PID is the process id of Directus, and the id of its process group.
func (s *Server) PID() int { return s.process.PID() }

// Done is closed when Directus has ended, by itself or by Stop or Kill.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err says how Directus ended, with the last lines of its log. It is nil while Directus runs.
func (s *Server) Err() error {
	if !s.process.Ended() {
		return nil
	}
	return fmt.Errorf("directus ended: %w%s", s.exitError(), quoted(s.output))
}

// exitError says how Directus ended, which must be so when it is called. After a signal Directus exits with status 0.
func (s *Server) exitError() error {
	if err := s.process.Err(); err != nil {
		return err
	}
	return errors.New("exit status 0")
}

// LogTail returns the last lines that Directus printed.
func (s *Server) LogTail() string { return s.output.String() }

// Stop asks Directus to end, kills it after Config.StopTimeout, and returns when it has ended. Open sockets are cut in
// either case. Stop of a stopped server does nothing.
func (s *Server) Stop() { s.process.Stop(s.config.StopTimeout) }

// Kill ends Directus at once, as a crash would, and returns when it has ended.
func (s *Server) Kill() {
	s.process.Kill()
	<-s.done
}

// Pause freezes Directus: its connections stay open and it answers nothing.
func (s *Server) Pause() error { return s.process.Pause() }

// Resume ends a Pause.
func (s *Server) Resume() error { return s.process.Resume() }
