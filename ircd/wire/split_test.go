package wire

import (
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// TestCutLines: a text of a million lines is shown up to a point, and says so.
func TestCutLines(t *testing.T) {
	most := strings.Repeat("a\n", maxTextLines-1) + "a"
	for text, want := range map[string]string{
		"":                                    "",
		"a\n\nb\n":                            "a\n\nb",
		most:                                  most,
		most + "\n\n\u2029":                   most,
		most + "\u2028\u00e9":                 most + "\n[lines not shown: 1]",
		strings.Repeat("\n", 1_000_000) + "x": strings.Repeat("\n", maxTextLines-1) + "\n[lines not shown: 998001]",
	} {
		if got := cutLines(text); got != want {
			t.Errorf("%d bytes are cut to %d, which end with %q", len(text), len(got), got[max(0, len(got)-50):])
		}
	}
}

func TestTextLines(t *testing.T) {
	tests := []struct {
		in   string
		want []string
	}{
		{"", nil},
		{"a", []string{"a"}},
		{"a\nb\r\nc\rd", []string{"a", "b", "c", "d"}},
		{"a\u2028b\u2029c\u0085d", []string{"a", "b", "c", "d"}},
		{"\n\na\n\n\r\n \t \nb\n", []string{"a", "b"}},
		{"a\n\x02\x0f\nb", []string{"a", "b"}},
		{"a\n\x0304,05\x04ff0000 \x03\nb\n\x0304x", []string{"a", "b", "\x0304x"}},
		{"a\n\u3000\u00a0\nb", []string{"a", "b"}},
		{"if x {\n    y\n\t}", []string{"if x {", "    y", "\t}"}},
		{" a ", []string{" a "}},
		{"\xff\n\xc2", []string{"\xff", "\xc2"}},
	}
	for _, tt := range tests {
		if got := Lines(tt.in); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("Lines(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestSplitText(t *testing.T) {
	const family = "👩‍👩‍👧" // 18 bytes, one grapheme
	tests := []struct {
		name string
		in   string
		max  int
		want []string
	}{
		{"nothing", "", 10, nil},
		{"fits", "abc def", 7, []string{"abc def"}},
		{"fits with its spaces", " a ", 10, []string{" a "}},
		{"at a word", "abc def ghi", 8, []string{"abc def", "ghi"}},
		{"word fills the part", "abc def", 4, []string{"abc", "def"}},
		{"space behind the limit", "abcd efg", 4, []string{"abcd", "efg"}},
		{"many spaces", "abc      def", 5, []string{"abc", "def"}},
		{"many spaces within", "a  b cdef", 6, []string{"a  b", "cdef"}},
		{"tab", "abc\tdef", 5, []string{"abc", "def"}},
		{"spaces at the end", "abcdef     ", 6, []string{"abcdef"}},
		{"indentation stays", "    abc def", 8, []string{"    abc", "def"}},
		{"indentation wider than a part", "          abc def", 7, []string{"   abc", "def"}},
		{"long word", "abcdefghij", 4, []string{"abcd", "efgh", "ij"}},
		{"long word behind a short one", "a bcdefghij", 5, []string{"a", "bcdef", "ghij"}},
		{"runes", "äöüß", 5, []string{"äö", "üß"}},
		{"no cut before an accent", "aaaae\u0301b", 6, []string{"aaaa", "e\u0301b"}},
		{"family stays together", "abc" + family + "d", 20, []string{"abc", family + "d"}},
		{"flags", "🇩🇪🇫🇷", 12, []string{"🇩🇪", "🇫🇷"}},
		{"grapheme longer than a part", family, 9, []string{"👩\u200d", "👩\u200d", "👧"}},
		{"smaller than a rune", "😀😀", 1, []string{"😀", "😀"}},
		{"negative", "ab cdef", -5, []string{"ab", "cdef"}},
		{"invalid utf-8", "a\xffb \xe2\x28", 6, []string{"a\uFFFDb", "\uFFFD("}},
		{"wide spaces are no words", "好\u3000好", 6, []string{"好\u3000", "好"}},
		{"accent upon a space", "ab \u0301cd", 5, []string{"ab \u0301", "cd"}},

		{"bold goes on", "\x02abc def", 6, []string{"\x02abc", "\x02def"}},
		{"bold ended in time", "\x02abc\x02 defgh", 7, []string{"\x02abc\x02", "defgh"}},
		{"reset", "\x02\x1d\x0304abc\x0f defgh", 12, []string{"\x02\x1d\x0304abc\x0f", "defgh"}},
		{"several", "\x02\x1dab cdef", 6, []string{"\x02\x1dab", "\x02\x1dcdef"}},
		{"colour is not cut", "aaaaaaaa\x0312,04bbbb", 10, []string{"aaaaaaaa", "\x0312,04bbbb"}},
		{"colour is kept", "\x034red word", 8, []string{"\x034red", "\x0304word"}},
		{"colour before digits", "\x034red 5678", 8, []string{"\x034red", "\x03045678"}},
		{"colour before a comma", "\x034red ,12345", 10, []string{"\x034red", "\x0304\x02\x02,1234", "\x03045"}},
		{"background is kept", "\x034,8red words", 12, []string{"\x034,8red", "\x0304,08words"}},
		{"background survives a foreground", "\x034,8a\x035b words", 13, []string{"\x034,8a\x035b", "\x0305,08words"}},
		{"colour ended", "\x034red\x03 words", 8, []string{"\x034red\x03", "words"}},
		{"comma that is text", "\x034,red word", 9, []string{"\x034,red", "\x0304word"}},
		{"hex colour is not cut", "aaaaaaaa\x04FF0000,00ff00bb", 17, []string{"aaaaaaaa", "\x04FF0000,00ff00bb"}},
		{"hex colour is kept", "\x04FF0000red words", 15, []string{"\x04FF0000red", "\x04FF0000words"}},
		{"hex colour ended", "\x04FF0000red\x04 words", 13, []string{"\x04FF0000red\x04", "words"}},
		{"colour without room", "\x0312,04abcd", 4, []string{"abcd"}},
		{"formatting that takes the half", "\x02\x1d\x1fabc de", 8, []string{"\x02\x1d\x1fabc", "\x02\x1d\x1fde"}},
		{"too much formatting for the part", "\x02\x1d\x1fab cd", 5, []string{"\x02\x1d\x1fab", "cd"}},
		{"only codes left over", "abcdef\x02\x0f", 6, []string{"abcdef"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Split(tt.in, tt.max); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("Split(%q, %d) = %q, want %q", tt.in, tt.max, got, tt.want)
			}
		})
	}
}

func TestWrapText(t *testing.T) {
	tests := []struct {
		name string
		in   string
		max  int
		want []string
	}{
		{"nothing", "", 10, []string{""}},
		{"fits", "abc def", 7, []string{"abc def"}},
		{"behind a word", "abc def ghi", 8, []string{"abc def ", "ghi"}},
		{"behind many spaces", "abc   def", 8, []string{"abc   ", "def"}},
		{"more spaces than room", "abc      def", 5, []string{"abc  ", "    d", "ef"}},
		{"indentation stays", "    abcdefg", 8, []string{"    abcd", "efg"}},
		{"long word", "abcdefghij", 4, []string{"abcd", "efgh", "ij"}},
		{"a grapheme stays together", "aaaae\u0301b", 6, []string{"aaaa", "e\u0301b"}},
		{"a grapheme longer than a part", "👩\u200d👩\u200d👧", 9, []string{"👩\u200d", "👩\u200d", "👧"}},
		{"a code stays together, and is not repeated", "aaa \x02b\x0312,04bbbb", 10, []string{"aaa ", "\x02b\x0312,04bb", "bb"}},
		{"smaller than a rune", "😀😀", 1, []string{"😀", "😀"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Wrap(tt.in, tt.max); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("Wrap(%q, %d) = %q, want %q", tt.in, tt.max, got, tt.want)
			}
		})
	}
}

// A hostile text must not cost more than its length is worth.
func TestSplitTextIsLinear(t *testing.T) {
	for name, in := range map[string]string{
		"accents":     "a" + strings.Repeat("\u0301", 1<<19),
		"joined":      strings.Repeat("👩\u200d", 1<<17),
		"one letter":  strings.Repeat("a", 1<<20),
		"spaces":      strings.Repeat(" ", 1<<20) + "a",
		"short words": strings.Repeat("a ", 1<<19),
		"one word":    "a " + strings.Repeat("b", 1<<20),
		"codes":       strings.Repeat("\x0304,05", 1<<17),
		"toggles":     strings.Repeat("\x02", 1<<20),
	} {
		start := time.Now()
		Split(in, 400)
		Wrap(in, 400)
		if d := time.Since(start); d > 20*time.Second {
			t.Errorf("%s: %v", name, d)
		}
	}
}

// plain is what s shows of letters and the like: no formatting, no spaces.
func plain(s string) string {
	var b strings.Builder
	for s != "" {
		if n := formatLen(s); n > 0 {
			s = s[n:]
			continue
		}
		r, n := utf8.DecodeRuneInString(s)
		if !unicode.IsSpace(r) && !isControl(r) && !isDirection(r) {
			b.WriteRune(r)
		}
		s = s[n:]
	}
	return b.String()
}

func FuzzSplitText(f *testing.F) {
	f.Add("abc def ghi", 8)
	f.Add("\x02abc \x0304,05def\x03 6,7\x0f ghi", 9)
	f.Add("\x04ff0000,00ff00ab cd \x0355,5\x11\x1e\x1f\x16\x1d\x02 ef", 30)
	f.Add("👩‍👩‍👧e\u0301🇩🇪🇫🇷\xff\u3000 \u0301", 12)
	f.Add("\x034 ,5 ,5 ,5", 10)
	f.Add("0000\u202b", -52)
	f.Add("", -1)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		parts := Split(text, limit)
		valid := strings.ToValidUTF8(text, "\uFFFD")
		var all strings.Builder
		for i, p := range parts {
			if p == "" || !utf8.ValidString(p) || len(p) > max(limit, 4) {
				t.Errorf("Split(%q, %d): part %q", text, limit, p)
			}
			if len(parts) > 1 && !Visible(p) {
				t.Errorf("Split(%q, %d): part %d shows nothing: %q", text, limit, i, p)
			}
			all.WriteString(plain(p))
		}
		if got, want := all.String(), plain(valid); got != want {
			t.Errorf("Split(%q, %d) = %q: shows %q, want %q", text, limit, parts, got, want)
		}
	})
}

func BenchmarkSplitText(b *testing.B) {
	text := strings.Repeat("Grüße und ein paar Wörter mehr, \x02fett\x02. ", 40)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		Split(text, 440)
	}
}
