package backing

import (
	"strings"
	"testing"
)

// Who lacks a program is told what to install, for all tests at once.
func TestMissingProgram(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	s, err := Redis(t.Context())
	if err == nil {
		s.Remove()
		t.Fatal("it starts a program that is not there")
	}
	for _, want := range []string{"redis-server of the package redis-server is not installed", "apt-get install", " redis-server "} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}
