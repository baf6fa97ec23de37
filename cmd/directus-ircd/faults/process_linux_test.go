package faults

import (
	"os/exec"
	"syscall"
)

// dieWithParent has the kernel kill a child when the test ends without stopping it.
func dieWithParent(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
