package bridge

import (
	"strings"
	"testing"
)

func TestParseCorrection(t *testing.T) {
	for text, want := range map[string]correction{
		"s/a/b/":           {old: "a", new: "b"},
		"s/a/b":            {old: "a", new: "b"},
		"s/a/b/g":          {old: "a", new: "b", all: true},
		"s/a//":            {old: "a"},
		"s|a/b|c|":         {old: "a/b", new: "c"},
		"s#a#b#g":          {old: "a", new: "b", all: true},
		`s/a\/b/c\\d\e/`:   {old: "a/b", new: `c\d\e`},
		"s/two words/one/": {old: "two words", new: "one"},
		"s/ä/ö/":           {old: "ä", new: "ö"},
	} {
		if got, ok := parseCorrection(text); !ok || got != want {
			t.Errorf("%s: got %+v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "s", "s/", "s/a", "s/a/", "s//b/", "s/a/b/c", "s/a/b/x", "s/a/b/g/", "s/a/a/", " s/a/b/", "S/a/b/", "sabac", "s/a\n/b/", `s/a\/b`} {
		if got, ok := parseCorrection(text); ok {
			t.Errorf("%q: got %+v", text, got)
		}
	}
}

func TestApplyCorrection(t *testing.T) {
	for _, test := range []struct {
		c          correction
		text, want string
		found      int
	}{
		{correction{old: "b", new: "x"}, "abc", "axc", 1},
		{correction{old: "b", new: "x"}, "abcb", "abcb", 2},
		{correction{old: "aa", new: "x"}, "aaa", "aaa", 2},
		{correction{old: "b", new: "x", all: true}, "abcb", "axcx", 2},
		{correction{old: "z", new: "x"}, "abc", "abc", 0},
		{correction{old: ".", new: "x"}, "abc", "abc", 0},
		{correction{old: "a", new: strings.Repeat("b", 8000), all: true}, strings.Repeat("a", 100_000), strings.Repeat("a", 100_000), tooLong},
		{correction{old: "a", new: "b", all: true}, strings.Repeat("a", 1<<20), strings.Repeat("b", 1<<20), 1 << 20},
	} {
		if got, found := test.c.apply(test.text); got != test.want || found != test.found {
			t.Errorf("%.99v on %.99q: got %.99q, %d", test.c, test.text, got, found)
		}
	}
}

func FuzzParseCorrection(f *testing.F) {
	f.Add(`s/a\/b/c/g`, "a/b")
	f.Add("s/teh/the/", "teh end")
	f.Add("s|a|bbbbbbbbbbbbbbbbbbbb|g", "aaaaaaaaaaaa")
	f.Add(`s#\#\#\##g`, `u#\`)
	f.Add(`s#\\#\##g`, `\#\`)
	f.Fuzz(func(t *testing.T, text, on string) {
		c, ok := parseCorrection(text)
		if !ok {
			return
		}
		if c.old == "" || c.old == c.new || len(c.old)+len(c.new) > len(text) {
			t.Fatalf("%q is read as %+v", text, c)
		}
		got, found := c.apply(on)
		switch {
		case len(got) > max(maxCorrected, len(on)+len(c.new)):
			t.Fatalf("%+v makes %d bytes of %d", c, len(got), len(on))
		case found > 0 != strings.Contains(on, c.old) && found != tooLong:
			t.Fatalf("%+v is found %d times in %q", c, found, on)
		case found != 1 && !c.all && got != on:
			t.Fatalf("%+v makes %q of %q", c, got, on)
		case found == 1:
			if before, after, _ := strings.Cut(on, c.old); got != before+c.new+after {
				t.Fatalf("%+v makes %q of %q", c, got, on)
			}
		}
	})
}
