package config

import (
	"path"
	"strconv"
	"strings"
)

const (
	// memoryShare is how much of what the machine or the cgroup allows the daemon
	// takes for its own memory, in percent: stacks of the system, buffers of sockets
	// and files count there too.
	memoryShare = 66
	// leastMemory is what limits.memory has to be at least.
	leastMemory = 32 << 20
)

// MemoryLimit is how much memory the daemon shall use, in bytes; 0: no limit is known.
// It reads what the machine and the cgroup allow.
func (l Limits) MemoryLimit() int64 { return l.memoryLimit("/") }

func (l Limits) memoryLimit(root string) int64 {
	if l.Memory > 0 {
		return int64(l.Memory)
	}
	if allowed := allowedMemory(root); allowed > 0 {
		return max(allowed/100*memoryShare, leastMemory)
	}
	return 0
}

// allowedMemory is what the cgroups of the process allow, or the memory of the machine,
// whichever is less; 0 if neither can be read. root is "/" but for tests.
func allowedMemory(root string) int64 {
	var least int64
	take := func(n int64) {
		if n > 0 && (least == 0 || n < least) {
			least = n
		}
	}
	take(machineMemory(root))
	for _, folder := range cgroups(root) {
		for {
			for _, name := range []string{"memory.max", "memory.high", "memory.limit_in_bytes"} {
				take(numberIn(path.Join(root, folder, name)))
			}
			if folder == "/sys/fs/cgroup" || folder == "/sys/fs/cgroup/memory" || folder == "/" {
				break
			}
			folder = path.Dir(folder)
		}
	}
	return least
}

// cgroups are the folders of the process' cgroups that may limit memory, of version 1
// and 2. In a container that of the process is where the file system begins.
func cgroups(root string) []string {
	text, err := ReadFile(path.Join(root, "/proc/self/cgroup"))
	if err != nil {
		return nil
	}
	folders := []string{"/sys/fs/cgroup", "/sys/fs/cgroup/memory"}
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case len(parts) < 3:
		case parts[0] == "0" && parts[1] == "":
			folders = append(folders, path.Join("/sys/fs/cgroup", parts[2]))
		case strings.Contains(","+parts[1]+",", ",memory,"):
			folders = append(folders, path.Join("/sys/fs/cgroup/memory", parts[2]))
		}
	}
	return folders
}

func machineMemory(root string) int64 {
	text, err := ReadFile(path.Join(root, "/proc/meminfo"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "MemTotal:" {
			kib, _ := strconv.ParseInt(fields[1], 10, 64)
			return kib << 10
		}
	}
	return 0
}

// numberIn is the number in a file; 0 for anything else, "max" for one.
func numberIn(file string) int64 {
	text, err := ReadFile(file)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
