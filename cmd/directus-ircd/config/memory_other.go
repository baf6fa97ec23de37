//go:build !linux

package config

// machineMemory is not known.
func machineMemory() int64 { return 0 }
