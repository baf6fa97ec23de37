package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// A folder that was chosen must work; without one memory does.
func TestResumeDirectory(t *testing.T) {
	dir, state := t.TempDir(), t.TempDir()
	var log bytes.Buffer
	open := func(c resumeConfig) string {
		t.Helper()
		log.Reset()
		r, err := c.open(zerolog.New(&log))
		if err != nil {
			return err.Error()
		}
		if r != nil {
			t.Cleanup(r.Trails.Close)
		}
		return ""
	}
	chosen := defaultResume()
	chosen.Directory = filepath.Join(dir, "made")
	if err := open(chosen); err != "" || log.Len() > 0 {
		t.Errorf("got %q, %s", err, &log)
	}
	if err := open(chosen); !strings.Contains(err, chosen.Directory+": another daemon is using it") {
		t.Errorf("used twice: got %q", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := open(resumeConfig{Directory: file, MaxAge: duration(time.Hour), MaxMessages: 1}); !strings.HasPrefix(err, "resume.directory: ") || !strings.Contains(err, file) {
		t.Errorf("a file: got %q", err)
	}
	if err := open(resumeConfig{Directory: file}); err != "" {
		t.Errorf("switched off: got %q", err)
	}

	t.Setenv("STATE_DIRECTORY", state+":/elsewhere")
	if err := open(defaultResume()); err != "" || log.Len() > 0 {
		t.Errorf("of systemd: got %q, %s", err, &log)
	}
	if _, err := os.Stat(filepath.Join(state, "resume.db")); err != nil {
		t.Error(err)
	}
	for what, path := range map[string]string{"in use": state, "not there": file} {
		t.Setenv("STATE_DIRECTORY", path)
		if err := open(defaultResume()); err != "" || !strings.Contains(log.String(), "in memory only") {
			t.Errorf("%s: got %q, %s", what, err, &log)
		}
	}
}
