//go:build !linux

package faults

import "os/exec"

// dieWithParent does nothing: only Linux knows a parent-death signal.
func dieWithParent(*exec.Cmd) {}
