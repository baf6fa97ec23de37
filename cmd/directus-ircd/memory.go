package main

import (
	"context"
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// memoryPeriod is how often is looked for memory that nobody uses.
const memoryPeriod = 30 * time.Second

const (
	// garbagePercent is how much the heap may grow between two collections, unless the
	// environment variable GOGC says it. What a login keeps lies among the garbage that
	// it leaves, and what is between cannot be given back: the runtime's 100 makes that
	// twice as much.
	garbagePercent = 50
	// returns is how often memory is given back after a rush: each time a stack that
	// became too deep loses half.
	returns = 3
)

// limitMemory has the garbage collector work harder near the limit. GOMEMLIMIT goes
// before the configuration.
func limitMemory(limit int64) {
	switch {
	case os.Getenv("GOMEMLIMIT") != "":
	case limit > 0:
		debug.SetMemoryLimit(limit)
	default:
		debug.SetMemoryLimit(math.MaxInt64)
	}
}

// returnMemory gives memory back that a rush of clients has left, until ctx ends.
// Where little happens the runtime looks at it every other minute only.
func returnMemory(ctx context.Context) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
	tick := time.NewTicker(memoryPeriod)
	defer tick.Stop()
	var left uint64 // what there was when that was done last
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		// Where there is much more than before, many have come: their logins have left
		// deep stacks, which do not count as spare.
		all, spare := memoryInUse()
		if spare <= all/4 && all-min(all, left) <= left/4 {
			continue
		}
		for range returns {
			debug.FreeOSMemory()
		}
		left, _ = memoryInUse()
	}
}

// memoryInUse returns how much memory there is, and how much of it is garbage or
// free, in bytes.
func memoryInUse() (all, spare uint64) {
	samples := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/free:bytes"}, {Name: "/gc/heap/live:bytes"},
	}
	metrics.Read(samples)
	value := func(i int) uint64 { return samples[i].Value.Uint64() }
	all, spare = value(0)-value(1), value(2)+value(3)+value(4)
	return all, spare - min(spare, value(5))
}
