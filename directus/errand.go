package directus

import "sync"

// An errand is work that comes now and then. A goroutine does it while there is
// some, so that of many links that have nothing to do none keeps a stack for it.
type errand struct {
	do func() // all there is to do; static, never called twice at once

	runs sync.WaitGroup

	mu      sync.Mutex // a leaf: guards what follows
	due     bool
	running bool
	stopped bool
}

// ring says that there is something to do. It never waits.
func (e *errand) ring() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopped {
		return
	}
	e.due = true
	if !e.running {
		e.running = true
		e.runs.Go(e.run)
	}
}

func (e *errand) run() {
	for e.more() {
		e.do()
	}
}

func (e *errand) more() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.running = e.due && !e.stopped
	e.due = false
	return e.running
}

// stop makes what is being done the last, and waits for its end.
func (e *errand) stop() {
	e.mu.Lock()
	e.stopped = true
	e.mu.Unlock()
	e.runs.Wait()
}
