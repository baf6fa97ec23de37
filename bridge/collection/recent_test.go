package collection

import (
	"strings"
	"testing"

	"directus-ircd/bridge/text"
	"directus-ircd/directus"
)

// A channel remembers some texts, and not many long ones.
func TestRecentTexts(t *testing.T) {
	c := &Channel{Config: Config{Format: text.Markdown}}
	for i := range 3 * maxRecent {
		if _, got := c.Shown("**" + strings.Repeat("x", i+1) + "**"); len(got) != i+3 {
			t.Fatalf("got %q", got)
		}
		if _, again := c.Shown("/me **again**"); again != "\x02again\x02" {
			t.Fatalf("got %q", again)
		}
	}
	if n := len(c.recent.known); n > maxRecent {
		t.Errorf("%d texts are remembered", n)
	}
	most := 0
	c = &Channel{}
	for i := range maxRecent {
		c.Shown(strings.Repeat("x", directus.MaxString-i))
		most = max(most, len(c.recent.known))
	}
	if most > maxRecentBytes/directus.MaxString+2 {
		t.Errorf("%d long texts are remembered", most)
	}
}
