package text

import "strings"

// maxSubstituted bounds a text that a substitution makes longer: an "a" for which 8 kB
// stand has many places in a long text.
const maxSubstituted = 256 << 10

// TooLong stands for the number of places if the text would become too long.
const TooLong = -1

// delimiters are what may stand between the parts of s/old/new/.
const delimiters = "/|#"

// Substitution is "s/old/new/": it replaces a piece of one's last message. The
// pieces are literal texts: those who know regular expressions are few, and a
// dot or a bracket in a sentence means itself.
type Substitution struct {
	old, New string
	All      bool // flag g: wherever it stands; else it has to stand there once
}

// ParseSubstitution reads s/old/new/ or s/old/new/g, with the last delimiter left
// out as people do. A backslash in front of the delimiter, or of another
// backslash, takes its meaning away. Whatever looks different is no substitution.
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

// splitEscaped cuts a text at a delimiter that no backslash precedes.
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

// Apply makes the substitution in a text and says how often the old piece stands in it. It
// changes nothing unless the place is clear.
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
