package wire

import (
	"iter"
	"strings"
)

// Targets cuts a list at its commas and drops what comes twice: one line
// could else ask for the same long answer a thousand times.
func Targets(list string) []string { return Distinct(strings.SplitSeq(list, ",")) }

// Distinct returns the words that are not empty, without those that come again.
func Distinct(words iter.Seq[string]) []string {
	var list []string
	seen := make(map[string]bool)
	for w := range words {
		if w != "" && !seen[Fold(w)] {
			seen[Fold(w)] = true
			list = append(list, w)
		}
	}
	return list
}

// Match matches a mask with "*" and "?" (RFC 2812, 2.5), folded.
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

// Pack joins words with spaces into lists of at most limit bytes. A word
// that is longer stands alone.
func Pack(words []string, limit int) []string {
	var lists []string
	var list []byte
	for _, w := range words {
		if len(list) > 0 && len(list)+1+len(w) > limit {
			lists = append(lists, string(list))
			list = list[:0]
		}
		if len(list) > 0 {
			list = append(list, ' ')
		}
		list = append(list, w...)
	}
	if len(list) > 0 {
		lists = append(lists, string(list))
	}
	return lists
}
