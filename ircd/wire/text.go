package wire

import (
	"strings"
	"unicode/utf8"
)

// A CTCP message is a PRIVMSG or NOTICE whose text stands between two marks.
const (
	CTCPMark   = "\x01"
	CTCPAction = CTCPMark + "ACTION"
)

// Action unwraps a CTCP ACTION and reports whether text is one. The closing mark may be
// missing.
func Action(text string) (string, bool) {
	rest, ok := strings.CutPrefix(text, CTCPAction)
	if !ok || rest != "" && rest[0] != ' ' && rest != CTCPMark {
		return "", false
	}
	rest, _, _ = strings.Cut(rest, CTCPMark)
	return strings.TrimPrefix(rest, " "), true
}

// CTCP unwraps a CTCP message: what stands behind the first mark, up to the closing one, which
// may be missing. It is safe to show.
func CTCP(text string) string {
	text, _, _ = strings.Cut(strings.TrimPrefix(text, CTCPMark), CTCPMark)
	return CleanText(text)
}

// Clip truncates s to at most max bytes, between runes.
func Clip(s string, max int) string {
	if len(s) <= max {
		return s
	}
	return strings.ToValidUTF8(s[:max], "")
}

// OneLine returns s as one trimmed line without formatting or bidirectional overrides,
// as reactions are kept.
func OneLine(s string) string {
	text := strings.Map(func(r rune) rune {
		if isDirection(r) {
			return -1
		}
		return r
	}, CleanText(s))
	return strings.TrimSpace(Plain(strings.Join(Lines(text), " ")))
}

// Beginning returns the beginning of a text on one line without formatting: at most
// limit bytes, followed by "…" if there is more.
func Beginning(text string, limit int) string {
	text = Plain(strings.Join(Lines(CleanText(text)), " "))
	if len(text) <= limit {
		return strings.TrimSpace(text)
	}
	return strings.TrimSpace(Clip(text, limit)) + "…"
}

// CleanText makes foreign text safe to store and show. Line ends become "\n", invalid
// UTF-8 is replaced, and of the control characters only "\n", the tab and mIRC formatting
// stay. The CTCP mark goes too, so that no text can pass for a CTCP message.
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

// isShown reports whether CleanText keeps r.
func isShown(r rune) bool { return r == '\t' || isFormat(r) || !isControl(r) }

// isControl reports whether r is a control character: C0, DEL, or C1, which terminals
// obey too.
func isControl(r rune) bool { return r < 0x20 || 0x7f <= r && r < 0xa0 }

// isDirection reports whether r opens or closes a bidirectional embedding, override or
// isolate: left open in a name or text, it would affect everything after that. Marks
// (U+200E, U+200F, U+061C) affect only their neighbours and are harmless.
func isDirection(r rune) bool { return 0x202a <= r && r <= 0x202e || 0x2066 <= r && r <= 0x2069 }

// IsLineBreak reports whether r ends a line: LF, CR, and the line breaks of Unicode.
func IsLineBreak(r rune) bool {
	switch r {
	case '\n', '\r', 0x85, 0x2028, 0x2029: // NEL, LINE and PARAGRAPH SEPARATOR
		return true
	}
	return false
}
