//go:build unix && !linux

package localserver

import "syscall"

// dieWithParent does nothing: only Linux knows a parent-death signal. A killed parent leaves the child behind.
func dieWithParent(*syscall.SysProcAttr) {}

// waitStopped does nothing: a child may take a moment to stop.
func waitStopped(int) error { return nil }
