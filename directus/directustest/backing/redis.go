package backing

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// Redis starts a Redis that keeps nothing over Stop.
func Redis(ctx context.Context) (*Service, error) {
	program, err := find("redis-server", "redis-server")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "directustest-redis-")
	if err != nil {
		return nil, err
	}
	s := &Service{name: "redis", dir: dir, ending: syscall.SIGTERM, giving: syscall.SIGKILL}
	s.command = func() *exec.Cmd {
		cmd := exec.Command(program, "--bind", "127.0.0.1", "--port", strconv.Itoa(s.port), "--dir", dir, "--save", "", "--appendonly", "no", "--loglevel", "warning")
		cmd.Dir = dir
		return cmd
	}
	s.ready = func(ctx context.Context) error { return s.talk(ctx, "PING\r\n", "+PONG") }
	return s, begin(ctx, s)
}
