package wire

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFold(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "kevin": "kevin", "KeVin": "kevin", "#Messages": "#messages", "AZ@[\\]^": "az@[\\]^", "{|}~": "{|}~", "ÄÖ\xff": "ÄÖ\xff",
	} {
		if got := Fold(in); got != want {
			t.Errorf("Fold(%q) = %q, want %q", in, got, want)
		}
	}
	if n := testing.AllocsPerRun(10, func() { Fold("#messages") }); n > 0 {
		t.Errorf("%v allocations for a folded name", n)
	}
}

func TestIsNick(t *testing.T) {
	for in, want := range map[string]bool{
		"a": true, "kevin": true, "Kevin-2_x": true, "[]\\`_^{|}": true, "_": true, "a1-": true,
		strings.Repeat("a", NickLen): true, strings.Repeat("a", NickLen+1): false,
		"": false, "1a": false, "-a": false, "a b": false, "a.b": false, "a!b": false, "a@b": false, "a:b": false, "*": false,
		"a,b": false, "#a": false, "kévin": false, "a\x00": false, "a\n": false, "a~": false, "$a": false, "a?": false,
	} {
		if got := IsNick(in); got != want {
			t.Errorf("IsNick(%q) = %v, want %v", in, got, want)
		}
	}
}

func TestProvisionalNick(t *testing.T) {
	for in, want := range map[string]string{
		"kevin": "kevin", "first.last": "first.last", "müller": "müller", "小明": "小明", "1kevin": "1kevin", "-x": "-x", "007": "007",
		"": "", " ": "", " \t\u00a0": "", "a b": "a_b", "a\u00a0b": "a_b", ":x": "_x", "a:b": "a_b", "*": "_", "#a": "_a", "+x": "_x", "$x": "_x", "a!u@h": "a_u_h",
		"a,b?": "a_b_", "a\x00\x1fb": "a__b", "a\u202eb": "a_b", "a\u200bb": "a_b", "a\xffb": "a_b",
		strings.Repeat("a", NickLen+1): strings.Repeat("a", NickLen), strings.Repeat("ü", NickLen): strings.Repeat("ü", NickLen/2), "x" + strings.Repeat("ü", NickLen): "x" + strings.Repeat("ü", NickLen/2-1),
	} {
		if got := ProvisionalNick(in); got != want {
			t.Errorf("ProvisionalNick(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestIsChannel(t *testing.T) {
	for in, want := range map[string]bool{
		"#a": true, "#messages": true, "##": true, "#Grüße-✓": true, "#a.b!c": true,
		"#" + strings.Repeat("a", ChannelLen-1): true, "#" + strings.Repeat("a", ChannelLen): false,
		"": false, "#": false, "a": false, "&a": false, "a#": false, "#a b": false, "#a,b": false, "#a:b": false, "#a\x07": false,
		"#a\n": false, "#a\r": false, "#a\x00": false, "#a\x7f": false, "#a\u009b": false, "#a\u2028": false, "#a\u00a0": false, "#\xff": false,
	} {
		if got := IsChannel(in); got != want {
			t.Errorf("IsChannel(%q) = %v, want %v", in, got, want)
		}
	}
}

func TestCleanText(t *testing.T) {
	for in, want := range map[string]string{
		"":                         "",
		"Grüße\tund\nmehr":         "Grüße\tund\nmehr",
		"a\r\nb\rc\n\rd":           "a\nb\nc\n\nd",
		"a\x00b":                   "ab",
		"\x01ACTION x\x01":         "ACTION x",
		"\x1b[2J\x07\x7f\u009b":    "[2J",
		"\x02\x03\x04\x0f\x11":     "\x02\x03\x04\x0f\x11",
		"\x16\x1d\x1e\x1f":         "\x16\x1d\x1e\x1f",
		"a\xffb\xe2\x28":           "a\uFFFDb\uFFFD(",
		"a\uFFFDb":                 "a\uFFFDb",
		"zero\u200bwidth 👩\u200d👧": "zero\u200bwidth 👩\u200d👧",
	} {
		got := CleanText(in)
		if got != want {
			t.Errorf("CleanText(%q) = %q, want %q", in, got, want)
		}
		if again := CleanText(got); again != got {
			t.Errorf("CleanText(%q) = %q the second time", got, again)
		}
	}
}

func FuzzCleanText(f *testing.F) {
	f.Add("a\r\nb\x00\x01\x1b\xff\u009b")
	f.Fuzz(func(t *testing.T, s string) {
		got := CleanText(s)
		bad := func(r rune) bool { return isControl(r) && r != '\n' && r != '\t' && !isFormat(r) }
		if !utf8.ValidString(got) || strings.ContainsFunc(got, bad) || CleanText(got) != got {
			t.Errorf("CleanText(%q) = %q", s, got)
		}
	})
}
