package text

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"directus-ircd/ircd/wire"

	"github.com/yuin/goldmark/text"
)

// markdownFromIRC makes Markdown of IRC text.
//
// People on IRC write Markdown by hand, as they do everywhere: "**now**",
// "`make`". They also write "2*3*4", "arr[i](x)" and "List<String>", of which a
// page would show less than they wrote. So the rule is: what is typed is stored
// as it is typed if a page shows all its words, and else with every mark escaped, so
// that the page shows the very characters. mIRC formatting becomes Markdown in
// both cases, where CommonMark can express it; underline and colours are dropped.
// Back on IRC the same words are shown.
func markdownFromIRC(text string) string {
	plain := wire.Plain(text)
	if strings.TrimSpace(plain) == "" {
		return ""
	}
	lines := strings.Split(plain, "\n")
	stored, escape := joinMarkdown(lines), false
	if parseable(stored) && !pageShows(stored, plain) {
		escape = true
		for i := range lines {
			lines[i] = escapeMarkdown(lines[i], true)
		}
		stored = joinMarkdown(lines)
	}
	if plain == text {
		return stored
	}
	lines = strings.Split(text, "\n")
	for i := range lines {
		lines[i] = formatMarkdown(mircRuns(lines[i]), escape)
	}
	formatted := joinMarkdown(lines)
	shown := wire.Plain(markdownToIRC(formatted))
	if parseable(formatted) && (sameWords(shown, plain) || sameWords(shown, wire.Plain(markdownToIRC(stored)))) {
		return formatted
	}
	return stored // the marks would not be understood as such
}

// pageShows reports whether a web page that is given some Markdown shows all the
// words of a text.
func pageShows(markdown, words string) bool {
	m := markdownText{source: []byte(markdown), page: true}
	m.blocks(pageParser.Parse(text.NewReader(m.source)))
	shown := m.finish()
	return !m.hides && Visible(shown) && slices.Equal(wordsOf(shown), wordsOf(words))
}

// wordsOf lists the words of a text; in scripts that do without spaces, the
// letters. A backslash counts as a letter, since Markdown may swallow it.
func wordsOf(s string) []string {
	var words []string
	for word := range strings.FieldsFuncSeq(wire.Plain(s), func(r rune) bool { return !isWord(r) }) {
		start := 0
		for i, r := range word {
			if unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar) {
				if i > start {
					words = append(words, word[start:i])
				}
				start = i + utf8.RuneLen(r)
				words = append(words, word[i:start])
			}
		}
		if start < len(word) {
			words = append(words, word[start:])
		}
	}
	return words
}

func isWord(r rune) bool {
	return r == '\\' || unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r)
}

// fence matches a line that begins or ends a block of code.
var fence = regexp.MustCompile("^ {0,3}(?:```|~~~)")

// joinMarkdown joins lines so that they stay lines on a page: where a paragraph
// would flow on, with two spaces.
func joinMarkdown(lines []string) string {
	var b strings.Builder
	code := false
	for i, line := range lines {
		isFence := fence.MatchString(line)
		code = code != isFence
		if i == len(lines)-1 {
			b.WriteString(line)
			break
		}
		if code || isFence || strings.TrimSpace(line) == "" || strings.TrimSpace(lines[i+1]) == "" {
			b.WriteString(line)
		} else {
			b.WriteString(strings.TrimRight(line, " \t") + "  ")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// formatMarkdown writes a line with its formatting.
func formatMarkdown(runs []run, escape bool) string {
	var b strings.Builder
	marks := map[style]string{bold: "**", italic: "*", strike: "~~"}
	n := nesting{
		styles: []style{bold, italic, strike},
		begin:  func(s style) { b.WriteString(marks[s]) },
		end:    func(s style) { b.WriteString(marks[s]) },
		text: func(r run) {
			switch {
			case r.style&mono != 0:
				b.WriteString(codeSpan(r.text))
			case escape:
				b.WriteString(escapeMarkdown(r.text, b.Len() == 0))
			default:
				b.WriteString(r.text)
			}
		},
	}
	n.write(fitMarkdown(runs))
	return b.String()
}

// fitMarkdown takes formatting off where CommonMark would not see it ("Left- and
// right-flanking delimiter runs"): off spaces at the ends of what is formatted, and off
// punctuation there if a letter is beside it.
func fitMarkdown(runs []run) []run {
	var runes []rune
	var styles []style
	for _, r := range runs {
		for _, c := range r.text {
			s := r.style &^ underline
			if s&mono != 0 && strings.TrimSpace(r.text) == "" {
				s &^= mono
			}
			runes, styles = append(runes, c), append(styles, s)
		}
	}
	for _, s := range []style{bold, italic, strike} {
		for i := 0; i < len(runes); i++ {
			end := i
			for end < len(runes) && styles[end]&s != 0 {
				end++
			}
			if end > i {
				fitStretch(runes, styles, i, end, s)
				i = end
			}
		}
	}
	var fitted []run
	for i, c := range runes {
		if n := len(fitted); n > 0 && fitted[n-1].style == styles[i] {
			fitted[n-1].text += string(c)
		} else {
			fitted = append(fitted, run{styles[i], string(c)})
		}
	}
	return fitted
}

// fitStretch takes a style off the ends of one stretch.
func fitStretch(runes []rune, styles []style, from, to int, s style) {
	end := to
	fits := func(inner, outer int) bool {
		if unicode.IsSpace(runes[inner]) {
			return false
		}
		bare := styles[inner]&mono == 0 && !isPunct(runes[inner])
		return bare || outer < 0 || outer >= len(runes) || unicode.IsSpace(runes[outer]) || isPunct(runes[outer])
	}
	for from < end && !fits(from, from-1) {
		styles[from] &^= s
		from++
	}
	for from < end && !fits(end-1, end) {
		end--
		styles[end] &^= s
	}
}

func isPunct(r rune) bool { return unicode.IsPunct(r) || unicode.IsSymbol(r) }

// codeSpan writes code between as many backticks as it takes.
func codeSpan(code string) string {
	ticks := "`"
	for strings.Contains(code, ticks) {
		ticks += "`"
	}
	if strings.HasPrefix(code, "`") || strings.HasSuffix(code, "`") ||
		strings.HasPrefix(code, " ") && strings.HasSuffix(code, " ") && strings.TrimSpace(code) != "" {
		code = " " + code + " "
	}
	return ticks + code + ticks
}

// blockMark matches what has a meaning at the beginning of a line only.
var blockMark = regexp.MustCompile(`^(?:[-+=#:]|[0-9]{1,9}([.)]))`)

// escapeMarkdown makes a text mean itself. URLs stay links; start says that it
// begins a line.
func escapeMarkdown(s string, start bool) string {
	var b strings.Builder
	if start {
		s = strings.TrimLeft(s, " \t")
		if m := blockMark.FindStringSubmatchIndex(s); m != nil {
			at := max(m[2], 0)
			b.WriteString(s[:at] + `\` + s[at:at+1])
			s = s[at+1:]
		}
	}
	end := 0
	for _, url := range findURLs(s) {
		escapeMarks(&b, s[end:url[0]])
		b.WriteString("<" + s[url[0]:url[1]] + ">")
		end = url[1]
	}
	escapeMarks(&b, s[end:])
	return b.String()
}

func escapeMarks(b *strings.Builder, s string) {
	for _, r := range s {
		if strings.ContainsRune("\\`*_[]<>~|&", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
}
