package main

import (
	"path/filepath"
	"strings"
	"testing"

	"directus-ircd/deploy/man"
)

func TestHelpListsTheTopics(t *testing.T) {
	got := runCommand(t, "", "help")
	if got.code != 0 || got.stderr != "" {
		t.Fatalf("exit status %d, stderr %q", got.code, got.stderr)
	}
	for _, p := range man.Pages() {
		if p.About == "" || !strings.Contains(got.stdout, p.Topic) || !strings.Contains(got.stdout, p.About+"\n") {
			t.Errorf("the list lacks %s, %q:\n%s", p.Topic, p.About, got.stdout)
		}
	}
}

func TestHelpShowsThePage(t *testing.T) {
	t.Setenv("PAGER", "false") // not asked: standard output is no terminal
	for _, p := range man.Pages() {
		for _, name := range []string{p.Topic, p.Title, p.File, strings.TrimSuffix(p.File, ".md"), strings.TrimSuffix(p.File, filepath.Ext(strings.TrimSuffix(p.File, ".md"))+".md")} {
			got := runCommand(t, "", "help", name)
			if got.code != 0 || got.stdout != p.Terminal() {
				t.Errorf("help %s: exit status %d, %d bytes", name, got.code, len(got.stdout))
			}
		}
	}
}

func TestHelpOnNothing(t *testing.T) {
	got := runCommand(t, "", "help", "wetter")
	if got.code != exitUsage || got.stdout != "" {
		t.Errorf("exit status %d, stdout %q", got.code, got.stdout)
	}
	for _, want := range []string{`there is no help on "wetter"`, "  users ", "COMMAND --help"} {
		if !strings.Contains(got.stderr, want) {
			t.Errorf("stderr lacks %q:\n%s", want, got.stderr)
		}
	}
}
