package main

import (
	"context"
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// memoryPeriod is the time between two checks of how much memory is unused.
const memoryPeriod = 30 * time.Second

const (
	// garbagePercent is how much the heap may grow between two collections, unless the
	// environment variable GOGC is set. What a login keeps is scattered among its
	// garbage, so that the memory between cannot be returned to the system: the
	// runtime's default of 100 would double that.
	garbagePercent = 50
	// returns is how many times memory is returned after a rush of logins: each time, a
	// stack that has grown too deep is halved.
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

// returnMemory returns to the system what a rush of clients has left unused, until ctx
// ends. By itself a runtime that has little to do looks only every other minute.
func returnMemory(ctx context.Context) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
	tick := time.NewTicker(memoryPeriod)
	defer tick.Stop()
	var left uint64 // all memory after the last return
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		// Much more memory than after the last return means that many have logged in:
		// logins leave deep stacks, which do not count as spare.
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
