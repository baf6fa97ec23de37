package bridge

import (
	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/text"
	"testing"
)

// A correction of a stored text writes the new words in its format.
func TestCorrectionsInFormats(t *testing.T) {
	for _, test := range []struct {
		format       text.Format
		stored, line string
		want         string
	}{
		{text.Markdown, "**one** two", "s/two/2*3*4/", `**one** 2\*3\*4`},
		{text.Markdown, "**one** two", "s/one/ \x1dthree\x1d /", "** *three* ** two"},
		{text.Markdown, "one,two", "s/,/ /", "one two"},
		{text.Markdown, `2\*3`, "s/2*3/6/", "6"},
		{text.HTML, "<p>a <strong>b</strong></p>", "s/a/<i>/", "&lt;i&gt; <strong>b</strong>"},
		{text.Plain, "2*3", "s/3/\x02**4**/", "2***4**"},
	} {
		c, ok := text.ParseSubstitution(test.line)
		if got, found := corrected(c, collection.Row{Text: test.stored}, &collection.Channel{Config: collection.Config{Format: test.format}}); !ok || got != test.want || found != 1 {
			t.Errorf("%s: %q, %q: got %q, %d", test.format, test.stored, test.line, got, found)
		}
	}
}
