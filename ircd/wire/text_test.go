package wire

import "testing"

func TestActionText(t *testing.T) {
	for _, tc := range []struct {
		in, want string
		ok       bool
	}{
		{"\x01ACTION waves\x01", "waves", true},
		{"\x01ACTION waves", "waves", true},
		{"\x01ACTION  two\x01x", " two", true},
		{"\x01ACTION\x01", "", true},
		{"\x01ACTIONS x\x01", "", false},
		{"\x01VERSION\x01", "", false},
	} {
		if got, ok := Action(tc.in); got != tc.want || ok != tc.ok {
			t.Errorf("actionText(%q) = %q, %v", tc.in, got, ok)
		}
	}
}
