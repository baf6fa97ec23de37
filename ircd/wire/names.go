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

// Fold returns s in the form in which names are compared (CASEMAPPING=ascii): A to Z
// become lower case, everything else stays.
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

// ProvisionalNick makes of the nick that a client has asked for the one by which it is called
// until it is told its own: the same if a client can read it in any place of a line, so that one
// that goes by what it asked for (sic) recognizes itself. What would end a name, or be taken for
// a mask or the name of something else, becomes "_". It is empty if nothing was asked for.
func ProvisionalNick(asked string) string {
	return Clip(strings.Map(func(r rune) rune {
		switch {
		case r < utf8.RuneSelf && !IsNick("x"+string(r)) && r != '.',
			r >= utf8.RuneSelf && (!unicode.IsGraphic(r) || unicode.IsSpace(r)),
			r == utf8.RuneError:
			return '_'
		}
		return r
	}, strings.TrimSpace(asked)), NickLen)
}

// IsChannel reports whether s is a channel name: "#" and at least one more character,
// at most ChannelLen bytes. It is stricter than RFC 2812. sic and ii take a colon for the
// start of the text, and nobody could type Unicode spaces and control characters.
func IsChannel(s string) bool {
	if len(s) < 2 || len(s) > ChannelLen || s[0] != '#' || !utf8.ValidString(s) {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r == ',' || r == ':' || isControl(r) || unicode.IsSpace(r)
	})
}

// Match reports whether s matches a mask with "*" and "?" (RFC 2812, 2.5), regardless
// of case.
func Match(mask, s string) bool {
	mask, s = Fold(mask), Fold(s)
	star, mark := -1, 0 // the last "*" and where its text ends so far
	i, j := 0, 0
	for j < len(s) {
		switch {
		case i < len(mask) && mask[i] == '*':
			star, mark = i, j
			i++
		case i < len(mask) && (mask[i] == '?' || mask[i] == s[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(mask[i:], "*") == ""
}

// IsReftag reports whether s can name a batch.
func IsReftag(s string) bool {
	return s != "" && strings.Trim(s, "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == ""
}
