package transport

import (
	"strings"
	"testing"

	"directus-ircd/ircd/ircdtest"
)

func TestWireMeterCountsFrames(t *testing.T) {
	for name, test := range map[string]struct {
		stream string
		want   int
	}{
		"messages":        {strings.Repeat(ircdtest.Frame(ircdtest.TextFrame, "PING x"), 10), 0},
		"empty messages":  {strings.Repeat(ircdtest.Frame(ircdtest.TextFrame, ""), 10), 0},
		"pings":           {strings.Repeat(ircdtest.Frame(ircdtest.PingFrame, ""), 10), 10},
		"pongs":           {strings.Repeat(ircdtest.Frame(ircdtest.PongFrame, "12345"), 10), 10},
		"fragments":       {ircdtest.Frame(ircdtest.TextFragment, "a") + strings.Repeat(ircdtest.Frame(ircdtest.MoreFragment, ""), 7) + ircdtest.Frame(ircdtest.LastFragment, "b"), 8},
		"long payload":    {ircdtest.Frame(ircdtest.TextFrame, strings.Repeat("\x89", 300)) + ircdtest.Frame(ircdtest.PingFrame, ""), 1},
		"longest payload": {ircdtest.Frame(ircdtest.TextFrame, strings.Repeat("\x89\x80", 40000)) + ircdtest.Frame(ircdtest.PingFrame, "") + ircdtest.Frame(ircdtest.TextFrame, "x"), 1},
	} {
		for _, size := range []int{1, 2, 7, 4096} {
			m := frameMeter{}
			for rest := []byte(test.stream); len(rest) > 0; {
				n := min(size, len(rest))
				m.unspent = 0 // another count
				m.count(rest[:n])
				rest = rest[n:]
			}
			if m.owed != test.want {
				t.Errorf("%s in pieces of %d: %d frames, want %d", name, size, m.owed, test.want)
			}
		}
	}
}
