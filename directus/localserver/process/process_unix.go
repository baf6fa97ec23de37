//go:build unix

package process

import (
	"errors"
	"os/exec"
	"syscall"
)

func prepareGroup(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = !cmd.SysProcAttr.Setsid // who leads a session leads a group
	dieWithParent(cmd.SysProcAttr)
}

func (p *Process) signal(sig syscall.Signal) error {
	if p.Ended() {
		return nil
	}
	if err := syscall.Kill(-p.cmd.Process.Pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

// Terminate sends SIGTERM to the group.
func (p *Process) Terminate() { _ = p.signal(syscall.SIGTERM) }

// Kill sends SIGKILL to the group, and does not wait until the child has ended.
func (p *Process) Kill() { _ = p.signal(syscall.SIGKILL) }

// Pause stops the child and all that it started, and waits until the child has stopped.
func (p *Process) Pause() error {
	if err := p.signal(syscall.SIGSTOP); err != nil || p.Ended() {
		return err
	}
	return waitStopped(p.cmd.Process.Pid)
}

// Resume ends a Pause.
func (p *Process) Resume() error { return p.signal(syscall.SIGCONT) }
