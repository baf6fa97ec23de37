package wire

import "strings"

const CTCPMark = "\x01"

const CTCPAction = CTCPMark + "ACTION"

// Action unwraps a CTCP ACTION. The closing mark may be missing.
func Action(text string) (string, bool) {
	rest, ok := strings.CutPrefix(text, CTCPAction)
	if !ok || rest != "" && rest[0] != ' ' && rest != CTCPMark {
		return "", false
	}
	rest, _, _ = strings.Cut(rest, CTCPMark)
	return strings.TrimPrefix(rest, " "), true
}

// Clip cuts a text of one's own choosing to a number of bytes.
func Clip(s string, max int) string {
	if len(s) <= max {
		return s
	}
	return strings.ToValidUTF8(s[:max], "")
}

// OneLine makes a text fit to be a reaction: one line without formatting.
func OneLine(s string) string {
	text := strings.Map(func(r rune) rune {
		if isDirection(r) {
			return -1
		}
		return r
	}, CleanText(s))
	return strings.TrimSpace(Plain(strings.Join(Lines(text), " ")))
}

// Beginning is what a text begins with, on one line without formatting, and at
// most limit bytes of it.
func Beginning(text string, limit int) string {
	text = Plain(strings.Join(Lines(CleanText(text)), " "))
	if len(text) <= limit {
		return strings.TrimSpace(text)
	}
	return strings.TrimSpace(Clip(text, limit)) + "…"
}
