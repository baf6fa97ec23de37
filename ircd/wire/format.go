package wire

import "strings"

// The mIRC formatting codes that take parameters. All others are a single byte.
const (
	codeColor    = 0x03 // up to two digits, and a comma and up to two more
	codeHexColor = 0x04 // six hexadecimal digits, and a comma and six more
	codeReset    = 0x0f
)

// isFormat reports whether r begins a mIRC formatting code: bold, colour, hex colour,
// reset, monospace, reverse, italic, strikethrough or underline.
func isFormat(r rune) bool {
	switch r {
	case 0x02, codeColor, codeHexColor, codeReset, 0x11, 0x16, 0x1d, 0x1e, 0x1f:
		return true
	}
	return false
}

// formatLen returns the length of the formatting code at the start of s, parameters
// included, or 0 if there is none.
func formatLen(s string) int {
	if s == "" || !isFormat(rune(s[0])) {
		return 0
	}
	_, fg, bg := cutColor(s)
	n := 1 + len(fg)
	if bg != "" {
		n += len(",") + len(bg)
	}
	return n
}

// cutColor takes the formatting code at the start of s apart. A code that is no colour,
// or that turns colours off, has no foreground.
func cutColor(s string) (c byte, fg, bg string) {
	digits := colorDigits
	switch c = s[0]; c {
	case codeColor:
	case codeHexColor:
		digits = hexDigits
	default:
		return c, "", ""
	}
	fg = digits(s[1:])
	if rest := s[1+len(fg):]; fg != "" && strings.HasPrefix(rest, ",") {
		bg = digits(rest[1:])
	}
	return c, fg, bg
}

func colorDigits(s string) string {
	n := 0
	for n < min(len(s), 2) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return s[:n]
}

func hexDigits(s string) string {
	const n = 6
	if len(s) < n || strings.Trim(s[:n], "0123456789abcdefABCDEF") != "" {
		return ""
	}
	return s[:n]
}

// format is the formatting in effect at one point of a line.
type format struct {
	toggles string // the single-byte codes that are on
	color   byte   // codeColor or codeHexColor; 0 for the client's own colours
	fg, bg  string // bg may be empty
}

// apply updates the formatting with the codes in text.
func (f *format) apply(text string) {
	for _, code, rest := CutFormat(text); code != ""; _, code, rest = CutFormat(rest) {
		f.applyCode(code)
	}
}

func (f *format) applyCode(s string) {
	c, fg, bg := cutColor(s)
	switch {
	case c == codeReset:
		*f = format{}
	case fg != "":
		if bg == "" && c == f.color {
			bg = f.bg // a foreground alone keeps the background
		}
		f.color, f.fg, f.bg = c, fg, bg
	case c == codeColor || c == codeHexColor:
		f.color, f.fg, f.bg = 0, "", ""
	case strings.IndexByte(f.toggles, c) >= 0:
		f.toggles = strings.ReplaceAll(f.toggles, string(rune(c)), "")
	default:
		f.toggles += string(rune(c))
	}
}

// codes returns the codes that set the formatting at the start of a line that continues
// with next.
func (f *format) codes(next string) string {
	if f.color == 0 {
		return f.toggles
	}
	code := string(rune(f.color)) + twoDigits(f.fg)
	switch {
	case f.bg != "":
		code += "," + twoDigits(f.bg)
	case strings.HasPrefix(next, ","):
		code += "\x02\x02" // bold on and off keeps the comma from starting a background
	}
	return f.toggles + code
}

// twoDigits pads a colour, so that a digit that follows is not read as part of it.
func twoDigits(color string) string {
	if len(color) == 1 {
		return "0" + color
	}
	return color
}

// Plain returns s without mIRC formatting codes.
func Plain(s string) string {
	text, code, rest := CutFormat(s)
	if code == "" {
		return s
	}
	var b strings.Builder
	for code != "" {
		b.WriteString(text)
		text, code, rest = CutFormat(rest)
	}
	return b.String() + text
}

// CutFormat cuts s around its first formatting code, of which the parameters are a part.
// Without a code, all of s is text.
func CutFormat(s string) (text, code, rest string) {
	i := strings.IndexFunc(s, isFormat)
	if i < 0 {
		return s, "", ""
	}
	n := formatLen(s[i:])
	return s[:i], s[i : i+n], s[i+n:]
}
