package man

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// maxWidth is that of a terminal.
const maxWidth = 80

// TestPagesFitATerminal: a page is shown as it stands. Commands that are to be copied may be longer.
func TestPagesFitATerminal(t *testing.T) {
	for _, p := range Pages() {
		code := false
		for i, line := range strings.Split(p.Terminal(), "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "```") {
				code = !code
			}
			if n := utf8.RuneCountInString(line); n > maxWidth && !code {
				t.Errorf("%s:%d has %d columns: %s", p.File, i+1, n, line)
			}
		}
	}
}

// TestPagesHaveTitles: each begins with its name, and a line on what it is about.
func TestPagesHaveTitles(t *testing.T) {
	for _, p := range Pages() {
		name, _, _ := strings.Cut(p.Title, "(")
		if want := "# " + p.Title + "\n\n" + name + " - " + p.About + "\n\n"; p.About == "" || !strings.HasPrefix(p.Markdown, want) {
			t.Errorf("%s does not begin with %q", p.File, want)
		}
	}
}
