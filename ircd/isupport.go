package ircd

import (
	"fmt"
	"strings"
)

const (
	isupportTokens = 13 // RFC 2812 allows 15 parameters: the nick, these and the text
	// isupportBytes is what the tokens of a line may take, their spaces
	// included: a line without ":server 005 nick" and
	// " :are supported by this server", both names being as long as they get.
	isupportBytes = maxBody - (1 + maxServerName + 1 + 3 + 1 + NickLen) - len(" :are supported by this server")
	maxServerName = 63
)

// isupportLines spreads the tokens of RPL_ISUPPORT over lines, in order: at
// most 13 a line, and no line too long. Empty tokens are left out, and so is
// one that fits no line, for cut off it would say something else.
func isupportLines(tokens []string) [][]string {
	var lines [][]string
	var line []string
	size := 0
	for _, t := range tokens {
		need := 1 + len(t)
		if t == "" || need > isupportBytes {
			continue
		}
		if len(line) == isupportTokens || size+need > isupportBytes {
			lines = append(lines, line)
			line, size = nil, 0
		}
		line = append(line, t)
		size += need
	}
	if len(line) > 0 {
		lines = append(lines, line)
	}
	return lines
}

// isupportEscape makes s fit to be the value of a token: what would end or
// divide it is written as \x and two hexadecimal digits.
func isupportEscape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == 0x7f || c == '\\' || c == '=' {
			fmt.Fprintf(&b, `\x%02X`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
