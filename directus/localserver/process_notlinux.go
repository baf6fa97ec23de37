//go:build unix && !linux

package localserver

import "syscall"

// dieWithParent does nothing, because only Linux has a parent-death signal. The child of a killed parent runs on.
func dieWithParent(*syscall.SysProcAttr) {}

// waitStopped does not wait, so a child may run for a moment longer.
func waitStopped(int) error { return nil }
