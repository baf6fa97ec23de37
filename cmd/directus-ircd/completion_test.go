package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"directus-ircd/cmd/directus-ircd/completion"
)

func completionScript(t *testing.T, shell string) string {
	t.Helper()
	got := runCommand(t, "", "completion", shell)
	if got.code != 0 {
		t.Fatal(got.stderr)
	}
	return got.stdout
}

// Bash itself completes the last word of what people have typed.
func TestCompletionInBash(t *testing.T) {
	script := completionScript(t, "bash")
	for line, want := range map[string]string{
		"s":                  "serve setup status",
		"--":                 "--help --version",
		"setup --re":         "--replies --reactions --read-markers",
		"check -":            "-c --config --email --password --password-stdin --password-file --token --token-stdin --token-file --otp --offline --write -h --help",
		"setup --url ":       "",
		"serve -c main_te":   "main_test.go",
		"demo --data compl":  "completion",
		"help re":            "reliability",
		"completion ":        "bash zsh fish -h --help",
		"--help version --j": "--json",
	} {
		words := strings.Split("directus-ircd "+line, " ")
		cmd := exec.Command("bash", "-c", script+`
			COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
			_directus_ircd
			echo "${COMPREPLY[*]}"`, "bash")
		cmd.Args = append(cmd.Args, words...)
		out, err := cmd.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("%q is completed to %q, want %q (%v)", line, got, want, err)
		}
	}
}

// Each script names every command and every flag.
func TestCompletionIsWhole(t *testing.T) {
	for _, shell := range completion.Shells {
		script := completionScript(t, shell)
		for _, word := range []string{"serve", "check", "health", "status", "drain", "setup", "demo", "config", "help", "version", "completion", "private-readable", "json", "reliability"} {
			if !strings.Contains(script, word) {
				t.Errorf("the script for %s lacks %s", shell, word)
			}
		}
		if slices.Contains(strings.Fields(script), "(${default})") {
			t.Errorf("the script for %s has what stands for a default", shell)
		}
	}
	if got := runCommand(t, "", "completion", "ksh"); got.code != exitUsage || !strings.Contains(got.stderr, `"bash","zsh","fish"`) {
		t.Errorf("ksh: %d %s", got.code, got.stderr)
	}
}
