package localserver

import (
	"bytes"
	"strings"
	"sync"
)

// maxTailLine limits each line that tail keeps, in bytes, because a line of the log may quote a whole request.
const maxTailLine = 1000

// tail is a writer that keeps the last lines written to it. It is safe for concurrent use.
type tail struct {
	max int // lines

	mu    sync.Mutex
	lines []string // guarded by mu
	rest  []byte   // guarded by mu: the last line while its line break has not come
}

func newTail(max int) *tail { return &tail{max: max} }

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(p)
	for {
		line, after, found := bytes.Cut(p, []byte("\n"))
		if room := maxTailLine - len(t.rest); len(line) > room {
			line = line[:room]
		}
		t.rest = append(t.rest, line...)
		if !found {
			return n, nil
		}
		t.add(string(t.rest))
		t.rest = t.rest[:0]
		p = after
	}
}

// add keeps a line. Callers hold mu.
func (t *tail) add(line string) {
	if line = strings.TrimRight(line, "\r"); line == "" {
		return
	}
	if len(t.lines) == t.max {
		t.lines = append(t.lines[:0], t.lines[1:]...)
	}
	t.lines = append(t.lines, line)
}

// String returns the kept lines, the oldest first.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := strings.Join(t.lines, "\n")
	if len(t.rest) > 0 {
		text += "\n" + string(t.rest)
	}
	return strings.TrimSpace(strings.ToValidUTF8(text, "?"))
}
