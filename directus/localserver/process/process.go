// Package process runs child processes that do not outlive this one: Directus, npm, and the servers of the tests.
package process

import (
	"os"
	"os/exec"
	"runtime"
	"time"
)

// Process is a child process that leads a process group of its own. A signal to the group reaches everything that
// the child has started, and Ctrl-C in the terminal reaches only the parent, which then decides how to stop it.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the child has ended and its output has been read
	err  error         // result of Cmd.Wait; valid once done is closed
}

// Start starts cmd, and a goroutine that waits for it and ends with it. On Linux the child gets SIGKILL when this process
// ends, unless cmd asks for another signal.
func Start(cmd *exec.Cmd) (*Process, error) {
	prepareGroup(cmd)
	cmd.WaitDelay = 2 * time.Second // a grandchild may hold the output open
	p := &Process{cmd: cmd, done: make(chan struct{})}
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

// PID is the process id of the child, and the id of its process group.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Signal sends a signal to the child alone. To one that has ended it does nothing.
func (p *Process) Signal(sig os.Signal) {
	if !p.Ended() {
		_ = p.cmd.Process.Signal(sig)
	}
}

// Done is closed when the child has ended and its output has been read.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err is how the child ended, as exec.Cmd.Wait says it. It may be called once Done is closed.
func (p *Process) Err() error { return p.err }

// Ended reports whether the child has ended. Its id may then belong to another process group.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Stop asks the child to end, kills its group after timeout, and returns when it has ended. It reports whether the child
// ended by itself.
func (p *Process) Stop(timeout time.Duration) bool {
	_ = p.Resume() // a paused process does not react to the signal
	p.Terminate()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-p.done:
		return true
	case <-timer.C:
		p.Kill()
		<-p.done
		return false
	}
}
