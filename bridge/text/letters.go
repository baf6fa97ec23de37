package text

import (
	"strings"
	"unicode"

	"github.com/mozillazg/go-unidecode"
)

// Letters turns a name as people write it into ASCII letters, digits, "-" and "_", which all
// clients accept and all casemappings fold alike: other scripts are transliterated, and gap
// takes the place of whatever else is between them. It is empty if nothing is left.
func Letters(name string, gap byte) string {
	name = strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cf, unicode.Cc, unicode.Co, unicode.Cs) {
			return -1 // zero-width and bidirectional controls make look-alikes
		}
		return r
	}, name)
	var b strings.Builder
	for _, r := range unidecode.Unidecode(strings.TrimSpace(name)) {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			b.WriteRune(r)
		case r == '\'' || r == '`' || r == '"' || r == '@':
		default:
			if s := b.String(); s != "" && s[len(s)-1] != gap {
				b.WriteByte(gap)
			}
		}
	}
	return strings.Trim(b.String(), "_-")
}
