// Package mantest reads the texts that speak of the program, for tests of what they
// name: its keys, commands, flags and messages. Only tests import it.
package mantest

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"directus-ircd/deploy/man"
)

// Texts are the README and the pages of the manual, in Markdown, by file name.
func Texts(t testing.TB) map[string]string {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join(top(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{"README.md": string(readme)}
	for _, p := range man.Pages() {
		texts[p.File] = p.Markdown
	}
	return texts
}

// Page is the page of the manual on a topic, in Markdown.
func Page(t testing.TB, topic string) string {
	t.Helper()
	page, ok := man.Find(topic)
	if !ok {
		t.Fatalf("there is no page on %s", topic)
	}
	return page.Markdown
}

var (
	fence = regexp.MustCompile("(?ms)^ *```(\\w*)\n(.*?)^ *```$")
	span  = regexp.MustCompile("`([^`\n]+)`")
)

// A Block of code and its language, which is empty where the text names none.
type Block struct{ Language, Code string }

// Blocks lists the blocks of code of a text.
func Blocks(text string) (blocks []Block) {
	for _, b := range fence.FindAllStringSubmatch(text, -1) {
		blocks = append(blocks, Block{b[1], b[2]})
	}
	return blocks
}

// Spans lists what stands as code within sentences.
func Spans(text string) (spans []string) {
	for _, s := range span.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		spans = append(spans, s[1])
	}
	return spans
}

// top is the folder of the module, which holds that of the test.
func top(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	for err == nil {
		if _, missing := os.Stat(filepath.Join(dir, "go.mod")); missing == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			err = os.ErrNotExist
		}
		dir = filepath.Dir(dir)
	}
	t.Fatal(err)
	return ""
}
