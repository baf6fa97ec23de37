package directus

import "sync"

// An errand is work that comes now and then. A goroutine exists only while there is
// work: with thousands of idle links, a goroutine for each would keep its stack for nothing.
type errand struct {
	do func() // does all the work there is; static; never runs twice at the same time

	runs sync.WaitGroup

	mu      sync.Mutex // guards what follows; no other lock is taken under it
	due     bool       // rung since do last began
	running bool       // a goroutine exists
	stopped bool
}

// ring makes do run soon, or once more if it is running. It never waits.
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

// more reports whether do has to run once more. If not, the goroutine ends.
func (e *errand) more() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.running = e.due && !e.stopped
	e.due = false
	return e.running
}

// stop waits for a running do to return, and lets no other begin.
func (e *errand) stop() {
	e.mu.Lock()
	e.stopped = true
	e.mu.Unlock()
	e.runs.Wait()
}
