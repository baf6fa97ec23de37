//go:build unix

package localserver

import (
	"errors"
	"os/exec"
	"syscall"
)

func prepareGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	dieWithParent(cmd.SysProcAttr)
}

func (p *process) signal(sig syscall.Signal) error {
	if p.ended() {
		return nil
	}
	if err := syscall.Kill(-p.cmd.Process.Pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

func (p *process) terminate() { _ = p.signal(syscall.SIGTERM) }
func (p *process) kill()      { _ = p.signal(syscall.SIGKILL) }

// pause stops the child and all that it started, and waits until the child has stopped.
func (p *process) pause() error {
	if err := p.signal(syscall.SIGSTOP); err != nil || p.ended() {
		return err
	}
	return waitStopped(p.cmd.Process.Pid)
}

func (p *process) resume() error { return p.signal(syscall.SIGCONT) }
