//go:build !linux

package process

import (
	"os/exec"
	"syscall"
)

// EndWithParent does nothing, because only Linux has a parent-death signal. The child of a killed parent runs on.
func EndWithParent(*exec.Cmd, syscall.Signal) {}

// dieWithParent does nothing either.
func dieWithParent(*syscall.SysProcAttr) {}

// waitStopped does not wait, so a child may run for a moment longer.
func waitStopped(int) error { return nil }
