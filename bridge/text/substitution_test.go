package text

import (
	"strings"
	"testing"
)

func TestParseSubstitution(t *testing.T) {
	for text, want := range map[string]Substitution{
		"s/a/b/":           {old: "a", New: "b"},
		"s/a/b":            {old: "a", New: "b"},
		"s/a/b/g":          {old: "a", New: "b", All: true},
		"s/a//":            {old: "a"},
		"s|a/b|c|":         {old: "a/b", New: "c"},
		"s#a#b#g":          {old: "a", New: "b", All: true},
		`s/a\/b/c\\d\e/`:   {old: "a/b", New: `c\d\e`},
		"s/two words/one/": {old: "two words", New: "one"},
		"s/ä/ö/":           {old: "ä", New: "ö"},
	} {
		if got, ok := ParseSubstitution(text); !ok || got != want {
			t.Errorf("%s: got %+v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "s", "s/", "s/a", "s/a/", "s//b/", "s/a/b/c", "s/a/b/x", "s/a/b/g/", "s/a/a/", " s/a/b/", "S/a/b/", "sabac", "s/a\n/b/", `s/a\/b`} {
		if got, ok := ParseSubstitution(text); ok {
			t.Errorf("%q: got %+v", text, got)
		}
	}
}

func TestApplySubstitution(t *testing.T) {
	for _, test := range []struct {
		c          Substitution
		text, want string
		found      int
	}{
		{Substitution{old: "b", New: "x"}, "abc", "axc", 1},
		{Substitution{old: "b", New: "x"}, "abcb", "abcb", 2},
		{Substitution{old: "aa", New: "x"}, "aaa", "aaa", 2},
		{Substitution{old: "b", New: "x", All: true}, "abcb", "axcx", 2},
		{Substitution{old: "z", New: "x"}, "abc", "abc", 0},
		{Substitution{old: ".", New: "x"}, "abc", "abc", 0},
		{Substitution{old: "a", New: strings.Repeat("b", 8000), All: true}, strings.Repeat("a", 100_000), strings.Repeat("a", 100_000), TooLong},
		{Substitution{old: "a", New: "b", All: true}, strings.Repeat("a", 1<<20), strings.Repeat("b", 1<<20), 1 << 20},
	} {
		if got, found := test.c.Apply(test.text); got != test.want || found != test.found {
			t.Errorf("%.99v on %.99q: got %.99q, %d", test.c, test.text, got, found)
		}
	}
}

func FuzzParseSubstitution(f *testing.F) {
	f.Add(`s/a\/b/c/g`, "a/b")
	f.Add("s/teh/the/", "teh end")
	f.Add("s|a|bbbbbbbbbbbbbbbbbbbb|g", "aaaaaaaaaaaa")
	f.Add(`s#\#\#\##g`, `u#\`)
	f.Add(`s#\\#\##g`, `\#\`)
	f.Fuzz(func(t *testing.T, text, on string) {
		c, ok := ParseSubstitution(text)
		if !ok {
			return
		}
		if c.old == "" || c.old == c.New || len(c.old)+len(c.New) > len(text) {
			t.Fatalf("%q is read as %+v", text, c)
		}
		got, found := c.Apply(on)
		switch {
		case len(got) > max(maxSubstituted, len(on)+len(c.New)):
			t.Fatalf("%+v makes %d bytes of %d", c, len(got), len(on))
		case found > 0 != strings.Contains(on, c.old) && found != TooLong:
			t.Fatalf("%+v is found %d times in %q", c, found, on)
		case found != 1 && !c.All && got != on:
			t.Fatalf("%+v makes %q of %q", c, got, on)
		case found == 1:
			if before, after, _ := strings.Cut(on, c.old); got != before+c.New+after {
				t.Fatalf("%+v makes %q of %q", c, got, on)
			}
		}
	})
}
