package bridge

import "testing"

// A correction of a stored text writes the new words in its format.
func TestCorrectionsInFormats(t *testing.T) {
	for _, test := range []struct {
		format       Format
		stored, line string
		want         string
	}{
		{FormatMarkdown, "**one** two", "s/two/2*3*4/", `**one** 2\*3\*4`},
		{FormatMarkdown, "**one** two", "s/one/ \x1dthree\x1d /", "** *three* ** two"},
		{FormatMarkdown, "one,two", "s/,/ /", "one two"},
		{FormatMarkdown, `2\*3`, "s/2*3/6/", "6"},
		{FormatHTML, "<p>a <strong>b</strong></p>", "s/a/<i>/", "&lt;i&gt; <strong>b</strong>"},
		{FormatPlain, "2*3", "s/3/\x02**4**/", "2***4**"},
	} {
		c, ok := parseCorrection(test.line)
		if got, found := corrected(c, row{text: test.stored}, &channel{Channel: Channel{Format: test.format}}); !ok || got != test.want || found != 1 {
			t.Errorf("%s: %q, %q: got %q, %d", test.format, test.stored, test.line, got, found)
		}
	}
}
