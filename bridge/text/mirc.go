package text

import (
	"slices"

	"directus-ircd/ircd/wire"
)

// run is a piece of a line in one style.
type run struct {
	style style
	text  string
}

// mircRuns splits a line of IRC text into runs. Colours and reverse are dropped, as no format
// stores them.
func mircRuns(line string) []run {
	var runs []run
	var now style
	for line != "" {
		words, code, rest := wire.CutFormat(line)
		runs = appendRun(runs, now, words)
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

// appendRun adds text in a style, to the last run if that has the same.
func appendRun(runs []run, s style, text string) []run {
	if n := len(runs); n > 0 && runs[n-1].style == s {
		runs[n-1].text += text
		return runs
	}
	if text == "" {
		return runs
	}
	return append(runs, run{s, text})
}

// nesting writes runs in a language whose formatting nests: the style that was begun last ends
// first.
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
		// The style that lasts longest goes outside.
		slices.SortStableFunc(more, func(a, b style) int { return lasts(runs[i:], b) - lasts(runs[i:], a) })
		for _, s := range more {
			n.begin(s)
			open = append(open, s)
		}
		n.text(r)
	}
	closeTo(0)
}

// lasts counts the runs at the beginning that are in a style.
func lasts(runs []run, s style) int {
	if i := slices.IndexFunc(runs, func(r run) bool { return r.style&s == 0 }); i >= 0 {
		return i
	}
	return len(runs)
}
