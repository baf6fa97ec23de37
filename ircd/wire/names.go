package wire

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Lengths in bytes, as announced by ISUPPORT.
const (
	NickLen    = 30
	ChannelLen = 50
	NameLen    = 150 // of a real name, as it is shown
)

// Fold returns s as names are compared, CASEMAPPING=ascii: A to Z become lower
// case, everything else stays.
func Fold(s string) string {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			return foldFrom(s, i)
		}
	}
	return s
}

func foldFrom(s string, i int) string {
	b := []byte(s)
	for ; i < len(b); i++ {
		if 'A' <= b[i] && b[i] <= 'Z' {
			b[i] += 'a' - 'A'
		}
	}
	return string(b)
}

// IsNick reports whether s is a nickname: RFC 2812, 2.3.1, of up to NickLen
// bytes.
func IsNick(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', strings.IndexByte("[]\\`_^{|}", c) >= 0:
		case i > 0 && ('0' <= c && c <= '9' || c == '-'):
		default:
			return false
		}
	}
	return s != "" && len(s) <= NickLen
}

// IsChannel reports whether s is the name of a channel: "#" and at least one
// more character, ChannelLen bytes at most. It is stricter than RFC 2812: a
// colon is refused because sic and ii take it for the start of the text, and
// white space and control characters of Unicode because nobody could type them.
func IsChannel(s string) bool {
	if len(s) < 2 || len(s) > ChannelLen || s[0] != '#' || !utf8.ValidString(s) {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r == ',' || r == ':' || isControl(r) || unicode.IsSpace(r)
	})
}

// CleanText makes text from elsewhere fit to be kept and shown: line ends are
// "\n" alone, invalid UTF-8 is replaced, and of the control characters only
// "\n", the tab and the codes of mIRC formatting stay. CTCP's 0x01 goes too, so
// no text can pass for a CTCP message.
func CleanText(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r != '\n' && !isShown(r) || r == utf8.RuneError }) {
		return s
	}
	s = strings.ReplaceAll(s, "\r\n", "\n")
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range s {
		switch {
		case r == '\r':
			b.WriteByte('\n')
		case r == '\n' || isShown(r):
			b.WriteRune(r)
		}
	}
	return b.String()
}

// isShown reports whether r stays in a text.
func isShown(r rune) bool { return r == '\t' || isFormat(r) || !isControl(r) }
