package setup

import (
	"slices"
	"testing"
)

// Several permissions may have the same note; it is told once, where it came first.
func TestNotesAreToldOnce(t *testing.T) {
	var r Report
	for _, could := range []string{"read", "change", "read", "change"} {
		r.note("everybody may %s", could)
	}
	if want := []string{"everybody may read", "everybody may change"}; !slices.Equal(r.Notes, want) {
		t.Errorf("got %q, want %q", r.Notes, want)
	}
}
