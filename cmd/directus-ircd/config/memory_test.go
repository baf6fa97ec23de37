package config

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMemoryLimit(t *testing.T) {
	const machine = 8 << 30
	for name, test := range map[string]struct {
		machine int64
		files   map[string]string
		want    int64
	}{
		"nothing":        {0, nil, 0},
		"machine":        {machine, nil, machine},
		"version 2":      {machine, map[string]string{"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "max\n", "sys/fs/cgroup/a/memory.max": "134217728\n"}, 128 << 20},
		"high":           {0, map[string]string{"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "134217728\n", "sys/fs/cgroup/a/memory.high": "67108864\n"}, 64 << 20},
		"container":      {machine, map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "134217728\n"}, 128 << 20},
		"version 1":      {0, map[string]string{"proc/self/cgroup": "4:cpu,memory:/x\n", "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "100663296\n"}, 96 << 20},
		"other place":    {0, map[string]string{"proc/self/cgroup": "4:memory:/gone\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "100663296\n"}, 96 << 20},
		"no limit there": {machine, map[string]string{"proc/self/cgroup": "4:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, machine},
	} {
		root := t.TempDir()
		for file, text := range test.files {
			path := filepath.Join(root, file)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := allowedMemory(root, test.machine); got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
		if got := (Limits{}).memoryLimit(root, test.machine); test.want > 0 && got != max(test.want/100*memoryShare, leastMemory) {
			t.Errorf("%s: a limit of %d", name, got)
		}
		if got := (Limits{Memory: 1 << 30}).memoryLimit(root, test.machine); got != 1<<30 {
			t.Errorf("%s: a configured limit of %d", name, got)
		}
	}
}
