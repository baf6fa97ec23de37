package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// memoryPeriod is how often is looked for memory that nobody uses.
const memoryPeriod = 30 * time.Second

// returnMemory gives memory back that a rush of clients has left, until ctx ends.
// The runtime keeps room for the heap to double, and where little happens it looks
// at it every other minute; idle connections take half of that.
func returnMemory(ctx context.Context) {
	tick := time.NewTicker(memoryPeriod)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if all, spare := memoryInUse(); spare > all/4 {
			debug.FreeOSMemory()
		}
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
