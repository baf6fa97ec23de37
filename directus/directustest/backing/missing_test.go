package backing

import (
	"strings"
	"testing"
)

// Who lacks a program is told what to install.
func TestMissingProgram(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	s, err := Redis(t.Context())
	if err == nil {
		s.Remove()
		t.Fatal("it starts a program that is not there")
	}
	if want := "apt-get install redis-server"; !strings.Contains(err.Error(), want) {
		t.Errorf("%v does not say %q", err, want)
	}
}
