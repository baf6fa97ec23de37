//go:build !unix

package localserver

import (
	"errors"
	"os/exec"
)

// Without process groups and signals, these methods act on the child alone and not on what it has started.

func prepareGroup(*exec.Cmd) {}

func (p *process) terminate() { p.kill() }

func (p *process) kill() {
	if !p.ended() {
		_ = p.cmd.Process.Kill()
	}
}

func (p *process) pause() error  { return errors.ErrUnsupported }
func (p *process) resume() error { return errors.ErrUnsupported }
