package bridge

import "testing"

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
	} {
		if got, found := test.c.apply(test.text); got != test.want || found != test.found {
			t.Errorf("%+v on %q: got %q, %d", test.c, test.text, got, found)
		}
	}
}

func FuzzParseCorrection(f *testing.F) {
	f.Add(`s/a\/b/c/g`, "a/b")
	f.Fuzz(func(t *testing.T, text, on string) {
		if c, ok := parseCorrection(text); ok {
			c.apply(on)
		}
	})
}
