package text

import "strings"

// maxSubstituted bounds the result of a substitution, in bytes, as "s/a/<8 kB>/g" would grow a
// long text without limit.
const maxSubstituted = 256 << 10

// TooLong is what Apply returns for the number of places if its result would be too long.
const TooLong = -1

// delimiters are the characters that may separate the parts of s/old/new/.
const delimiters = "/|#"

// Substitution is "s/old/new/", which edits the sender's last message. Both parts are literal
// texts and not regular expressions, which few people know: a dot or a bracket in a sentence
// means itself.
type Substitution struct {
	old, New string
	All      bool // flag g: replace old wherever it occurs; without it, old must occur exactly once
}

// ParseSubstitution reads s/old/new/ or s/old/new/g; the last delimiter may be left out. A
// backslash escapes the delimiter and the backslash. ok is false for any other text, which is
// an ordinary message.
func ParseSubstitution(text string) (c Substitution, ok bool) {
	if len(text) < 2 || text[0] != 's' || !strings.ContainsRune(delimiters, rune(text[1])) || strings.Contains(text, "\n") {
		return Substitution{}, false
	}
	parts := splitEscaped(text[2:], text[1])
	switch {
	case len(parts) < 2 || len(parts) > 3 || parts[0] == "":
		return Substitution{}, false
	case len(parts) == 2 && parts[1] == "": // s/old//, all of it, removes something
		return Substitution{}, false
	case len(parts) == 3 && parts[2] != "" && parts[2] != "g":
		return Substitution{}, false
	}
	c = Substitution{old: parts[0], New: parts[1], All: len(parts) == 3 && parts[2] == "g"}
	return c, c.old != c.New
}

// splitEscaped splits a text at the delimiters that no backslash precedes.
func splitEscaped(text string, delimiter byte) []string {
	var parts []string
	var part strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text) && (text[i+1] == delimiter || text[i+1] == '\\'):
			i++
			part.WriteByte(text[i])
		case c == delimiter:
			parts = append(parts, part.String())
			part.Reset()
		default:
			part.WriteByte(c)
		}
	}
	return append(parts, part.String())
}

// Apply makes the substitution in a text and returns how often the old part occurs in it, or
// TooLong. Without All it changes the text only if that is once.
func (c Substitution) Apply(text string) (substituted string, found int) {
	if c.All {
		found = strings.Count(text, c.old)
		if n := len(text) + found*(len(c.New)-len(c.old)); n > max(maxSubstituted, len(text)) {
			return text, TooLong
		}
		return strings.ReplaceAll(text, c.old, c.New), found
	}
	first := strings.Index(text, c.old)
	switch {
	case first < 0:
		return text, 0
	case strings.LastIndex(text, c.old) != first:
		return text, max(2, strings.Count(text, c.old))
	}
	return strings.Replace(text, c.old, c.New, 1), 1
}
