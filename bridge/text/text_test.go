package text

import (
	"strings"
	"testing"

	"directus-ircd/ircd"
)

func TestStoredText(t *testing.T) {
	for _, c := range []struct {
		in   ircd.Outgoing
		want string
	}{
		{ircd.Outgoing{Text: "Grüße ✓ "}, "Grüße ✓"},
		{ircd.Outgoing{Text: "\x02bold\x02 \x0304,07red\x03 \x04FF0000hex\x0f, 3\x03"}, "bold red hex, 3"},
		{ircd.Outgoing{Kind: ircd.Action, Text: "waves"}, "/me waves"},
		{ircd.Outgoing{Kind: ircd.Notice, Text: "notice"}, "notice"},
		{ircd.Outgoing{Text: "a\nb"}, "a\nb"},
		{ircd.Outgoing{Text: "a\x00b\x07c\x1b[31m"}, "abc[31m"},
		{ircd.Outgoing{Text: "\x02\x02"}, ""},
		{ircd.Outgoing{Kind: ircd.Action, Text: "\x02"}, ""},
	} {
		if got := Format("").Store(c.in); got != c.want {
			t.Errorf("%+v: got %q, want %q", c.in, got, c.want)
		}
	}
}

func TestShownText(t *testing.T) {
	for in, want := range map[string]string{
		"hello":               "hello",
		"/me waves":           "ACTION waves",
		"/me ":                "/me",
		"/mean":               "/mean",
		"a\r\nQUIT :x":        "a\nQUIT :x",
		"a\rb":                "a\nb",
		"\x00x\x1b]0;owned\a": "x]0;owned",
		"\x01VERSION\x01":     "VERSION",
		"trailing\n\n":        "trailing",
		"bad \xff utf-8":      "bad \uFFFD utf-8",
	} {
		kind, got := Plain.Show(in, "")
		if kind == ircd.Action {
			got = "ACTION " + got
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzShownText(f *testing.F) {
	f.Add("/me a\r\nb\x03\x01")
	f.Fuzz(func(t *testing.T, in string) {
		_, got := Plain.Show(in, "")
		if i := strings.IndexFunc(got, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f }); i >= 0 {
			t.Fatalf("%q: control character in %q", in, got)
		}
	})
}

func TestBeginning(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "",
		"a\x02b\x02\n\n c":            "ab c",
		strings.Repeat("ä", 60):       strings.Repeat("ä", 60),
		strings.Repeat("ä", 61):       strings.Repeat("ä", 60) + "…",
		"x" + strings.Repeat("ä", 60): "x" + strings.Repeat("ä", 59) + "…",
	} {
		if got := Beginning(text); got != want {
			t.Errorf("%q: got %q", text, got)
		}
	}
}
