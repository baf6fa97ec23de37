package localserver

import (
	"os/exec"
	"runtime"
	"time"
)

// process is a child process that leads a process group of its own. A signal to the group reaches everything that
// the child has started, and Ctrl-C in the terminal reaches only the parent, which then decides how to stop it.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the child has ended and its output has been read
	err  error         // result of Cmd.Wait; valid once done is closed
}

// startProcess starts cmd, and a goroutine that waits for it and ends with it.
func startProcess(cmd *exec.Cmd) (*process, error) {
	prepareGroup(cmd)
	cmd.WaitDelay = 2 * time.Second // a grandchild may hold the output open
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// Linux sends the parent-death signal when the thread that forked ends, not when its process does. So the
		// goroutine keeps its thread until the child has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// ended reports whether the child has ended. Its id may then belong to another process group.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}
