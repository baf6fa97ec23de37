package main

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What is wrong is said before anything is written.
func TestMistakes(t *testing.T) {
	if _, err := pickVersion("# Changelog\n\n## 1.2.0\n", "1.3.0"); err == nil || !strings.Contains(err.Error(), `no section "## 1.3.0"`) {
		t.Error(err)
	}
	if _, err := pickVersion("# Changelog\n", ""); err == nil {
		t.Error("a changelog without versions was taken")
	}
	if got, err := pickVersion("## 1.2.0 (soon)\n## 1.1.0\n", "1.1.0"); got != "1.1.0" || err != nil {
		t.Error(got, err)
	}
	if _, err := emptyConfig("directus:\n  url: https://elsewhere.example.com\n"); err == nil {
		t.Error("a configuration with an address was left as it is")
	}
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		wrong string
		o     options
	}{
		{`"v1.2" is no version`, options{Version: new("v1.2")}},
		{`"" is no version`, options{Version: new("")}}, // such as an unset variable of a script
		{`"sparc" is no architecture`, options{Arch: []string{"amd64", "sparc"}}},
		{"--arch names amd64 twice", options{Arch: []string{"amd64", "arm64", "amd64"}}},
		{"--arch names none", options{Arch: []string{}}},
		{`" " is no maintainer`, options{Maintainer: " "}},
		{`"Ada" is no maintainer`, options{Maintainer: "Ada"}},
		{"is no maintainer", options{Maintainer: "Ada <ada@example.com>\nDepends: more"}},
		{"is not empty", options{Out: full}},
		{"--out", options{Out: filepath.Join(full, "file", "below")}},
		{"is missing", options{}}, // this is not the top folder
	} {
		o := tt.o
		o.Out = cmp.Or(o.Out, filepath.Join(full, "new"))
		if o.Arch == nil {
			o.Arch = []string{"amd64"}
		}
		o.Maintainer = cmp.Or(o.Maintainer, "Ada <ada@example.com>")
		if err := o.run(t.Context()); err == nil || !strings.Contains(err.Error(), tt.wrong) {
			t.Errorf("%+v: %v, want %q", o, err, tt.wrong)
		}
	}
	if entries, err := os.ReadDir(full); len(entries) != 1 {
		t.Error(entries, err)
	}
	t.Setenv("SOURCE_DATE_EPOCH", "yesterday")
	if _, err := sourceDate(); err == nil {
		t.Error("a date in words was taken")
	}
	t.Setenv("SOURCE_DATE_EPOCH", "86400")
	if got, err := sourceDate(); err != nil || !got.Equal(time.Unix(86400, 0)) {
		t.Error(got, err)
	}
}

// A release that is interrupted while it compiles leaves nothing behind.
func TestInterrupted(t *testing.T) {
	read(t)
	parent := t.TempDir()
	interrupted := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	done := make(chan error, 1)
	go func() {
		o := options{Out: filepath.Join(parent, "dist"), Arch: []string{"amd64"}, Maintainer: "Ada <ada@example.com>"}
		done <- o.run(ctx)
	}()
	for found := []string(nil); found == nil; {
		select {
		case err := <-done:
			t.Fatal(err)
		case <-time.After(time.Millisecond):
			found, _ = filepath.Glob(filepath.Join(parent, ".release-*"))
		}
	}
	cancel(interrupted)
	if err := <-done; !errors.Is(err, interrupted) {
		t.Error(err)
	}
	if entries, err := os.ReadDir(parent); len(entries) != 0 {
		t.Error(entries, err)
	}
}

// A folder that git refuses is told with git's own reason.
func TestDateUnknown(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("SOURCE_DATE_EPOCH", "")
	if _, err := sourceDate(); err == nil || !strings.Contains(err.Error(), "not a git repository") {
		t.Error(err)
	}
}
