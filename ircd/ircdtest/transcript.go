package ircdtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// ClientLines returns, by file, the lines that clients send in the transcripts
// that match a pattern. It fails the test if there are none.
func ClientLines(tb testing.TB, pattern string) map[string][]string {
	tb.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		tb.Fatalf("no transcripts: %v", err)
	}
	lines := map[string][]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		for l := range strings.Lines(string(text)) {
			if l, ok := strings.CutPrefix(strings.TrimRight(l, "\n"), "C: "); ok {
				lines[file] = append(lines[file], l)
			}
		}
	}
	return lines
}
