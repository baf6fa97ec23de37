package config

import "golang.org/x/sys/unix"

// machineMemory is the memory of the machine in bytes; 0 if it is not known. The systemd unit hides /proc/meminfo.
func machineMemory() int64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	return int64(uint64(info.Totalram) * uint64(info.Unit)) // of types that differ between architectures
}
