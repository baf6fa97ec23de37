package wire

import (
	"cmp"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// Lines cuts a text at its line breaks and drops the lines that show nothing: IRC
// cannot carry an empty message.
func Lines(text string) []string {
	var lines []string
	for line := range strings.FieldsFuncSeq(text, IsLineBreak) {
		if Visible(line) {
			lines = append(lines, line)
		}
	}
	return lines
}

// maxTextLines is how many lines of a text are shown. A megabyte of text can hold a
// million lines, each of which costs every client a prefix and tags.
const maxTextLines = 2000

// maxTextBytes is how many bytes of a text are shown.
const maxTextBytes = 256 << 10

// Truncate cuts a clean text after maxTextLines lines or maxTextBytes bytes, and adds a
// line that says how much is missing.
func Truncate(text string) string {
	shown := cutLines(text)
	if len(shown) <= maxTextBytes {
		return shown
	}
	head := Clip(text, maxTextBytes)
	return fmt.Sprintf("%s\n[bytes not shown: %d]", head, len(text)-len(head))
}

// cutLines applies the limit of maxTextLines.
func cutLines(text string) string {
	if text = strings.TrimRightFunc(text, IsLineBreak); len(text) < maxTextLines {
		return text
	}
	breaks, end := 0, 0
	for i, r := range text {
		if !IsLineBreak(r) {
			continue
		}
		if breaks++; breaks == maxTextLines {
			end = i
		}
	}
	if breaks < maxTextLines {
		return text
	}
	return fmt.Sprintf("%s\n[lines not shown: %d]", text[:end], breaks+1-maxTextLines)
}

// Visible reports whether a line shows anything beyond spaces and formatting codes.
func Visible(s string) bool {
	for s != "" {
		n := formatLen(s)
		if n == 0 {
			var r rune
			if r, n = utf8.DecodeRuneInString(s); !isControl(r) && !isDirection(r) && !unicode.IsSpace(r) {
				return true
			}
		}
		s = s[n:]
	}
	return false
}

// Split cuts one line of text into parts of at most limit bytes of valid UTF-8. It cuts
// at spaces, which it drops; else between graphemes, so that accents and emoji stay
// whole; else between runes, for a grapheme longer than a part. mIRC formatting codes
// stay whole and are repeated at the start of the next part. Parts that would show
// nothing are left out, unless there is no other.
//
// A limit below 4, the longest rune, counts as 4.
func Split(text string, limit int) []string { return SplitAt(text, limit, nil) }

// SplitAt is Split for a text that is to be cut in some places in any case, given by ascending
// offsets. There it drops no spaces.
func SplitAt(text string, limit int, cuts []int) []string {
	limit = max(limit, utf8.UTFMax)
	text = strings.ToValidUTF8(text, "\uFFFD")
	if text == "" {
		return nil
	}
	if len(text) <= limit && len(cuts) == 0 {
		return []string{text}
	}
	var parts []string
	var f format
	for at := 0; text != ""; {
		reopen := f.codes(text)
		if len(reopen) > limit/2 || limit-len(reopen) < utf8.UTFMax {
			reopen = "" // losing colours beats shredding the text
		}
		for len(cuts) > 0 && cuts[0] <= at {
			cuts = cuts[1:]
		}
		part, rest := cutPart(text, limit-len(reopen))
		if len(cuts) > 0 && cuts[0]-at <= limit-len(reopen) && cuts[0]-at < len(text) {
			part, rest = text[:cuts[0]-at], text[cuts[0]-at:]
		}
		if Visible(part) {
			parts = append(parts, reopen+part)
		}
		f.apply(text[:len(text)-len(rest)])
		at += len(text) - len(rest)
		text = rest
	}
	return parts
}

// Wrap cuts one line of text into parts of at most limit bytes that give the text again
// when joined. It cuts where Split does, but keeps the spaces at the end of the earlier
// part and repeats no formatting: readers join the parts first. A limit below 4 counts
// as 4.
func Wrap(text string, limit int) []string {
	limit = max(limit, utf8.UTFMax)
	var parts []string
	for len(text) > limit {
		end, _, spaces := fit(text, limit)
		n := cmp.Or(spaces, end, runeBefore(text, limit))
		parts = append(parts, text[:n])
		text = text[n:]
	}
	return append(parts, text)
}

// fit returns how much of a text that is longer than limit fits: end is where the units
// end that do, word where the last word ends before a space, and spaces where the spaces
// after it end; 0 if there is none.
func fit(text string, limit int) (end, word, spaces int) {
	visible := false // spaces before the first word are indentation
	for {
		u := unitLen(text[end:], limit)
		blank := u == 1 && isBlank(text[end])
		if blank && visible {
			word = end
		}
		if end+u > limit {
			return end, word, spaces
		}
		visible = visible || !blank && formatLen(text[end:]) == 0
		if end += u; blank && visible {
			spaces = end
		}
	}
}

// runeBefore returns limit, or the start of the rune that it would cut in two.
func runeBefore(text string, limit int) int {
	for !utf8.RuneStart(text[limit]) {
		limit--
	}
	return limit
}

// cutPart returns the first part of text, at most limit bytes, and what is left
// for the next. It always takes something off text, and limit is at least 4.
func cutPart(text string, limit int) (part, rest string) {
	if len(text) <= limit {
		return text, ""
	}
	end, word, _ := fit(text, limit)
	switch {
	case word > 0:
		return strings.TrimRight(text[:word], " \t"), strings.TrimLeft(text[word:], " \t")
	case end > 0:
		return text[:end], text[end:]
	}
	if n := formatLen(text); n > 0 {
		return "", text[n:] // a code without room for it
	}
	end = runeBefore(text, limit)
	return text[:end], text[end:]
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// unitLen returns the length of the first unit of s that must not be cut: a formatting
// code or a grapheme. For one longer than limit it returns any length above limit, so
// that a hostile pile of accents is not measured over and over.
func unitLen(s string, limit int) int {
	if n := formatLen(s); n > 0 {
		return n
	}
	if s[0] < utf8.RuneSelf && (len(s) == 1 || s[1] < utf8.RuneSelf) {
		return 1
	}
	end := min(len(s), limit+1)
	for end < len(s) && !utf8.RuneStart(s[end]) {
		end++
	}
	cluster, _, _, _ := uniseg.FirstGraphemeClusterInString(s[:end], -1)
	return len(cluster)
}

// WholeLines cuts a clean text at its line breaks and keeps blank lines.
func WholeLines(text string) []string {
	return strings.Split(strings.Map(func(r rune) rune {
		if IsLineBreak(r) {
			return '\n'
		}
		return r
	}, text), "\n")
}
