package text

import (
	"strings"
	"unicode/utf8"

	"directus-ircd/directus"
	"directus-ircd/ircd/wire"
)

// maxBeginning is the length of the result of Beginning, in bytes, without an ellipsis.
const maxBeginning = 120

// Beginning returns the beginning of a text on one line, without formatting, to be quoted.
func Beginning(text string) string {
	words := strings.Join(strings.Fields(wire.Plain(Clip(text, MaxQuoted))), " ")
	return Shorten(words, maxBeginning)
}

// Shorten is Clip with an ellipsis in place of what was cut off.
func Shorten(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return Clip(text, limit) + "…"
}

// MaxQuoted is how much of a stored text is converted to quote its beginning, in bytes, as each
// of many answers to one long message quotes it again.
const MaxQuoted = directus.MaxRelated

// Clip returns the beginning of a text, at most limit bytes, and cuts no character. The result
// does not keep the rest in memory.
func Clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return strings.Clone(text[:limit])
}

// maxReactionText is the length of the longest reaction, in bytes.
const maxReactionText = 64

// ReactionText returns the text of a reaction, cleaned; empty if the text is longer than 64 bytes
// or has more than one line.
func ReactionText(text string) string {
	text = strings.TrimSpace(wire.Plain(wire.CleanText(text)))
	if len(text) > maxReactionText || strings.Contains(text, "\n") {
		return ""
	}
	return strings.Clone(text) // which may be a small part of a long one
}
