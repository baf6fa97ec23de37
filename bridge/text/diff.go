package text

import (
	"slices"
	"strings"

	"directus-ircd/ircd"
	"directus-ircd/ircd/wire"
)

const (
	// EditMark stands before what has changed in a message: in front, as people
	// wonder at a line that says only at its end what it is.
	EditMark = "[edited] "
	// elision stands for what has not changed.
	elision = "…"
	// maxDiffed bounds the texts that are compared word by word, maxContext the
	// words that a change is given to be found by.
	maxDiffed  = 16 << 10
	maxContext = 8
)

// EditText says how a message has changed: by the shorter of the change and the
// whole new text. It is false if people would see no difference; before is
// empty where it is not known.
func EditText(before, after string) (text string, changed bool) {
	if sameWords(before, after) {
		return "", false
	}
	// In a change formatting would be cut off from its end.
	if d := textDiff(wire.Plain(before), wire.Plain(after)); d != "" && len(d) < len(after) {
		return EditMark + d, true
	}
	return EditMark + after, true
}

// Wording is the text of a message with the mark of an action: the same words said and
// done are two wordings.
func Wording(m *ircd.Message) string {
	if m.Kind == ircd.Action {
		return actionPrefix + m.Text
	}
	return m.Text
}

// SaysSame reports whether people see no difference between two versions of a message.
// A nil one is not known, and so differs.
func SaysSame(a, b *ircd.Message) bool {
	return a != nil && b != nil && a.Kind == b.Kind && sameWords(a.Text, b.Text)
}

func sameWords(a, b string) bool { return slices.Equal(strings.Fields(a), strings.Fields(b)) }

// textDiff describes a change of one place in a text: s/old/new/ with as many
// words as it takes to find the place, "… tail" for what was added at the end,
// or the lines that have changed. It is empty where that does not do.
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

// lineDiff describes a change within a line of a text whose words are whole.
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
			return "" // the line stands there more than once
		}
	}
	return ""
}

// substitution writes a change down as s/from/to/, by a delimiter that neither
// text contains.
func substitution(from, to string) string {
	for _, delimiter := range delimiters {
		if d := string(delimiter); !strings.Contains(from+to, d) {
			return "s" + d + from + d + to + d
		}
	}
	return ""
}

// common counts the elements that two lists have in common at the beginning and,
// behind them, at the end.
func common(a, b []string, same func(x, y string) bool) (head, tail int) {
	for head < len(a) && head < len(b) && same(a[head], b[head]) {
		head++
	}
	for tail < len(a)-head && tail < len(b)-head && same(a[len(a)-1-tail], b[len(b)-1-tail]) {
		tail++
	}
	return head, tail
}
