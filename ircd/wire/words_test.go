package wire

import (
	"strings"
	"testing"
)

func TestMatchMask(t *testing.T) {
	for _, tc := range []struct {
		mask, s string
		want    bool
	}{
		{"*", "", true},
		{"*", "x", true},
		{"", "x", false},
		{"a?c", "ABC", true},
		{"a?c", "ac", false},
		{"*!*@host", "n!u@host", true},
		{"a*b*c", "axxbyybzc", true},
		{"a*b*c", "axxbyybzd", false},
		{strings.Repeat("*a", 30) + "b", strings.Repeat("a", 200), false},
	} {
		if got := Match(tc.mask, tc.s); got != tc.want {
			t.Errorf("Match(%q, %q) = %v", tc.mask, tc.s, got)
		}
	}
}
