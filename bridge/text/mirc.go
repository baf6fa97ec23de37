package text

import (
	"slices"
	"strings"
	"unicode/utf8"

	"directus-ircd/directus"
	"directus-ircd/ircd/wire"
)

// MaxBeginning is how much of a text stands for the whole.
const MaxBeginning = 120

// Beginning is the beginning of a text on one line, without formatting.
func Beginning(text string) string {
	words := strings.Join(strings.Fields(wire.Plain(Clip(text, MaxQuoted))), " ")
	if len(words) <= MaxBeginning {
		return words
	}
	cut := MaxBeginning
	for cut > 0 && words[cut]&0xc0 == 0x80 {
		cut--
	}
	return words[:cut] + "…"
}

// run is a piece of a line in one style.
type run struct {
	style style
	text  string
}

// mircRuns takes a line of IRC text apart. Colours and reverse have no place in
// what is stored; they are dropped.
func mircRuns(line string) []run {
	var runs []run
	var now style
	add := func(text string) {
		if n := len(runs); n > 0 && runs[n-1].style == now {
			runs[n-1].text += text
		} else if text != "" {
			runs = append(runs, run{now, text})
		}
	}
	for line != "" {
		words, code, rest := wire.CutFormat(line)
		add(words)
		if code != "" && code[0] == 0x0f {
			now = 0
		}
		for _, c := range styleCodes {
			if code != "" && code[0] == c.code {
				now ^= c.style
			}
		}
		line = rest
	}
	return runs
}

// nesting writes runs in a language whose formatting nests: what was begun last
// ends first.
type nesting struct {
	styles     []style // those that the language has
	begin, end func(style)
	text       func(run)
}

func (n nesting) write(runs []run) {
	var open []style
	closeTo := func(depth int) {
		for len(open) > depth {
			n.end(open[len(open)-1])
			open = open[:len(open)-1]
		}
	}
	for i, r := range runs {
		keep := 0
		for keep < len(open) && r.style&open[keep] != 0 {
			keep++
		}
		closeTo(keep)
		var more []style
		for _, s := range n.styles {
			if r.style&s != 0 && !slices.Contains(open, s) {
				more = append(more, s)
			}
		}
		// What lasts longest is outside.
		slices.SortStableFunc(more, func(a, b style) int { return lasts(runs[i:], b) - lasts(runs[i:], a) })
		for _, s := range more {
			n.begin(s)
			open = append(open, s)
		}
		n.text(r)
	}
	closeTo(0)
}

// lasts counts the runs from the first on that are in a style.
func lasts(runs []run, s style) int {
	if i := slices.IndexFunc(runs, func(r run) bool { return r.style&s == 0 }); i >= 0 {
		return i
	}
	return len(runs)
}

// maxReactionText is the length beyond which a text is no reaction.
const maxReactionText = 64

// ReactionText makes a text fit for a reaction; empty if it is none.
func ReactionText(text string) string {
	text = strings.TrimSpace(wire.Plain(wire.CleanText(text)))
	if len(text) > maxReactionText || strings.Contains(text, "\n") {
		return ""
	}
	return text
}

// MaxQuoted is how much of a stored text is looked at to show its beginning, in
// bytes: many answers to one long message must not cost it once each.
const MaxQuoted = directus.MaxRelated

// Clip is the beginning of a text, at most limit bytes. It cuts no character, and
// keeps nothing of the rest in memory.
func Clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return strings.Clone(text[:limit])
}
