package main

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestMemoryInUse(t *testing.T) {
	debug.FreeOSMemory()
	all, before := memoryInUse()
	kept := make([]byte, all) // as much again
	kept[0] = 1
	runtime.GC()
	if _, spare := memoryInUse(); spare > before+all/2 {
		t.Errorf("%d bytes are spare while %d are in use", spare, len(kept))
	}
	runtime.KeepAlive(kept)
	runtime.GC()
	if _, spare := memoryInUse(); spare < before+all/2 {
		t.Errorf("%d bytes are spare after %d were let go, %d before", spare, all, before)
	}
	debug.FreeOSMemory()
	if _, spare := memoryInUse(); spare > before+all/2 {
		t.Errorf("%d bytes are spare though memory was given back", spare)
	}
}

func TestLimitMemory(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	t.Setenv("GOMEMLIMIT", "")
	limitMemory(1 << 40)
	if got := debug.SetMemoryLimit(-1); got != 1<<40 {
		t.Errorf("the limit is %d", got)
	}
	t.Setenv("GOMEMLIMIT", "1GiB")
	limitMemory(2 << 40)
	if got := debug.SetMemoryLimit(-1); got != 1<<40 {
		t.Errorf("the limit is %d with GOMEMLIMIT", got)
	}
}
