package man

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	fenced   = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	codeSpan = regexp.MustCompile("`[^`\n]+`")
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#+ (.+)$`)
	noAnchor = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// readText is a Markdown file without its code, in which nothing is a link or a heading.
func readText(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return fenced.ReplaceAllString(string(text), "")
}

// anchors are the names that hosts of Git repositories give to the headings of a text.
func anchors(text string) map[string]bool {
	found := map[string]bool{}
	for _, h := range heading.FindAllStringSubmatch(text, -1) {
		found[strings.ReplaceAll(noAnchor.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-")] = true
	}
	return found
}

// TestLinks follows each link that the README and the pages have to a file of the tree, or to a heading.
func TestLinks(t *testing.T) {
	files, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	followed := 0
	for _, file := range append(files, "../../README.md") {
		for _, l := range link.FindAllStringSubmatch(codeSpan.ReplaceAllString(readText(t, file), ""), -1) {
			if strings.Contains(l[1], "://") {
				continue
			}
			followed++
			target, anchor, _ := strings.Cut(l[1], "#")
			if target = filepath.Join(filepath.Dir(file), target); l[1][0] == '#' {
				target = file
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %s leads nowhere: %v", file, l[1], err)
			} else if anchor != "" && !anchors(readText(t, target))[anchor] {
				t.Errorf("%s: %s has no heading %q", file, target, anchor)
			}
		}
	}
	if followed < 20 {
		t.Errorf("only %d links were followed", followed)
	}
}

// TestEachPageIsInTheReadme: whoever reads the README finds all pages.
func TestEachPageIsInTheReadme(t *testing.T) {
	readme := readText(t, "../../README.md")
	for _, p := range Pages() {
		if !strings.Contains(readme, "["+p.Title+"](deploy/man/"+p.File+")") {
			t.Errorf("the README does not lead to %s", p.Title)
		}
	}
}
