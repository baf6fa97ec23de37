package localserver

import (
	"os/exec"
	"runtime"
	"time"
)

// process is a child at the head of a process group of its own, so that a signal reaches all it started and
// Ctrl-C in our terminal does not reach it before we decide how to stop it.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the child has ended and its output has been read
	err  error         // how it ended; valid once done is closed
}

// startProcess starts cmd. The goroutine that waits for it ends with it.
func startProcess(cmd *exec.Cmd) (*process, error) {
	prepareGroup(cmd)
	cmd.WaitDelay = 2 * time.Second // a grandchild may hold the output open
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// Linux sends the parent-death signal when the thread that forked ends, not when its process does. Keep
		// the thread until the child is gone.
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

// ended reports whether the child is gone; its process group may then belong to somebody else.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}
