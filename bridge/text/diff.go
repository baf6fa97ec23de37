package text

import (
	"slices"
	"strings"

	"directus-ircd/ircd"
	"directus-ircd/ircd/wire"
)

const (
	// elision stands for what has not changed.
	elision = "…"
	// maxDiffed is the length of both texts together, in bytes, up to which they are
	// compared word by word; maxContext bounds the unchanged words that are added to a
	// change so that its place can be found.
	maxDiffed  = 16 << 10
	maxContext = 8
)

// EditText returns the line that shows an edit: ircd.EditMark, and the change or the whole new
// text, whichever is shorter. changed is false if people would see no difference. before is
// empty if the old text is not known. Both texts are IRC text.
func EditText(before, after string) (text string, changed bool) {
	if sameWords(before, after) {
		return "", false
	}
	// The change is shown without formatting, as a cut might separate codes that belong
	// together.
	if d := textDiff(wire.Plain(before), wire.Plain(after)); d != "" && len(d) < len(after) {
		return ircd.EditMark + d, true
	}
	return ircd.EditMark + after, true
}

// Unchanged returns the words with which both versions of a text begin, on one line and without
// formatting, to be quoted. Both texts are IRC text.
func Unchanged(before, after string) string {
	a, b := strings.Fields(wire.Plain(Clip(before, MaxQuoted))), strings.Fields(wire.Plain(Clip(after, MaxQuoted)))
	head, _ := common(a, b, func(x, y string) bool { return x == y })
	words := strings.Join(a[:head], " ")
	if 0 < head && head < len(a) {
		words += " " + elision
	}
	return Beginning(words)
}

// Wording returns the text of a message in a form that tells an action from a line with the
// same words.
func Wording(m *ircd.Message) string { return Spoken(m.Kind, m.Text) }

// SaysSame reports whether people see no difference between two versions of a message: nobody
// changes one to a NOTICE. A nil version is unknown and differs from every other.
func SaysSame(a, b *ircd.Message) bool {
	return a != nil && b != nil && sameWords(Wording(a), Wording(b))
}

// sameWords reports whether two texts differ in nothing but white space.
func sameWords(a, b string) bool { return slices.Equal(strings.Fields(a), strings.Fields(b)) }

// textDiff describes the change of a text in one place: as s/old/new/ with as many words as it
// takes to find the place, as "… tail" for words added at the end, or as the lines that have
// changed. It is empty if none of these describes the change.
func textDiff(before, after string) string {
	if strings.TrimSpace(before) == "" || sameWords(before, after) || len(before)+len(after) > maxDiffed {
		return ""
	}
	a, b := strings.Split(before, "\n"), strings.Split(after, "\n")
	head, tail := common(a, b, sameWords)
	a, b = a[head:len(a)-tail], b[head:len(b)-tail]
	open, end := "", ""
	if head > 0 {
		open = elision + " "
	}
	if tail > 0 {
		end = " " + elision
	}
	if len(b) == 0 {
		return "" // lines were removed
	}
	if len(a) == 1 && len(b) == 1 {
		if d := lineDiff(a[0], b[0], strings.Join(strings.Fields(before), " "), tail == 0); d != "" {
			return d
		}
	}
	return open + strings.Join(b, "\n") + end
}

// lineDiff describes a change within one line. whole is the old text with single spaces, in
// which the place must be unique; last says that no unchanged line follows.
func lineDiff(before, after, whole string, last bool) string {
	a, b := strings.Fields(before), strings.Fields(after)
	head, tail := common(a, b, func(x, y string) bool { return x == y })
	if head == len(a) && last {
		return elision + " " + strings.Join(b[head:], " ")
	}
	for range maxContext {
		from, to := strings.Join(a[head:len(a)-tail], " "), strings.Join(b[head:len(b)-tail], " ")
		if from != "" && strings.Index(whole, from) == strings.LastIndex(whole, from) {
			return substitution(from, to)
		}
		switch {
		case tail > 0 && (head == 0 || from == "" || tail >= head):
			tail--
		case head > 0:
			head--
		default:
			return "" // the line occurs more than once
		}
	}
	return ""
}

// substitution writes a change as s/from/to/, with a delimiter that neither text contains;
// empty if there is none.
func substitution(from, to string) string {
	for _, delimiter := range delimiters {
		if d := string(delimiter); !strings.Contains(from+to, d) {
			return "s" + d + from + d + to + d
		}
	}
	return ""
}

// common counts the elements that two lists share at the beginning and, apart from those, at
// the end.
func common(a, b []string, same func(x, y string) bool) (head, tail int) {
	for head < len(a) && head < len(b) && same(a[head], b[head]) {
		head++
	}
	for tail < len(a)-head && tail < len(b)-head && same(a[len(a)-1-tail], b[len(b)-1-tail]) {
		tail++
	}
	return head, tail
}
