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

// markdownFromIRC converts IRC text to Markdown.
//
// People on IRC write Markdown by hand, as they do elsewhere: "**now**", "`make`". They also
// write "2*3*4", "__init__.py", "arr[i](x)" and "List<String>", of which a page would show less
// than they wrote. So a text is stored as it is typed if a page hides nothing but marks around
// words, and otherwise with every mark escaped, so that the page shows each character. In both cases mIRC formatting
// becomes Markdown where CommonMark can express it; underline and colours are dropped. Shown
// on IRC again, the text has the same words.
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
	shown := wire.Plain(markdownToIRC(formatted, ""))
	if parseable(formatted) && (sameWords(shown, plain) || sameWords(shown, wire.Plain(markdownToIRC(stored, "")))) {
		return formatted
	}
	return stored // CommonMark would show the marks as text
}

// pageShows reports whether a web page would show all words of a text, given some Markdown.
func pageShows(markdown, words string) bool {
	m := markdownText{source: []byte(markdown), page: true}
	m.blocks(pageParser.Parse(text.NewReader(m.source)))
	shown := m.finish()
	return !m.hides && Visible(shown) && slices.Equal(wordsOf(shown), wordsOf(words))
}

// wordsOf lists the words of a text or, in scripts without spaces, the letters. What stands
// between two spaces is one word, so that "__init__.py" and "a*b" are, without the marks and the
// punctuation around it.
func wordsOf(s string) []string {
	var words []string
	add := func(word string) {
		if word = bareWord(word); word != "" {
			words = append(words, word)
		}
	}
	separate := func(r rune) bool { return r == '`' || unicode.IsSpace(r) }
	for field := range strings.FieldsFuncSeq(strings.ReplaceAll(wire.Plain(s), "](", " "), separate) {
		start := 0
		for i, r := range field {
			if unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar) {
				add(field[start:i])
				start = i + utf8.RuneLen(r)
				add(field[i:start])
			}
		}
		add(field[start:])
	}
	return words
}

// bareWord removes from a word what Markdown may stand for. Two underscores at both ends belong
// to a name of Python, as people who want bold type asterisks. A word of punctuation, such as
// "-_-", keeps all that is no mark; it is empty if it consists of marks.
func bareWord(word string) string {
	bare := strings.TrimFunc(word, func(r rune) bool { return !isWord(r) })
	if bare == "" {
		return strings.Trim(word, "*_~#>()[]<!")
	}
	if name := "__" + bare + "__"; strings.Contains(word, name) {
		return name
	}
	return bare
}

// isWord reports whether a character belongs to a word wherever it stands. A backslash does, as
// Markdown may swallow it.
func isWord(r rune) bool {
	return r == '\\' || unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r)
}

// fence matches a line that begins or ends a block of code.
var fence = regexp.MustCompile("^ {0,3}(?:```|~~~)")

// joinMarkdown joins lines so that they stay lines on a page: within a paragraph it ends them
// with two spaces.
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

// formatMarkdown writes one line with its formatting; escape says whether to escape its text.
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

// fitMarkdown removes formatting where CommonMark would not recognise it ("left- and
// right-flanking delimiter runs"): from spaces at the ends of a formatted stretch, and from
// punctuation there if a letter is next to it.
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
		fitted = appendRun(fitted, styles[i], string(c))
	}
	return fitted
}

// fitStretch removes a style from the ends of the stretch from..to where it does not fit.
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

// codeSpan returns code between as many backticks as it needs.
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

// blockMark matches marks that have a meaning at the beginning of a line only.
var blockMark = regexp.MustCompile(`^(?:[-+=#:]|[0-9]{1,9}([.)]))`)

// escapeMarkdown escapes all marks in a text. URLs stay links. start means that the text begins
// a line.
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
