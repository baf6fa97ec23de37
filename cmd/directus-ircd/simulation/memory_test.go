package simulation

import (
	"runtime"
	"time"
)

const (
	// heapBase is what the daemon may hold whatever happens, and heapPerClient what each client may cost beside that: neither
	// depends on how many messages there were.
	heapBase      = 4 << 20
	heapPerClient = 512 << 10
	// waiting is how many presence events may wait for one connection: twice as many as compacting leaves, which are those that
	// others can send at will and some of each user.
	waiting = 2 * (4096 + 2*256)
)

// judgeQueues looks now and then at what waits for connections.
func (w *world) judgeQueues(d *daemon) {
	w.mu.Lock()
	w.waited++
	w.mu.Unlock()
	if n := d.server.Stats().Waiting; n > waiting {
		w.fail("memory: %d presence events wait for one connection", n)
	}
}

// heap is what is alive, in bytes.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // what pools and finalizers held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// judgeMemory ends the world by end, which ends the daemon, and judges by how much less is alive then. Looking takes time,
// so that it is done in one world of some.
func (w *world) judgeMemory(end func()) {
	w.mu.Lock()
	w.verdict["queues are bounded"] += w.waited
	w.mu.Unlock()
	if w.scenario.seed%4 != 0 {
		end()
		return
	}
	before := heap()
	end()
	time.Sleep(time.Minute) // until Directus has noticed, too
	after, most := heap(), uint64(heapBase+heapPerClient*len(w.clients))
	w.verdict["memory is bounded"]++
	if before > after+most {
		w.fail("memory: the daemon held %d KiB for %d clients", (before-after)>>10, len(w.clients))
	}
	if *trace {
		w.t.Logf("memory: %d KiB for %d clients and %d messages", (int64(before)-int64(after))>>10, len(w.clients), w.book.count())
	}
}
