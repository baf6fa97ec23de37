package wire

import (
	"iter"
	"strings"
)

// Targets cuts a list at its commas and drops duplicates: otherwise one line could ask
// for the same long answer a thousand times.
func Targets(list string) []string { return Distinct(strings.SplitSeq(list, ",")) }

// Distinct returns the words without empty ones and, by case mapping, duplicates.
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

// Pack joins words with spaces into lists of at most limit bytes. A longer word is a
// list of its own.
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
