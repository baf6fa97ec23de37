//go:build !unix

package process

import (
	"errors"
	"os/exec"
)

// Without process groups and signals, these methods act on the child alone and not on what it has started.

func prepareGroup(*exec.Cmd) {}

// Terminate kills the child.
func (p *Process) Terminate() { p.Kill() }

// Kill kills the child, and does not wait until it has ended.
func (p *Process) Kill() {
	if !p.Ended() {
		_ = p.cmd.Process.Kill()
	}
}

// Pause is not supported.
func (p *Process) Pause() error { return errors.ErrUnsupported }

// Resume is not supported.
func (p *Process) Resume() error { return errors.ErrUnsupported }
