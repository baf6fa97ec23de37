package config

import (
	"path"
	"strconv"
	"strings"
)

const (
	// memoryShare is the default limit in percent of the memory of the machine or cgroup.
	// The rest is for what the Go runtime does not count, such as buffers of sockets and
	// files.
	memoryShare = 66
	// leastMemory is the least value of limits.memory, in bytes.
	leastMemory = 32 << 20
)

// MemoryLimit is the limit on the memory of the daemon, in bytes: limits.memory, or a share
// of the memory of the machine or cgroup. It is 0 if neither is known.
func (l Limits) MemoryLimit() int64 { return l.memoryLimit("/", machineMemory()) }

func (l Limits) memoryLimit(root string, machine int64) int64 {
	if l.Memory > 0 {
		return int64(l.Memory)
	}
	if allowed := allowedMemory(root, machine); allowed > 0 {
		return max(allowed/100*memoryShare, leastMemory)
	}
	return 0
}

// allowedMemory is the limit of the process's cgroups or the memory of the machine, whichever
// is less; 0 if neither is known. root is "/", except in tests.
func allowedMemory(root string, machine int64) int64 {
	least := machine
	take := func(n int64) {
		if n > 0 && (least == 0 || n < least) {
			least = n
		}
	}
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

// cgroups returns the folders of the process's cgroups that may limit memory, of version 1
// and 2. In a container, the cgroup of the process is at the top of the file system.
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

// numberIn returns the number in a file; 0 if the file holds anything else, such as "max".
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
