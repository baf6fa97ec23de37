package localserver

import "syscall"

// dieWithParent has the kernel kill the child when we end without stopping it, as after kill -9.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
