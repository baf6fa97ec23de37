package text

import (
	"strings"
	"testing"

	"directus-ircd/ircd"
	"directus-ircd/ircd/wire"
)

func TestEditText(t *testing.T) {
	const long = "the quick brown fox jumps over the lazy dog and sleeps for the rest of the day"
	for name, test := range map[string]struct{ before, after, want string }{
		"unknown":             {"", "hello", "hello"},
		"short":               {"teh cat", "the cat", "the cat"},
		"one word":            {long, strings.Replace(long, "lazy", "lively", 1), "s/lazy/lively/"},
		"several words":       {long, strings.Replace(long, "brown fox jumps", "cow", 1), "s/brown fox jumps/cow/"},
		"a common word":       {long, strings.Replace(long, "over the lazy", "over a lazy", 1), "s/the lazy/a lazy/"},
		"a common last word":  {long + " the", long + " a", "s/day the/day a/"},
		"insertion":           {long, strings.Replace(long, "brown fox", "brown old fox", 1), "s/fox/old fox/"},
		"insertion in front":  {long, "all " + long, "s/the quick/all the quick/"},
		"removal":             {long, strings.Replace(long, "quick brown ", "", 1), "s/quick brown//"},
		"two places":          {long, strings.NewReplacer("quick", "slow", "day", "night").Replace(long), strings.NewReplacer("quick", "slow", "day", "night").Replace(long)},
		"append":              {long, long + " and then some", "… and then some"},
		"append a line":       {long, long + "\nP.S. it is late\nbye", "… P.S. it is late\nbye"},
		"slashes":             {long + " http://a/b", long + " http://a/c", "s|http://a/b|http://a/c|"},
		"all delimiters":      {long + " /|#", long + " /|#x", long + " /|#x"},
		"a line":              {"first line\n" + long + "\nlast", "first line\n" + strings.Replace(long, "fox", "cow", 1) + "\nlast", "s/fox/cow/"},
		"lines":               {"first line that is long\na\nb\nlast line that is long", "first line that is long\nc\nd\ne\nlast line that is long", "… c\nd\ne …"},
		"a line in between":   {"first line that is long\nlast line that is long", "first line that is long\nnew\nlast line that is long", "… new …"},
		"removed lines":       {long + "\nsecond", long, long},
		"same line twice":     {"a long line of text\na long line of text", "a long line of text\na long line of words", "… a long line of words"},
		"formatting":          {long, strings.Replace(long, "fox", "\x02fox\x02", 1), strings.Replace(long, "fox", "\x02fox\x02", 1)},
		"word and formatting": {long, strings.Replace(long, "fox", "\x02cow\x02", 1), "s/fox/cow/"},
		"white space":         {"a  b", "a\nb", ""},
		"same":                {"a", "a", ""},
		"everything":          {"a b c", "x y z", "x y z"},
	} {
		got, changed := EditText(test.before, test.after)
		want := test.want
		if want != "" {
			want = ircd.EditMark + want
		}
		if got != want || changed != (want != "") {
			t.Errorf("%s: got %q, %v; want %q", name, got, changed, want)
		}
	}
}

// Whatever changes, what is shown is not longer than the new text, and a
// substitution makes the new words of the old ones.
func FuzzEditText(f *testing.F) {
	f.Add("the quick brown fox jumps over the lazy dog", "the quick brown cow jumps over the lazy dog")
	f.Add("a a a a a a a a a a a a", "a a a a a b a a a a a a")
	f.Add("x\ny\nz", "x\ny y\nz")
	f.Fuzz(func(t *testing.T, before, after string) {
		got, changed := EditText(before, after)
		if changed == sameWords(before, after) {
			t.Fatalf("changed %v", changed)
		}
		d, marked := strings.CutPrefix(got, ircd.EditMark)
		if changed != marked || len(d) > len(after) {
			t.Fatalf("%q for %q", got, after)
		}
		if d == after {
			return
		}
		if c, ok := ParseSubstitution(d); ok && !strings.Contains(d, `\`) {
			before, after = wire.Plain(before), wire.Plain(after)
			made, found := c.Apply(strings.Join(strings.Fields(before), " "))
			if found != 1 || !sameWords(made, after) {
				t.Fatalf("%q made of %q by %q, want %q (%d)", made, before, d, after, found)
			}
		}
	})
}

func TestUnchanged(t *testing.T) {
	for name, test := range map[string]struct{ before, after, want string }{
		"the same":   {"we meet", "we meet", "we meet"},
		"added":      {"we meet", "we meet at noon", "we meet"},
		"replaced":   {"we meet at noon", "we meet at one", "we meet at …"},
		"all":        {"my password is x", "sorry", ""},
		"formatting": {"we \x02meet\nat\x02 noon", "\x1dwe meet at\x1d one", "we meet at …"},
		"long":       {strings.Repeat("ab ", 900), strings.Repeat("ab ", 900), strings.Repeat("ab ", 40)[:maxBeginning] + "…"},
		"nothing":    {"", "x", ""},
	} {
		if got := Unchanged(test.before, test.after); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}
